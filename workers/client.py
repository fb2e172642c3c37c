"""What the commands share: finding the running stack that they talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import boto3
from dotenv import dotenv_values

from config.settings import PREFIX, Settings, load_settings
from tasks.adapters.object_store import ObjectInfo, ObjectStore
from tasks.adapters.records import RecordStore
from tasks.errors import ConfigurationError
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.local_dir import was_left

DEFAULT_DATA_DIR: Final = Path(".newsreel")
ENV_FILE: Final = "newsreel.env"
# Any one of these in the environment says where newsreel is.
_WHERE: Final = ("NEWSREEL_S3_ENDPOINT_URL", "NEWSREEL_BROKER_URL", "NEWSREEL_INCOMING_BUCKET")
_CREDENTIALS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


class NotRunning(ConfigurationError):  # noqa: N818
    """No running stack was found; the message has the remedy."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """A running stack, as its users reach it."""

    settings: Settings
    store: ObjectStore
    clips: RecordStore[ClipRecord]
    articles: RecordStore[ArticleRecord]
    # Holds credentials, which no log and no traceback should show.
    env: Mapping[str, str] = field(repr=False)

    def head(self, key: str) -> ObjectInfo:
        """What the incoming bucket holds under the key.

        Raises:
            NoSuchObject: nothing.
        """
        return self.store.head(self.settings.incoming_bucket, key)


def connect(data_dir: Path | None = None, *, env: Mapping[str, str] | None = None) -> Client:
    """Find the stack: what ``newsreel up`` wrote to ``DIR/newsreel.env``, or the environment; nothing is sent yet.

    A ``data_dir`` that is given wins over the environment, the default one does not. The S3 credentials go with the
    endpoint: where the file names it, the file's are used, so that an ``AWS_…`` set for other work does no harm.
    ``env`` replaces both.

    Raises:
        NotRunning: neither names a stack, or ``data_dir`` was given and has no running one.
        pydantic.ValidationError, OSError: see `load_settings`.
    """
    wanted = _environment(data_dir) if env is None else env
    with environment(wanted):
        settings = load_settings()
        store = ObjectStore.connect(endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    return Client(
        settings=settings,
        store=store,
        clips=RecordStore(store, settings.media_bucket, ClipRecord, keys.clip_record),
        articles=RecordStore(store, settings.media_bucket, ArticleRecord, keys.article_record),
        env=wanted,
    )


@contextmanager
def environment(env: Mapping[str, str]) -> Iterator[None]:
    """Give this process that environment (newsreel's variables and S3 credentials) for a while."""
    ours = {name for name in {*os.environ, *env} if name.startswith(PREFIX) or name in _CREDENTIALS}
    before = {name: os.environ[name] for name in ours if name in os.environ}
    _replace(ours, env)
    # boto3 keeps the first credentials that it found; a session of its own finds these.
    boto3.setup_default_session()
    try:
        yield
    finally:
        _replace(ours, before)
        boto3.setup_default_session()


def _environment(data_dir: Path | None) -> dict[str, str]:
    file = (data_dir or DEFAULT_DATA_DIR) / ENV_FILE
    read = dotenv_values(file, interpolate=False) if file.is_file() else {}
    of_file = {name: value for name, value in read.items() if value is not None}
    if not of_file and (data_dir is not None or not any(name in os.environ for name in _WHERE)):
        raise NotRunning(
            f"No newsreel is running on {file.parent}: there is no file {file}. "
            f"Remedy: start one in another terminal with: newsreel up{f' --data {data_dir}' if data_dir else ''}. "
            "For one elsewhere, set NEWSREEL_S3_ENDPOINT_URL, NEWSREEL_BROKER_URL, AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        )
    if of_file and was_left(file.parent):
        raise NotRunning(
            f"The newsreel on {file.parent} was killed. Remedy: start it again with: newsreel up"
            + (f" --data {data_dir}" if data_dir else "")
        )
    own = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if data_dir is not None:
        return {**own, **of_file}
    endpoint = f"{PREFIX}S3_ENDPOINT_URL"
    keeps_credentials = endpoint in os.environ or endpoint not in of_file
    credentials = {name: os.environ[name] for name in _CREDENTIALS if keeps_credentials and name in os.environ}
    return {**of_file, **own, **credentials}


def _replace(names: set[str], env: Mapping[str, str]) -> None:
    for name in names:
        if name in env:
            os.environ[name] = env[name]
        else:
            os.environ.pop(name, None)

"""Settings, read from the environment (prefix ``NEWSREEL_``).

A secret may also be given as a file: ``NEWSREEL_EVENTS_TOKEN_FILE=/run/secrets/token`` stands for
``NEWSREEL_EVENTS_TOKEN``. S3 credentials are boto3's own (``AWS_ACCESS_KEY_ID`` and its relatives).
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "NEWSREEL_"
_FILE = "_FILE"
# Not ours: docker-compose.yml's own, and what Kubernetes and Docker say of services whose name begins like ours. Beside
# these they have variables whose values are addresses of this form.
_OTHERS = re.compile(r"BIND|REDIS_PASSWORD|(.+_)?SERVICE_(HOST|PORT(_.*)?)|(.+_)?PORT_[0-9]+_(TCP|UDP)(_.*)?")
_SERVICES = ("tcp://", "udp://")
_ORIGIN = r"\*|https?://[0-9a-z.-]+(:[0-9]{1,5})?"
# What each of a list may look like, and an example. Origins become part of headers: nothing else may stand in them.
_LISTS = {
    "sns_topic_arns": (
        r"arn:aws(-[a-z]+)*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}",
        "arn:aws:sns:REGION:ID:NAME",
    ),
    "allowed_hosts": (r"\*|[0-9a-z.-]+|\[[0-9a-f:.]+\]", "news.example.org"),
    "cors_origins": (_ORIGIN, "https://news.example.org"),
    "embed_origins": (_ORIGIN, "https://news.example.org"),
}


class Settings(BaseSettings):
    """Everything a newsreel process can be told. Times in seconds, sizes in bytes."""

    # A wrong setting is told by its name: its value, or its neighbours', may be secret.
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    # Where the servers are
    broker_url: str = "redis://127.0.0.1:6379/0"
    s3_endpoint_url: str | None = Field(default=None, description="None means AWS itself.")
    s3_region: str = "us-east-1"
    incoming_bucket: str = "newsreel-incoming"
    media_bucket: str = "newsreel-media"
    gateway_url: str = "http://127.0.0.1:8080"
    public_media_url: str = Field(
        default="",
        description="Where readers find what is in the media bucket: a CDN, the bucket itself; else the gateway.",
    )
    flower_url: str = "http://127.0.0.1:5555"

    # Who may do what
    events_token: SecretStr = Field(default=SecretStr(""), description="Bearer token that senders of events present.")
    events_hmac_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs events instead (Standard Webhooks); two, separated by a space, while they change.",
    )
    sns_topic_arns: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="SNS topics whose signed messages are taken, separated by commas."
    )
    sqs_queue_url: str = Field(default="", description="Queue of object events to poll; none if empty.")
    operator_token: SecretStr = Field(default=SecretStr(""), description="Bearer token of operators' requests.")
    read_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token of the API's readers; without one everybody may read."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*",), description="Names under which the gateway may be asked, without port; “*” is any."
    )
    trusted_proxies: str = Field(
        default="", description="Addresses whose X-Forwarded-For is believed, separated by commas; “*” is any."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*",), description="Sites whose scripts may read records and media, separated by commas; “*” is any."
    )
    embed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*",), description="Sites that may frame the pages under /embed/, separated by commas; “*” is any."
    )
    events_per_s: float = Field(default=200.0, ge=0, description="From one sender, on average; 0 is no limit.")
    reads_per_s: float = Field(default=500.0, ge=0, description="By one reader, on average; 0 is no limit.")
    max_connections: int = Field(default=1000, ge=1, description="Connections that one gateway keeps open.")
    webhooks: SecretStr = Field(
        default=SecretStr(""), description="Endpoints that are told of events, as TOML; see docs/webhooks.md."
    )
    flower_address: str = Field(default="127.0.0.1", description="Where Flower listens.")
    flower_port: int = Field(default=5555, ge=1, le=65535)
    flower_user: str = "newsreel"
    flower_password: SecretStr = SecretStr("")

    # How clips are made
    ladder: str = Field(default="news", description="A shipped ladder's name, or the path of a TOML file.")
    ffmpeg: Literal["bundled", "path"] = Field(
        default="bundled", description="'bundled' is the pinned pair of the wheels, 'path' what PATH holds."
    )
    cage: Literal["auto", "required", "off"] = Field(
        default="auto", description="Run ffmpeg in bubblewrap: where it works, always or fail, never."
    )
    encode_cores: int = Field(
        default=0, ge=0, description="Cores that one encode spreads its threads over; 0: all that the worker may use."
    )
    workspace_dir: Path = Path(tempfile.gettempdir()) / "newsreel"
    max_source_bytes: int = 50 * 1024**3
    max_duration_s: float = 6 * 3600.0
    max_pixels: int = 8192 * 4320
    max_streams: int = 64

    # Leases and reconciliation
    lease_s: float = Field(default=60.0, gt=1, description="A worker silent for longer has lost its clip.")
    max_attempts: int = Field(default=3, ge=1)
    retry_delay_s: float = Field(default=15.0, ge=0, description="First pause before a transient failure is retried.")
    reconcile_interval_s: float = Field(default=60.0, gt=0)
    collect_interval_s: float = Field(default=3600.0, gt=0, description="How often media that nobody names are sought.")
    version_grace_s: float = Field(
        default=24 * 3600.0, ge=0, description="How long media that no record names any more stay for late readers."
    )

    # The newsroom
    timezone: str = "Asia/Ho_Chi_Minh"
    max_article_bytes: int = 10 * 1024**2
    reference_labels: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("video clip", "video-clip", "videos", "video", "clips", "clip"),
        description="Words before a clip's name in an article (“Video: NAME.mp4”), separated by commas.",
    )
    reference_shortcodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("video", "clip", "newsreel"),
        description="Shortcodes that name a clip (“[video NAME]”), separated by commas.",
    )

    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("reference_labels", "reference_shortcodes", mode="before")
    @classmethod
    def _words(cls, value: object, info: ValidationInfo) -> object:
        words = tuple(" ".join(each.split()) for each in value.split(",")) if isinstance(value, str) else value
        plain = re.compile(r"[^\W\d_](?:[^\W_]|[ -](?=[^\W_])){0,29}")
        if not (isinstance(words, tuple | list) and words and all(plain.fullmatch(str(each)) for each in words)):
            raise ValueError(
                f"{PREFIX}{str(info.field_name).upper()}: expected words of letters, separated by commas, such as "
                f"“video, clip”; got “{value}”"
            )
        return tuple(words)

    @field_validator("sns_topic_arns", "allowed_hosts", "cors_origins", "embed_origins", mode="before")
    @classmethod
    def _listed(cls, value: object, info: ValidationInfo) -> object:
        form, example = _LISTS[str(info.field_name)]
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, tuple | list):
            raise TypeError(f"{PREFIX}{str(info.field_name).upper()}: expected a list separated by commas")
        listed = tuple(filter(None, (str(part).strip() for part in parts)))
        for each in listed:
            if not re.fullmatch(form, each):
                raise ValueError(f"{PREFIX}{str(info.field_name).upper()}: “{each}” is not of the form {example}")
        return listed

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone; one is Asia/Ho_Chi_Minh") from error
        return value

    @model_validator(mode="after")
    def _two_buckets(self) -> Settings:
        if self.incoming_bucket == self.media_bucket:
            raise ValueError(
                "NEWSREEL_INCOMING_BUCKET and NEWSREEL_MEDIA_BUCKET must differ: "
                "with one bucket an output would trigger an input"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The newsroom's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def heartbeat_s(self) -> float:
        """How often a worker renews its lease and reports progress."""
        return min(2.0, self.lease_s / 5)


def load_settings() -> Settings:
    """Read the settings of this process.

    Raises:
        pydantic.ValidationError: a value is of the wrong kind; the message names the variable's field.
        OSError: a ``NEWSREEL_…_FILE`` names a file that can't be read.
    """
    from_files = {
        field: Path(path).read_text(encoding="utf-8").strip()
        for variable, path in os.environ.items()
        if variable.upper().startswith(PREFIX)
        and variable.upper().endswith(_FILE)
        and (field := _field(variable)) in Settings.model_fields
    }
    return Settings(**from_files)  # type: ignore[arg-type] # text, which pydantic converts


def unknown_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that begin like a setting and are none, each with the one that may be meant, or ``""``.

    As in reading them, case does not count. They are told and not refused: other programs may have such variables.
    """
    known = [name.upper() for name in Settings.model_fields]
    unknown = {}
    for variable, value in sorted(environment.items()):
        name = _field(variable).upper()
        is_ours = variable.upper().startswith(PREFIX) and not _OTHERS.fullmatch(name)
        if not is_ours or name in known or value.startswith(_SERVICES):
            continue
        meant = difflib.get_close_matches(name, known, n=1)
        ending = _FILE if variable.upper().endswith(_FILE) else ""
        unknown[variable] = f"{PREFIX}{meant[0]}{ending}" if meant else ""
    return unknown


def _field(variable: str) -> str:
    """The name that the setting would have in `Settings`, whether its value or its file is told."""
    return variable.upper().removeprefix(PREFIX).removesuffix(_FILE).lower()

"""Object keys as attackers write them: through the real store, each becomes a clip's plain name, or nothing."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator

import pytest
import redis

from config.settings import Settings
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.records import keys
from tests import servers
from tests.conftest import Buckets
from workers.services import build_services

KEYS = (
    *("clips/-i.mp4", "clips/--help.mp4", "clips/-.mp4", "clips/@file.mp4", "clips/|id.mp4", "clips/$(id).mp4"),
    *("clips/`id`.mp4", "clips/a;b&c.mp4", "clips/%(x)s.mp4", "clips/%2e%2e%2fx.mp4", "clips/{0.__class__}.mp4"),
    *("clips/concat:a|b.mp4", "clips/file:x.mp4", "clips/C:\\x.mp4", "clips/x.mp4.mp4"),
    *("clips/two\nlines.mp4", "clips/tab\there.mp4", "clips/a\u202egnp.mp4", "clips/\u200fright.mp4"),
    *("clips/zero\u200bwidth.mp4", "clips/\u0430dmin.mp4", "clips/admin.mp4", "clips/\uff41dmin.mp4"),
    *("clips/''\"\"<b>.mp4", "clips/<script>alert(1)<／script>.mp4", "clips/clip.json.mp4", "clips/CON.mp4"),
    *("clips/ .mp4", "clips/a /b .mp4", "clips/" + ("d" * 200 + "/") * 4 + "y" * 200 + ".mp4"),
    "clips/" + "\u0111" * 120 + ".mp4",
    # As long as S3 allows: 1,024 bytes.
    "clips/" + ("d" * 200 + "/") * 5 + "z" * 9 + ".mp4",
)
DOTTED = (
    "clips/../articles/x.mp4",
    "clips/a/../../b.mp4",
    "clips/./x.mp4",
    "../../etc/passwd.mp4",
    "clips/..mp4",
    "clips//x.mp4",
)


@pytest.fixture(scope="module")
def services(s3_server: servers.S3Server, redis_url: str, buckets: Buckets) -> Services:
    return build_services(
        Settings(
            broker_url=redis_url,
            s3_endpoint_url=s3_server.endpoint_url,
            incoming_bucket=buckets.incoming,
            media_bucket=buckets.media,
            cage="off",
        )
    )


@pytest.fixture(autouse=True)
def _empty_queues(redis_url: str) -> Iterator[None]:
    yield
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def is_plain(name: str) -> bool:
    """One path segment of printable characters, that leads nowhere else and hides nothing."""
    categories = {unicodedata.category(letter) for letter in name}
    return (
        bool(name)
        and "/" not in name
        and name not in (".", "..")
        and not categories & {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
        and len(name.encode()) <= 200
    )


@pytest.mark.parametrize("key", KEYS, ids=[ascii(key)[:40] for key in KEYS])
def test_a_key_of_any_letters_gives_one_record_under_a_plain_name(services: Services, key: str) -> None:
    media, name = services.settings.media_bucket, keys.stem(key)
    before = {each.key for each in services.store.list(media, "")}
    services.store.put(services.settings.incoming_bucket, key, b"no film", content_type="text/plain")
    ingest(services, key)
    record = services.clips.get(name)
    assert record is not None
    assert is_plain(record.name)
    assert record.source.key == key
    added = {each.key for each in services.store.list(media, "")} - before
    assert {each for each in added if not each.startswith("index/")} == {keys.clip_record(name)}


@pytest.mark.parametrize("key", DOTTED)
def test_a_key_with_dots_leads_nowhere_else(services: Services, key: str) -> None:
    """S3 knows no folders: an event may name such a key, and the store may or may not have it."""
    before = {each.key for each in services.store.list(services.settings.media_bucket, "")}
    # SeaweedFS answers a key with dots that it is a bad request; others that there is none.
    with contextlib.suppress(TemporarilyUnavailable):
        ingest(services, key)
    assert {each.key for each in services.store.list(services.settings.media_bucket, "")} == before
    assert is_plain(keys.stem(key))


def test_letters_that_look_alike_are_different_clips() -> None:
    assert len({keys.fold(keys.stem(f"clips/{letter}dmin.mp4")) for letter in ("a", "\u0430", "\uff41")}) == 3


def test_a_key_that_no_clip_can_have_is_refused_by_name(services: Services) -> None:
    services.store.put(services.settings.incoming_bucket, "clips/x.mp4;.exe", b"x", content_type="text/plain")
    with pytest.raises(SourceRejected) as refused:
        ingest(services, "clips/x.mp4;.exe")
    assert refused.value.code == "unknown_extension"

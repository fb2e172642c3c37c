"""What tests of records lay into the store by hand, and what they look for there."""

from __future__ import annotations

from typing import Any

from tasks.adapters.clock import utc_now
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import Withdrawal
from tests.gateway.samples import ready_clip


def empty(services: Services) -> None:
    """Empty both buckets."""
    for bucket in (services.settings.media_bucket, services.settings.incoming_bucket):
        services.store.delete_all(bucket, [info.key for info in services.store.list(bucket, "")])


def write(services: Services, key: str, body: bytes = b"") -> None:
    services.store.put(services.settings.media_bucket, key, body, content_type="application/json")


def media(services: Services, name: str) -> list[str]:
    prefix = f"{keys.CLIPS}{name}/"
    listed = services.store.list(services.settings.media_bucket, prefix)
    return sorted(each.key.removeprefix(prefix) for each in listed)


def publish(services: Services, name: str, **changes: Any) -> None:
    record = ready_clip(name, **changes)
    write(services, keys.clip_name_mark(name))
    services.clips.update(name, lambda _: record)
    write(services, f"{keys.CLIPS}{name}/{record.version}/hls/master.m3u8", b"#EXTM3U")


def withdraw(services: Services, name: str) -> None:
    publish(services, name, state="withdrawn", withdrawn=Withdrawal(at=utc_now()), hls=None, mp4=(), poster=None)
    write(services, keys.withdrawn_mark(name))


def rung(services: Services, task: str, name: str) -> bool:
    """Whether a ring waits; it is answered now."""
    was = services.doorbell.is_waiting(task, name)
    services.doorbell.answered(task, name)
    return was

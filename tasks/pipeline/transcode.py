"""Transcode: take the clip, have its version made and published, and record how it ended."""

from __future__ import annotations

from typing import Final

import structlog

from tasks.adapters import machine_faults, process
from tasks.adapters.clock import utc_now
from tasks.errors import ConfigurationError, LeaseLost, SourceRejected, TemporarilyUnavailable
from tasks.pipeline import finish, making
from tasks.pipeline.lease import held, new_owner
from tasks.pipeline.services import Services
from tasks.records import lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord

log: Final = structlog.get_logger()
_NOT_THE_CLIPS_FAULT: Final = frozenset(
    {
        *("store_unavailable", "broker_unavailable", "record_contended"),
        *("disk_full", "disk_error", "encoder_not_started", "probe_not_started", "worker_misconfigured"),
    }
)


def transcode(services: Services, name: str) -> None:
    """Process the current version to its end, if it is available; a clip that another worker holds is left alone.

    Raises:
        SourceRejected, TemporarilyUnavailable: how it ended. The record says so already; this is for Flower.
    """
    owner = new_owner()
    settings = services.settings
    committed = services.clips.update(
        name,
        lambda record: (
            record
            and lifecycle.take(
                record, owner=owner, now=utc_now(), lease_s=settings.lease_s, max_attempts=settings.max_attempts
            )
        ),
    )
    record = committed.record
    if record is None or record.work.lease is None or record.work.lease.owner != owner:
        if record is not None and record.work.state.is_final:
            _settle(services, record)
        return
    work = record.work
    bound = log.bind(clip=name, version=work.version, attempt=work.attempts)
    finish.announce(services, name)
    rejected: SourceRejected | None = None
    with held(services, name, owner) as lease:
        try:
            making.make(services, record.name, work, lease)
            bound.info("ready")
        except SourceRejected as error:
            failure = Failure(code=error.code, message=error.message, detail=error.detail)
            bound.info("rejected", code=error.code, detail=error.detail)
            lease.end()
            rejected = error
            services.clips.update(
                name, lambda now_record: lifecycle.fail(now_record, owner=owner, now=utc_now(), failure=failure)
            )
        except TemporarilyUnavailable as error:
            bound.warning("postponed", code=error.code, detail=error.detail)
            lease.end()
            _postpone(services, name, owner, error)
            raise
        except (OSError, ConfigurationError) as error:
            trouble = machine_faults.of_disk(error) if isinstance(error, OSError) else _misconfigured(error)
            bound.warning("postponed", code=trouble.code, detail=trouble.detail)
            lease.end()
            _postpone(services, name, owner, trouble)
            raise trouble from error
        except (LeaseLost, process.Stopped) as error:
            # Neither is a failure of the clip's.
            bound.info("stopped", reason=str(error))
            lease.end()
            if not lease.was_lost:
                _release(services, name, owner)
            return
        except Exception as error:
            # A bug of ours: it is recorded, and retried as often as any other fault.
            bound.exception("failed unexpectedly")
            lease.end()
            words = "Something went wrong inside the worker; its log says more."
            _postpone(services, name, owner, TemporarilyUnavailable("internal_error", words, repr(error)))
            raise
    _settle(services, record)
    if rejected is not None:
        raise rejected


def _misconfigured(error: ConfigurationError) -> TemporarilyUnavailable:
    # Another worker may be set up correctly, for instance have the ladder's file.
    words = "A worker lacks what was ordered for this clip, such as a ladder."
    return TemporarilyUnavailable("worker_misconfigured", words, str(error))


def _postpone(services: Services, name: str, owner: str, error: TemporarilyUnavailable) -> None:
    settings = services.settings
    failure = Failure(code=error.code, message=error.message, detail=error.detail, retryable=True)
    try:
        services.clips.update(
            name,
            lambda record: lifecycle.postpone(
                record,
                owner=owner,
                now=utc_now(),
                failure=failure,
                delay_s=settings.retry_delay_s,
                max_attempts=settings.max_attempts,
                is_strike=error.code not in _NOT_THE_CLIPS_FAULT,
            ),
        )
    except LeaseLost:
        log.info("postponed by another", clip=name)


def _release(services: Services, name: str, owner: str) -> None:
    try:
        services.clips.update(name, lambda record: lifecycle.release(record, owner=owner, now=utc_now()))
    except (LeaseLost, TemporarilyUnavailable) as error:
        # The lease runs out by itself; giving it back only makes that sooner.
        log.info("not released", clip=name, reason=str(error))


def _settle(services: Services, record: ClipRecord) -> None:
    source = record.work.source
    finish.settle(services, record.name, key=source.key, etag=source.etag, size_bytes=source.size_bytes)

"""Thumbnails: poster and storyboard, made beside the encode in their own queue, so a story has its picture early."""

from __future__ import annotations

from typing import Final

import structlog

from config import queues
from tasks.adapters import machine_faults, process
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import SourceRejected
from tasks.media.transport.one_recording import JoinedError
from tasks.pipeline import finish, pictures, uploaded, watch
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tasks.records import arrival, lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord, ClipState, Work

log: Final = structlog.get_logger()
_WITHOUT: Final = (ClipState.FAILED, ClipState.WITHDRAWN)


def thumbnails(services: Services, name: str) -> None:
    """Make what is missing of poster and storyboard, of the version in progress or else the published one.

    Ends within a second when the worker is to end (`reconcile` rings again) or the version is no longer wanted.

    Raises:
        TemporarilyUnavailable: the machine or the store failed; `reconcile` rings again.
    """
    record = services.clips.get(name)
    work = (_unpictured(record) or record.work) if record is not None else None
    if work is None or work.state in _WITHOUT:
        return
    if pictures.missing(services, name, work.version) is not None:
        try:
            try:
                _make(services, name, work)
            except JoinedError as error:
                log.info("begun anew", clip=name, version=work.version, reason=str(error))
                # It may have its poster by now, of the first recording.
                if (lacking := pictures.missing(services, name, work.version)) is not None:
                    _make(services, name, lacking, waits_for_all=True)
        except process.Stopped as error:
            log.info("stopped", clip=name, reason=str(error))
            return
        except OSError as error:
            raise machine_faults.of_disk(error) from error
        except NoSuchObject as error:
            gone = SourceRejected(
                arrival.UPLOAD_REMOVED, "The upload was deleted before its picture was taken.", str(error)
            )
            pictures.give_up(services, name, work.version, gone)
        except PreconditionFailed:
            services.doorbell.ring(queues.INGEST_TASK, work.source.key)
            return
        except SourceRejected as error:
            # It is no clip at all: the editor need not wait for the encode's turn to hear it.
            log.info("rejected", clip=name, code=error.code, detail=error.detail)
            failure = Failure(code=error.code, message=error.message, detail=error.detail)
            services.clips.update(
                name,
                lambda current: lifecycle.reject(current, version=work.version, now=utc_now(), failure=failure),
            )
    finish.settle(services, name, key=work.source.key, etag=work.source.etag, size_bytes=work.source.size_bytes)
    now = services.clips.get(name)
    other = _unpictured(now) if now is not None else None
    if other is not None and other.version != work.version:
        services.doorbell.ring(queues.THUMBNAILS_TASK, name)


def _make(services: Services, name: str, work: Work, *, waits_for_all: bool = False) -> None:
    with (
        services.workspaces.open(source_bytes=work.source.size_bytes) as folder,
        watch.until_unwanted(services, name, work.version) as stop,
        uploaded.bring(services, folder, work, waits_for_all=waits_for_all, should_stop=stop.is_set) as upload,
    ):
        ladder = services.ladder_of(work)
        job = Job(services=services, folder=folder, upload=upload, name=name, work=work, ladder=ladder, stop=stop)
        pictures.make(job, uploaded.probe(job))


def _unpictured(record: ClipRecord) -> Work | None:
    return next((each for each in (record.work, record) if each.state not in _WITHOUT and each.lacks_pictures), None)

"""Thumbnails: poster and storyboard, made beside the encode in their own queue, so a story has its picture early."""

from __future__ import annotations

from typing import Final

import structlog

from config import queues
from tasks.adapters import process
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import SourceRejected
from tasks.media import encode
from tasks.pipeline import examine_picture, finish, pictures, watch
from tasks.pipeline.examine import probe
from tasks.pipeline.services import Services
from tasks.records import arrival, lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipState

log: Final = structlog.get_logger()


def thumbnails(services: Services, name: str) -> None:
    """Make what is missing of poster and storyboard, of the version in work, and add it to the record.

    Ends within a second when the worker is to end (`reconcile` rings again) or the version is no longer wanted.
    """
    record = services.clips.get(name)
    if record is None or record.work.state in (ClipState.FAILED, ClipState.WITHDRAWN):
        return
    work = record.work
    if pictures.missing(services, name, work.version) is not None:
        try:
            with (
                services.workspaces.open(source_bytes=work.source.size_bytes) as folder,
                watch.until_unwanted(services, name, work.version) as stop,
            ):
                services.store.download(
                    services.settings.incoming_bucket,
                    work.source.key,
                    folder / encode.SOURCE_FILE,
                    etag=work.source.etag,
                    should_stop=stop.is_set,
                )
                source, _ = examine_picture.examine(services, folder, probe(services, folder))
                pictures.make(services, folder, source, name, work, stop=stop)
        except process.Stopped as error:
            log.info("stopped", clip=name, reason=str(error))
            return
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

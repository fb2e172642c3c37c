"""Reconcile: compare what was uploaded with what is done, and ring again for the difference.

Only listings are read: one of the uploads, one of the marks that finished work leaves. So an event that was lost, a
broker that was wiped and a worker that died all come down to the same thing: an upload without its mark.
"""

from __future__ import annotations

from typing import Final

import structlog

from config import queues
from tasks.pipeline.ingest import is_upload
from tasks.pipeline.services import Services
from tasks.records import arrival, keys

log: Final = structlog.get_logger()
# A clip that comes rings its articles itself; this finds the ring that was lost.
_WAITING_S: Final = 300.0


def reconcile(services: Services) -> int:
    """Ring for every unfinished upload and every waiting article; returns how many rings were not already pending."""
    settings, doorbell = services.settings, services.doorbell
    settled = {marker.key for marker in services.store.list(settings.media_bucket, keys.SETTLED)}
    rung = 0
    for prefix in (keys.ARTICLES, keys.CLIPS):
        for upload in services.store.list(settings.incoming_bucket, prefix):
            mark = keys.settled_marker(upload.key, arrival.upload_id(upload.etag, upload.size_bytes))
            if is_upload(upload.key) and mark not in settled:
                # Work that goes on is unfinished too: asking once in a lease time is enough to miss its worker.
                rung += doorbell.remind(queues.INGEST_TASK, upload.key, every_s=settings.lease_s)
    for waiting in services.store.list(settings.media_bucket, keys.WAITING):
        rung += doorbell.remind(queues.LINK_TASK, waiting.key.removeprefix(keys.WAITING), every_s=_WAITING_S)
    swept = services.workspaces.sweep()
    if rung or swept:
        log.info("reconciled", rung=rung, workspaces_swept=swept)
    return rung

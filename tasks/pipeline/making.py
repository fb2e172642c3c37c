"""Making one version: probe, plan, encode, verify, upload, publish by one conditional write."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import structlog

from config import queues
from tasks.adapters.arriving import Arriving
from tasks.adapters.clock import utc_now
from tasks.adapters.machine import usable_cores
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import LeaseLost, SourceRejected
from tasks.media import encode
from tasks.media.source import SoundSource, Source
from tasks.media.threads import threads_for
from tasks.media.transport.one_recording import JoinedError
from tasks.pipeline import (
    captions,
    examine_picture,
    making_sound,
    outcome,
    picture_runs,
    pictures,
    sound_runs,
    uploaded,
)
from tasks.pipeline.examine import describe_source
from tasks.pipeline.job import Job
from tasks.pipeline.lease import Lease
from tasks.pipeline.original_copy import OriginalCopy
from tasks.pipeline.outcome import Encoded
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import Stream, beside_the_encode
from tasks.pipeline.together import together
from tasks.records import arrival, keys, lifecycle
from tasks.records.base import Notice
from tasks.records.clip_record import Work

log: Final = structlog.get_logger()


def make(services: Services, name: str, work: Work, lease: Lease) -> None:
    """Make a clip's version and publish it; the lease is the caller's.

    Where the upload is not what its beginning was taken for, it is made once more, by the whole.

    Raises:
        SourceRejected: nothing can be made of it.
        TemporarilyUnavailable: something failed that may do another time.
        LeaseLost, process.Stopped: the work had to end.
        OSError: the disk failed.
    """
    try:
        # A second attempt shows nothing before it is finished, and the first may have ended at a joint.
        _make_once(services, name, work, lease, waits_for_all=work.attempts > 1)
    except JoinedError as error:
        log.info("begun anew", clip=name, version=work.version, reason=str(error))
        lease.report(0.0, None)
        begun = lease.through_outages(
            lambda: services.clips.update(
                name,
                lambda record: lifecycle.begin_anew(
                    record, owner=lease.owner, now=utc_now(), untold=examine_picture.NOTICES
                ),
            )
        )
        assert begun.record is not None  # noqa: S101 # the lease is in it
        _make_once(services, name, begun.record.work, lease, waits_for_all=True)


def _make_once(services: Services, name: str, work: Work, lease: Lease, *, waits_for_all: bool = False) -> None:
    ladder = services.ladder_of(work)
    with (
        services.workspaces.open(source_bytes=work.source.size_bytes) as folder,
        _downloading(services, folder, name, work, lease, waits_for_all=waits_for_all) as upload,
    ):
        job = Job(services=services, folder=folder, upload=upload, name=name, work=work, ladder=ladder, stop=lease.stop)
        probed = uploaded.probe(job)
        if isinstance(probed, SoundSource):
            making_sound.make(job, probed, lease)
        else:
            _make_film(job, probed, lease)


def _make_film(job: Job, probed: Source, lease: Lease) -> None:
    edition = keys.edition(job.work.version, job.work.attempts)
    stream = Stream(job.services, job.folder, job.name, edition, lease)
    # A second attempt leaves alone what the first has uploaded, until all is there: a playlist never gets shorter.
    with nullcontext() if job.work.hls else beside_the_encode(stream, lease):
        encoded = _encode(job, probed, stream, lease)
    made, warnings = outcome.of(job, encoded, edition)
    lease.through_outages(stream.complete)
    pictures.await_or_make(job, encoded.source)
    lease.raise_if_stopped()
    lease.through_outages(
        lambda: job.services.clips.update(
            job.name,
            lambda record: lifecycle.publish(record, owner=lease.owner, now=utc_now(), made=made, warnings=warnings),
        )
    )


def _encode(job: Job, probed: Source, stream: Stream, lease: Lease) -> Encoded:
    """Measure, then encode picture and sound side by side; what is known of the source is told in the record."""
    services, upload = job.services, job.upload
    with together(lease.stop) as beside, together(beside.stop) as copying:
        copy = OriginalCopy(job, stream, copying, lasts_s=probed.duration_s)
        copy.begin(probed)
        # Nothing that is measured of the picture matters to the sound; a smallest rung made first waits for it.
        sounding = beside.submit(lambda stop: sound_runs.make(job.until(stop), probed, stream, copy.urgency_behind))
        source, seen = examine_picture.examine(job.until(copying.stop), probed)
        # What is still on its way has no checksum yet.
        facts = describe_source(job.work.source, source, upload.whole() if upload.is_whole else None)
        lease.through_outages(
            lambda: services.clips.update(
                job.name,
                lambda record: lifecycle.describe(
                    record, owner=lease.owner, now=utc_now(), source=facts, warnings=seen
                ),
            )
        )
        copy.settle(source)

        def survey(stop: threading.Event) -> tuple[Notice, ...]:
            upload.whole(stop, is_patient=True)
            return uploaded.joint_notices(job.until(stop), source)

        def caption(stop: threading.Event) -> captions.Extracted:
            upload.whole(stop, is_patient=True)
            return captions.extract(services, job.folder, source, stop=stop)

        captioning = beside.submit(caption)
        surveying = beside.submit(survey)
        cores = services.settings.encode_cores or usable_cores()
        bitrate_bps = 8 * job.work.source.size_bytes / source.duration_s if source.duration_s else math.inf
        plan = encode.plan_encode(
            source,
            job.ladder,
            max_pixels=job.max_pixels,
            copied=copy.rung(),
            threads=threads_for(cores, source.video, bitrate_bps),
        )
        picture = picture_runs.encode_all(job.until(copying.stop), plan, source, stream, lease, copy.urgency_behind)
        copy.finish()
        return Encoded(
            source=source,
            facts=facts,
            plan=plan,
            picture=picture,
            heard=sounding.result(),
            captioned=captioning.result(),
            left_out=surveying.result(),
        )


@contextmanager
def _downloading(
    services: Services, folder: Path, name: str, work: Work, lease: Lease, *, waits_for_all: bool
) -> Iterator[Arriving]:
    """The upload, until the work is done; at any moment it may turn out to be gone, or replaced."""
    try:
        with uploaded.bring(
            services, folder, work, waits_for_all=waits_for_all, should_stop=lease.stop.is_set
        ) as upload:
            lease.raise_if_stopped()
            yield upload
    except NoSuchObject as error:
        raise SourceRejected(
            arrival.UPLOAD_REMOVED, "The upload was deleted before it could be processed.", str(error)
        ) from error
    except PreconditionFailed as error:
        # Other bytes lie there by now, and this version is of those that are gone; their event may have been lost.
        services.doorbell.ring(queues.INGEST_TASK, work.source.key)
        raise LeaseLost(f"{name}: {work.source.key} was uploaded again") from error

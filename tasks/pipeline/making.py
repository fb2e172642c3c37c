"""Making one version: probe, plan, encode, verify, upload, publish by one conditional write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from config import queues
from tasks.adapters.arriving import Arriving
from tasks.adapters.clock import utc_now
from tasks.adapters.ffmpeg import Urgency
from tasks.adapters.machine import usable_cores
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import LeaseLost, SourceRejected
from tasks.media import dash, encode, package, quality
from tasks.media.captions import Caption
from tasks.media.encode import EncodePlan
from tasks.media.one_recording import JoinedError
from tasks.media.progress import Progress
from tasks.media.sound import Programme
from tasks.media.source import SoundSource, Source
from tasks.media.threads import threads_for
from tasks.pipeline import (
    captions,
    examine_picture,
    making_sound,
    packaging,
    picture_way,
    pictures,
    sound_way,
    uploaded,
)
from tasks.pipeline.copy_way import CopyWay
from tasks.pipeline.examine import describe_source
from tasks.pipeline.examine_sound import Heard
from tasks.pipeline.job import Job
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import Stream, beside_the_encode
from tasks.pipeline.together import together
from tasks.records import arrival, keys, lifecycle
from tasks.records.base import Notice
from tasks.records.clip_facts import Mp4, Rendition, SourceFacts
from tasks.records.clip_record import Work

log: Final = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Encoded:
    """What lies in the workspace once every run has ended, and what became known on the way."""

    source: Source
    facts: SourceFacts
    plan: EncodePlan
    picture: Progress
    heard: Heard
    captioned: captions.Extracted
    left_out: tuple[Notice, ...]

    @property
    def picture_s(self) -> float:
        """Its pictures are counted: the sound may be longer or shorter than they are."""
        return self.picture.frames / float(self.plan.rungs[0].frame_rate)


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
        _make_once(services, name, work, lease)
    except JoinedError as error:
        log.info("begun anew", clip=name, version=work.version, reason=str(error))
        lease.report(0.0, None)
        begun = lease.through_outages(
            lambda: services.clips.update(
                name, lambda record: lifecycle.begin_anew(record, owner=lease.owner, now=utc_now())
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
    made, warnings = _finish(job, encoded, edition)
    lease.through_outages(stream.complete)
    pictures.await_or_make(job, encoded.source)
    lease.raise_if_stopped()
    lease.through_outages(
        lambda: job.services.clips.update(
            job.name,
            lambda record: lifecycle.publish(record, owner=lease.owner, now=utc_now(), made=made, warnings=warnings),
        )
    )


def _encode(job: Job, probed: Source, stream: Stream, lease: Lease) -> _Encoded:
    """Measure, then encode picture and sound side by side; what is known of the source is told in the record."""
    services, upload = job.services, job.upload
    with together(lease.stop) as beside, together(beside.stop) as copying:
        copy = CopyWay(job, stream, copying)
        copy.begin(probed)
        # Nothing that is measured of the picture matters to the sound; a smallest rung made first waits for it.
        sounding = beside.submit(lambda stop: sound_way.make(job.until(stop), probed, stream))
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
            return uploaded.left_out_notice(job.until(stop), source)

        def caption(stop: threading.Event) -> captions.Extracted:
            upload.whole(stop, is_patient=True)
            return captions.extract(services, job.folder, source, stop=stop)

        captioning = beside.submit(caption)
        surveying = beside.submit(survey)
        plan = encode.plan_encode(
            source,
            job.ladder,
            max_pixels=job.max_pixels,
            copied=copy.rung(),
            threads=threads_for(services.settings.encode_cores or usable_cores()),
        )
        urgency = Urgency.LADDER_BEHIND_COPY if copy.is_on_its_way else Urgency.ENCODE
        picture = picture_way.encode_all(job.until(copying.stop), plan, source, stream, lease, urgency)
        copy.finish()
        return _Encoded(
            source=source,
            facts=facts,
            plan=plan,
            picture=picture,
            heard=sounding.result(),
            captioned=captioning.result(),
            left_out=surveying.result(),
        )


def _finish(job: Job, encoded: _Encoded, edition: str) -> tuple[dict[str, object], tuple[Notice, ...]]:
    """Verify and package what was encoded; returns the record's fields and what an editor should know."""
    source, heard = encoded.source, encoded.heard
    sounds_s = [packaging.sound_s(job.folder, each) for each in heard.programmes]
    longest_s = max([encoded.picture_s, *sounds_s])
    told_s = encoded.picture_s
    if encoded.picture.frames and not source.video.duration_s:
        # Only the length of the whole is promised, which the longest track has.
        told_s = max(encoded.picture.time_s, longest_s)
    warnings = (
        *quality.judge_length(source, told_s),
        *quality.judge_ends(encoded.picture_s, sounds_s),
        *encoded.left_out,
        *quality.judge_damage(encoded.picture),
        *quality.audio_notice(heard.programmes),
        *heard.notices,
        *encoded.captioned.notices,
        *examine_picture.look(job.folder, encoded.plan.rungs[-1], encoded.picture_s),
    )
    said = encoded.captioned.captions
    made = _package(job, encoded.plan, heard.programmes, said, edition, encoded.picture)
    made |= {"sound": heard.facts, "captions": captions.facts(said, edition)}
    lasting_s = round(quality.true_length_s(source, longest_s), 3)
    made |= {"source": encoded.facts.evolve(sha256=job.upload.whole(), duration_s=lasting_s)}
    return made, warnings


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


def _package(
    job: Job,
    plan: EncodePlan,
    programmes: tuple[Programme, ...],
    said: tuple[Caption, ...],
    edition: str,
    encoded: Progress,
) -> dict[str, object]:
    """Verify every rendition, write playlists, manifest and the MP4; returns the record's fields naming them."""
    root = job.output / encode.HLS
    made = [packaging.read_picture(root, rung) for rung in plan.rungs]
    for picture in made:
        quality.verify_rendition(picture.rung, packaging.measured(picture), encoded.frames)
    if any(rung.name == keys.ORIGINAL for rung in plan.rungs):
        packaging.verify_aligned(made)
    sounds = [packaging.read_sound(root, programme) for programme in programmes]
    listed = [each for each in made if each.rung in package.worth_listing([(each.rung, each.track) for each in made])]
    packaging.write(job.output, listed, sounds, programmes, captions=said)

    (job.output / "mp4").mkdir()
    job.services.ffmpeg.run(
        job.folder,
        encode.plan_mp4(plan.mp4_rung, programmes[0] if programmes else None),
        timeout_s=600 + encoded.time_s,
        stop=job.stop,
    )
    mp4 = job.output / encode.mp4_path(plan.mp4_rung)
    codecs = [next(each.track.codecs for each in made if each.rung == plan.mp4_rung)]
    codecs += [each.track.codecs for each in sounds[:1]]
    return {
        "hls": f"{edition}/{encode.HLS}/{package.MULTIVARIANT}",
        "dash": f"{edition}/{dash.MANIFEST}",
        "mp4": (
            Mp4(
                url=f"{edition}/{encode.mp4_path(plan.mp4_rung)}",
                width=plan.mp4_rung.width,
                height=plan.mp4_rung.height,
                bitrate_bps=round(mp4.stat().st_size * 8 / encoded.time_s),
                size_bytes=mp4.stat().st_size,
                codecs=",".join(codecs),
            ),
        ),
        "renditions": tuple(
            Rendition(
                name=each.name,
                width=each.rung.width,
                height=each.rung.height,
                frame_rate=round(float(each.rung.frame_rate), 3),
                codecs=each.track.codecs,
                bitrate_bps=each.track.average_bps,
            )
            for each in listed
        ),
    }

"""Transcode: take the clip, probe, plan, run ffmpeg once, verify, upload, publish by one conditional write."""

from __future__ import annotations

import errno
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import structlog

from config import queues
from tasks.adapters import process
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import LeaseLost, SourceRejected, TemporarilyUnavailable
from tasks.media import dash, encode, package, quality
from tasks.media.encode import EncodePlan
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline import examine_picture, finish, packaging, pictures
from tasks.pipeline.examine import describe_source, probe
from tasks.pipeline.examine_sound import listen
from tasks.pipeline.lease import Lease, held, new_owner
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import ENCODE_SHARE, Stream, beside_the_encode
from tasks.records import arrival, keys, lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord, Mp4, Rendition, Work

log: Final = structlog.get_logger()
_NOT_THE_CLIPS_FAULT: Final = frozenset(
    {"store_unavailable", "broker_unavailable", "record_contended", "disk_full", "disk_error"}
)
# Sound comes in AAC blocks of 1024 samples, one of them before the first.


def transcode(services: Services, name: str) -> None:
    """Bring the version in work to its end, if it is to be had; a clip that somebody else holds is left alone.

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
            _make(services, record, work, lease)
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
        except OSError as error:
            full = error.errno == errno.ENOSPC
            trouble = TemporarilyUnavailable(
                "disk_full" if full else "disk_error", "The worker's disk could not be used.", str(error)
            )
            bound.warning("postponed", code=trouble.code, detail=trouble.detail)
            lease.end()
            _postpone(services, name, owner, trouble)
            raise trouble from error
        except (LeaseLost, process.Stopped) as error:
            bound.info("stopped", reason=str(error))
            lease.end()
            if not lease.was_lost:
                _release(services, name, owner)
            return
    _settle(services, record)
    if rejected is not None:
        raise rejected


def _make(services: Services, record: ClipRecord, work: Work, lease: Lease) -> None:
    settings, ladder = services.settings, services.ladder_of(work)
    with services.workspaces.open(source_bytes=work.source.size_bytes) as folder:
        try:
            sha256 = services.store.download(
                settings.incoming_bucket, work.source.key, folder / encode.SOURCE_FILE, etag=work.source.etag
            )
        except NoSuchObject as error:
            raise SourceRejected(
                arrival.UPLOAD_REMOVED, "The upload was deleted before it could be processed.", str(error)
            ) from error
        except PreconditionFailed as error:
            # Other bytes lie there by now, and this version is of those that are gone; their event may have been lost.
            services.doorbell.ring(queues.INGEST_TASK, work.source.key)
            raise LeaseLost(f"{record.name}: {work.source.key} was uploaded anew") from error
        lease.raise_if_stopped()
        source, seen = examine_picture.examine(services, folder, probe(services, folder))
        heard = listen(services, folder, source, ladder.audio, stop=lease.stop)
        plan = encode.plan_encode(source, ladder, max_pixels=settings.max_pixels, sound=heard.programmes)
        facts = describe_source(work.source, source, sha256)
        warnings = (*quality.audio_notice(plan), *heard.notices, *seen)
        services.clips.update(
            record.name,
            lambda current: lifecycle.describe(
                current, owner=lease.owner, now=utc_now(), source=facts, warnings=warnings
            ),
        )
        edition = keys.edition(work.version, work.attempts)
        stream = Stream(services, folder, plan, record.name, edition, lease)
        # A second try leaves alone what the first had put up, until all is there: a playlist never gets shorter.
        with nullcontext() if work.hls else beside_the_encode(stream, lease):
            encoded = _encode(services, folder, plan, source, lease)
        # Pictures are counted: the sound may be longer or shorter than they are.
        encoded_s = encoded.frames / float(plan.rungs[0].frame_rate)
        # A container that tells no duration of the picture's own tells that of its longest track.
        warnings = (*warnings, *quality.judge_length(source, encoded_s if source.video.duration_s else encoded.time_s))
        warnings = (*warnings, *examine_picture.look(services, folder, plan, encoded_s))
        made = _package(services, folder, plan, edition, encoded) | {"sound": heard.facts}
        stream.complete()
        pictures.await_or_make(services, folder, source, record.name, work.version, should_stop=lease.stop.is_set)
        lease.raise_if_stopped()
        services.clips.update(
            record.name,
            lambda current: lifecycle.publish(current, owner=lease.owner, now=utc_now(), made=made, warnings=warnings),
        )


def _encode(services: Services, folder: Path, plan: EncodePlan, source: Source, lease: Lease) -> Progress:
    for name in [rung.name for rung in plan.rungs] + [each.name for each in plan.sound]:
        (folder / encode.OUTPUT / encode.HLS / name).mkdir(parents=True)
    last = Progress()

    def on_progress(progress: Progress) -> None:
        nonlocal last
        last = progress
        if source.duration_s:
            lease.report(ENCODE_SHARE * min(1.0, progress.time_s / source.duration_s), progress.speed)

    services.ffmpeg.run(
        folder,
        plan.arguments,
        timeout_s=600 + 60 * (source.duration_s or services.settings.max_duration_s),
        on_progress=on_progress,
        stop=lease.stop,
    )
    return last


def _package(services: Services, folder: Path, plan: EncodePlan, edition: str, encoded: Progress) -> dict[str, object]:
    """Verify every rendition, write playlists, manifest and the MP4; returns the record's fields naming them."""
    root = folder / encode.OUTPUT / encode.HLS
    made = []
    for rung in plan.rungs:
        picture = packaging.read_picture(root, rung)
        playlist = picture.playlist
        width, height, frames = services.ffprobe.packets(
            folder, f"{encode.OUTPUT}/{encode.HLS}/{rung.name}/{encode.MEDIA_PLAYLIST}"
        )
        measured = quality.Measured(
            width=width, height=height, frames=frames, duration_s=playlist.duration_s, is_complete=playlist.is_complete
        )
        quality.verify_rendition(rung, measured, encoded.frames)
        made.append(picture)
    sounds = [packaging.read_sound(root, programme) for programme in plan.sound]
    packaging.write(folder / encode.OUTPUT, made, sounds, plan.sound)

    (folder / encode.OUTPUT / "mp4").mkdir()
    services.ffmpeg.run(
        folder, encode.plan_mp4(plan.mp4_rung, has_audio=plan.has_audio), timeout_s=600 + encoded.time_s
    )
    mp4 = folder / encode.OUTPUT / encode.mp4_path(plan.mp4_rung)
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
            for each in made
        ),
    }


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

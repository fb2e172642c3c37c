"""Transcode: take the clip, probe, plan, run ffmpeg once, verify, upload, publish by one conditional write."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters import process
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.errors import LeaseLost, SourceRejected, TemporarilyUnavailable
from tasks.media import encode, package, quality
from tasks.media.encode import EncodePlan
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline import finish, pictures
from tasks.pipeline.examine import describe_source, probe
from tasks.pipeline.lease import Lease, held, new_owner
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import ENCODE_SHARE, Stream, beside_the_encode
from tasks.records import lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord, Mp4, Rendition, Work

log: Final = structlog.get_logger()


def transcode(services: Services, name: str) -> None:
    """Bring the version in work to its end, if it is to be had; a clip that somebody else holds is left alone."""
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
    with held(services, name, owner) as lease:
        try:
            _make(services, record, work, lease)
            bound.info("ready")
        except SourceRejected as error:
            failure = Failure(code=error.code, message=error.message, detail=error.detail)
            bound.info("rejected", code=error.code, detail=error.detail)
            lease.end()
            services.clips.update(
                name, lambda now_record: lifecycle.fail(now_record, owner=owner, now=utc_now(), failure=failure)
            )
        except TemporarilyUnavailable as error:
            bound.warning("postponed", code=error.code, detail=error.detail)
            lease.end()
            _postpone(services, name, owner, error)
            return
        except (LeaseLost, process.Stopped) as error:
            bound.info("stopped", reason=str(error))
            lease.end()
            if not lease.was_lost:
                _release(services, name, owner)
            return
    _settle(services, record)


def _make(services: Services, record: ClipRecord, work: Work, lease: Lease) -> None:
    settings = services.settings
    with services.workspaces.open(source_bytes=work.source.size_bytes) as folder:
        try:
            sha256 = services.store.download(settings.incoming_bucket, work.source.key, folder / encode.SOURCE_FILE)
        except NoSuchObject as error:
            raise SourceRejected(
                "upload_removed", "The upload was deleted before it could be processed.", str(error)
            ) from error
        lease.raise_if_stopped()
        source = probe(services, folder)
        plan = encode.plan_encode(source, services.ladder, max_pixels=settings.max_pixels)
        facts = describe_source(work.source, source, sha256)
        warnings = quality.audio_notice(plan)
        services.clips.update(
            record.name,
            lambda current: lifecycle.describe(
                current, owner=lease.owner, now=utc_now(), source=facts, warnings=warnings
            ),
        )
        stream = Stream(services, folder, plan, record.name, work.version, lease)
        # A second try leaves alone what the first had put up, until all is there: a playlist never gets shorter.
        with nullcontext() if work.hls else beside_the_encode(stream, lease):
            encoded_s = _encode(services, folder, plan, source, lease)
        warnings = (*warnings, *quality.judge_length(source, encoded_s))
        made = _package(services, folder, plan, work.version, encoded_s)
        stream.complete()
        pictures.await_or_make(services, folder, source, record.name, work.version, should_stop=lease.stop.is_set)
        lease.raise_if_stopped()
        services.clips.update(
            record.name,
            lambda current: lifecycle.publish(current, owner=lease.owner, now=utc_now(), made=made, warnings=warnings),
        )


def _encode(services: Services, folder: Path, plan: EncodePlan, source: Source, lease: Lease) -> float:
    for name in [rung.name for rung in plan.rungs] + [encode.AUDIO_NAME] * plan.has_audio:
        (folder / encode.OUTPUT / encode.HLS / name).mkdir(parents=True)
    last = Progress()

    def on_progress(progress: Progress) -> None:
        nonlocal last
        last = progress
        if source.duration_s:
            lease.report(ENCODE_SHARE * min(1.0, progress.time_s / source.duration_s), progress.speed)

    services.ffmpeg.run(
        folder, plan.arguments, timeout_s=600 + 60 * source.duration_s, on_progress=on_progress, stop=lease.stop
    )
    return last.time_s


def _package(services: Services, folder: Path, plan: EncodePlan, version: str, encoded_s: float) -> dict[str, object]:
    """Verify every rendition, write the multivariant playlist and the MP4; returns the record's fields naming them."""
    root = folder / encode.OUTPUT / encode.HLS
    variants = []
    for rung in plan.rungs:
        playlist = package.read_media_playlist((root / rung.name / encode.MEDIA_PLAYLIST).read_text(encoding="utf-8"))
        track = _track(root / rung.name, playlist, codecs=None)
        width, height, frames = services.ffprobe.packets(
            folder, f"{encode.OUTPUT}/{encode.HLS}/{rung.name}/{encode.MEDIA_PLAYLIST}"
        )
        measured = quality.Measured(
            width=width, height=height, frames=frames, duration_s=playlist.duration_s, is_complete=playlist.is_complete
        )
        quality.verify_rendition(rung, measured, encoded_s)
        variants.append((rung, track))
    sound = None
    if plan.has_audio:
        playlist = package.read_media_playlist(
            (root / encode.AUDIO_NAME / encode.MEDIA_PLAYLIST).read_text(encoding="utf-8")
        )
        sound = _track(root / encode.AUDIO_NAME, playlist, codecs=package.AAC_LC)
    (root / package.MULTIVARIANT).write_text(package.multivariant_playlist(variants, sound), encoding="utf-8")

    (folder / encode.OUTPUT / "mp4").mkdir()
    services.ffmpeg.run(folder, encode.plan_mp4(plan.mp4_rung, has_audio=plan.has_audio), timeout_s=600 + encoded_s)
    mp4 = folder / encode.OUTPUT / encode.mp4_path(plan.mp4_rung)
    track = next(track for rung, track in variants if rung == plan.mp4_rung)
    return {
        "hls": f"{version}/{encode.HLS}/{package.MULTIVARIANT}",
        "mp4": (
            Mp4(
                url=f"{version}/{encode.mp4_path(plan.mp4_rung)}",
                width=plan.mp4_rung.width,
                height=plan.mp4_rung.height,
                bitrate_bps=round(mp4.stat().st_size * 8 / encoded_s),
                size_bytes=mp4.stat().st_size,
                codecs=f"{track.codecs},{sound.codecs}" if sound else track.codecs,
            ),
        ),
        "renditions": tuple(
            Rendition(
                name=rung.name,
                width=rung.width,
                height=rung.height,
                frame_rate=round(float(rung.frame_rate), 3),
                codecs=track.codecs,
                bitrate_bps=track.average_bps,
            )
            for rung, track in variants
        ),
    }


def _track(folder: Path, playlist: package.MediaPlaylist, *, codecs: str | None) -> package.Track:
    try:
        sizes = [(folder / name).stat().st_size for name, _ in playlist.segments]
        return package.measure_track(
            playlist, sizes, codecs or package.avc_codecs((folder / playlist.init).read_bytes())
        )
    except OSError as error:
        raise TemporarilyUnavailable(
            "encoder_output_damaged", "The encoder made a damaged file.", str(error)
        ) from error


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

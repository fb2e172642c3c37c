"""Thumbnails: poster and storyboard, made beside the encode in their own queue, so a story has its picture early."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.errors import SourceRejected
from tasks.media import encode, storyboard
from tasks.media.package import content_type
from tasks.media.source import Source
from tasks.pipeline import finish
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import probe
from tasks.records import keys, lifecycle
from tasks.records.base import Notice
from tasks.records.clip_record import ClipRecord, ClipState, Poster, Storyboard, Work

log: Final = structlog.get_logger()
_SAMPLE_TIMEOUT_S: Final = 60.0


def thumbnails(services: Services, name: str) -> None:
    """Make what is missing of poster and storyboard, of the version in work, and add it to the record."""
    record = services.clips.get(name)
    if record is None or record.work.state is ClipState.FAILED:
        return
    work = record.work
    if work.poster is None or work.storyboard is None:
        try:
            _make(services, record, work)
        except NoSuchObject:
            log.info("upload gone", clip=name)
        except SourceRejected as error:
            log.info("no picture", clip=name, code=error.code, detail=error.detail)
            notice = Notice(
                code=finish.NO_POSTER, message="No poster could be made: no picture could be decoded early on."
            )
            services.clips.update(
                name,
                lambda current: lifecycle.picture(current, version=work.version, now=utc_now(), warnings=[notice]),
            )
    finish.settle(services, name, key=work.source.key, etag=work.source.etag, size_bytes=work.source.size_bytes)


def _make(services: Services, record: ClipRecord, work: Work) -> None:
    settings = services.settings
    with services.workspaces.open(source_bytes=work.source.size_bytes) as folder:
        services.store.download(settings.incoming_bucket, work.source.key, folder / encode.SOURCE_FILE)
        source = probe(services, folder)
        (folder / encode.OUTPUT / storyboard.FOLDER).mkdir(parents=True)
        if work.poster is None:
            poster = _poster(services, folder, source, record.name, work.version)
            services.clips.update(
                record.name,
                lambda current: lifecycle.picture(current, version=work.version, now=utc_now(), poster=poster),
            )
            finish.ring_articles(services, record.name)
        if work.storyboard is None:
            sheets = _storyboard(services, folder, source, record.name, work.version)
            services.clips.update(
                record.name,
                lambda current: lifecycle.picture(current, version=work.version, now=utc_now(), storyboard=sheets),
            )


def _poster(services: Services, folder: Path, source: Source, name: str, version: str) -> Poster:
    max_pixels = services.settings.max_pixels

    def sample(time_s: float) -> float:
        try:
            arguments = storyboard.plan_sample(source, time_s, max_pixels=max_pixels)
            return storyboard.interest(services.ffmpeg.run(folder, arguments, timeout_s=_SAMPLE_TIMEOUT_S).stdout)
        except SourceRejected:
            return -1.0  # a damaged stretch; another candidate may do

    time_s = max(storyboard.poster_candidates(source.duration_s), key=sample)
    arguments, width, height = storyboard.plan_poster(source, services.ladder, time_s, max_pixels=max_pixels)
    services.ffmpeg.run(folder, arguments, timeout_s=_SAMPLE_TIMEOUT_S)
    if not (folder / encode.OUTPUT / storyboard.POSTER).is_file():
        raise SourceRejected("undecodable", "No picture in this file could be decoded.", f"nothing at {time_s} s")
    _upload(services, folder, storyboard.POSTER, name, version)
    return Poster(url=f"{version}/{storyboard.POSTER}", width=width, height=height, time_s=time_s)


def _storyboard(services: Services, folder: Path, source: Source, name: str, version: str) -> Storyboard:
    gap_s = services.ffprobe.key_frame_gap_s(folder, encode.SOURCE_FILE, source.video.index)
    plan = storyboard.plan_storyboard(
        source, services.ladder, key_frame_gap_s=gap_s, max_pixels=services.settings.max_pixels
    )
    services.ffmpeg.run(folder, plan.arguments, timeout_s=600 + source.duration_s)
    root = folder / encode.OUTPUT
    sheets = sorted((root / storyboard.FOLDER).glob("sheet-*.jpg"))
    if not sheets:
        raise SourceRejected("undecodable", "No picture in this file could be decoded.", "no storyboard tile")
    (root / storyboard.VTT).write_text(
        storyboard.storyboard_vtt(plan, len(sheets), source.duration_s), encoding="utf-8"
    )
    images = [f"{storyboard.FOLDER}/{sheet.name}" for sheet in sheets]
    for path in [*images, storyboard.VTT]:
        _upload(services, folder, path, name, version)
    return Storyboard(
        vtt=f"{version}/{storyboard.VTT}",
        images=tuple(f"{version}/{path}" for path in images),
        interval_s=plan.interval_s,
    )


def _upload(services: Services, folder: Path, path: str, name: str, version: str) -> None:
    services.store.upload(
        services.settings.media_bucket,
        keys.version_prefix(name, version) + path,
        folder / encode.OUTPUT / path,
        content_type=content_type(path),
        cache_control=keys.CACHE_IMMUTABLE,
    )

"""Examine: ask ffprobe what a downloaded source is, and put it in the record's words."""

from __future__ import annotations

from pathlib import Path

from tasks.media import encode
from tasks.media.source import Source, SourceLimits, read_source
from tasks.pipeline.services import Services
from tasks.records.clip_record import AudioFacts, SourceFacts, VideoFacts


def probe(services: Services, folder: Path) -> Source:
    """Ask ffprobe what the downloaded source is.

    Raises:
        SourceRejected: it is nothing we take.
    """
    settings = services.settings
    answer = services.ffprobe.source(folder, encode.SOURCE_FILE, max_pixels=settings.max_pixels)
    limits = SourceLimits(duration_s=settings.max_duration_s, pixels=settings.max_pixels, streams=settings.max_streams)
    return read_source(answer, limits)


def describe_source(known: SourceFacts, source: Source, sha256: str) -> SourceFacts:
    """The record's facts of a probed source."""
    video = source.video
    return known.evolve(
        sha256=sha256,
        container=source.container,
        duration_s=round(source.duration_s, 3),
        video=VideoFacts(
            codec=video.codec,
            width=video.width,
            height=video.height,
            frame_rate=round(float(video.frame_rate), 3),
            scan=video.scan,
            pixel_format=video.pixel_format,
            rotation=video.rotation,
            dynamic_range=video.colour.dynamic_range,
            telecined=video.telecined,
        ),
        audio=tuple(
            AudioFacts(
                codec=each.codec,
                channels=each.channels,
                sample_rate=each.sample_rate,
                language=each.language,
                layout=each.layout,
            )
            for each in source.audio
        ),
    )

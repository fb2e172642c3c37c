"""Examine: ask ffprobe what a downloaded source is, and describe it for the record."""

from __future__ import annotations

import threading
from pathlib import Path

from tasks.errors import SourceRejected
from tasks.media.source import Recording, SoundSource, Source, VideoStream
from tasks.media.source_input import SOURCE_FILE
from tasks.media.source_reading import SourceLimits, read_recording
from tasks.pipeline import examine_part
from tasks.pipeline.services import Services
from tasks.records.clip_facts import AudioFacts, SourceFacts, VideoFacts


def probe(services: Services, folder: Path, *, stop: threading.Event | None = None) -> Source | SoundSource:
    """Ask ffprobe what the downloaded source is; streams that can't be opened are left out, and counted as unreadable.

    Raises:
        SourceRejected: it is nothing we take.
        process.Stopped: ``stop`` was set.
    """
    return read(services, ask(services, folder, stop=stop))


def read(services: Services, answer: dict[str, object]) -> Source | SoundSource:
    """What ffprobe's answer describes.

    Raises:
        SourceRejected: it is nothing we take.
    """
    settings = services.settings
    limits = SourceLimits(duration_s=settings.max_duration_s, pixels=settings.max_pixels, streams=settings.max_streams)
    return read_recording(answer, limits)


def ask(
    services: Services,
    folder: Path,
    *,
    name: str = SOURCE_FILE,
    is_whole: bool = True,
    measures_length: bool = True,
    stop: threading.Event | None = None,
) -> dict[str, object]:
    """ffprobe's answer about the source, or another file, of the ``name``.

    Of one that ``is_whole`` it has an answer also where not all of it can be opened.

    Raises:
        As `Ffprobe.source`.
    """
    try:
        return services.ffprobe.source(
            folder,
            name,
            max_pixels=services.settings.max_pixels,
            measures_length=measures_length,
            stop=stop,
        )
    except SourceRejected as error:
        if not is_whole or error.code != "unreadable":
            raise
        told = examine_part.ask(services, folder, stop=stop)
        if told is None:
            raise
        return told


def describe_source(known: SourceFacts, source: Recording, sha256: str | None) -> SourceFacts:
    """The record's facts of a probed source."""
    return known.evolve(
        sha256=sha256,
        container=source.container,
        duration_s=round(source.duration_s, 3),
        timecode=source.timecode,
        video=_describe_video(source.video) if isinstance(source, Source) else None,
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


def _describe_video(video: VideoStream) -> VideoFacts:
    return VideoFacts(
        codec=video.codec,
        width=video.width,
        height=video.height,
        frame_rate=round(float(video.frame_rate), 3),
        scan=video.scan,
        pixel_format=video.pixel_format,
        rotation=video.rotation,
        dynamic_range=video.colour.dynamic_range,
        mixed=video.mixed,
        telecined=video.telecined,
    )

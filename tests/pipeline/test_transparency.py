"""Transparency that WebM keeps beside its packets: shown on black, unless only some packets have it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.pipeline import uploaded
from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.jobs import job_in

PICTURE = ("-f", "lavfi", "-i", "color=white:size=160x90:rate=25:duration=1")
CLEAR = ("-vf", "format=rgba,colorchannelmixer=aa=0,format=yuva420p")
CODECS = {"vp8": ("-c:v", "libvpx", "-auto-alt-ref", "0"), "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime")}


def recordings(folder: Path, codec: str, *are_clear: bool) -> Path:
    """An upload joined of recordings of a second, each transparent or opaque."""
    for number, is_clear in enumerate(are_clear):
        look = CLEAR if is_clear else ("-pix_fmt", "yuv420p")
        clips.make(folder / f"{number}.webm", *PICTURE, *look, *CODECS[codec])
    listed = folder / "list.txt"
    listed.write_text("".join(f"file {number}.webm\n" for number in range(len(are_clear))))
    joined = ("-f", "concat", "-i", str(listed), "-c", "copy", "-metadata:s:v", "alpha_mode=1", "-f", "webm")
    return clips.make(folder / SOURCE_FILE, *joined)


def seen(services: Services, folder: Path) -> tuple[bool, list[int]]:
    """Whether the upload counts as transparent, and how opaque (0 to 255) each decoded picture's corner is."""
    source = uploaded.probe(job_in(folder, services))
    assert isinstance(source, Source)
    decoder = input_options(max_pixels=services.settings.max_pixels, video=source.video).get("c:0")
    chosen = () if decoder is None else ("-c:v", str(decoder))
    output = ("-vf", "format=rgba,crop=1:1", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    command = [str(clips.FFMPEG), "-v", "error", *chosen, "-i", str(folder / SOURCE_FILE), *output]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return source.video.colour.has_alpha, list(raw[3::4])


@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_is_shown_of_webm_that_is_transparent_in_part(
    services: Services, tmp_path: Path, codec: str
) -> None:
    recordings(tmp_path, codec, True, False, True)
    assert seen(services, tmp_path) == (False, [255] * 75)


@pytest.mark.parametrize("codec", CODECS)
def test_webm_that_is_transparent_throughout_is_decoded_with_its_transparency(
    services: Services, tmp_path: Path, codec: str
) -> None:
    recordings(tmp_path, codec, True, True)
    has_alpha, opacity = seen(services, tmp_path)
    assert has_alpha
    assert len(opacity) == 50
    assert max(opacity) < 10

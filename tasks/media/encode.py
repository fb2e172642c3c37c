"""The encode plan: one ffmpeg command that decodes once and makes all renditions (HLS with CMAF segments).

Pure: a source and a ladder go in, an argument list comes out. Paths in it are relative to the workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import ffmpeg

from tasks.media.colour import scaled
from tasks.media.encoders import encoder_options
from tasks.media.ladder import Ladder, PlannedRung, climb
from tasks.media.picture import shown
from tasks.media.sound import MAIN, Programme, candidates, published, sound_arguments
from tasks.media.source import Source, VideoStream
from tasks.records.base import Value

SOURCE_FILE: Final = "source"
OUTPUT: Final = "out"
HLS: Final = "hls"
MEDIA_PLAYLIST: Final = "index.m3u8"
AUDIO_NAME: Final = MAIN

# Demuxers of the formats that newsrooms meet. Not in it, on purpose: hls, dash, concat, sdp, imf, image2 and all others
# that open further files or addresses; naming the allowed ones is what keeps a playlist called .mp4 harmless.
DEMUXERS: Final = ",".join(
    "asf avi dv flv gxf lxf matroska,webm mov,mp4,m4a,3gp,3g2,mj2 mpeg mpegts mpegvideo mxf mxf_opatom "
    "ogg yuv4mpegpipe h264 hevc".split()
)


class EncodePlan(Value):
    """What one ffmpeg run makes: ``arguments`` for it, and what must come out."""

    arguments: tuple[str, ...]
    rungs: tuple[PlannedRung, ...]
    sound: tuple[Programme, ...]
    mp4_rung: PlannedRung

    @property
    def has_audio(self) -> bool:
        """There is something to hear."""
        return bool(self.sound)


def input_options(*, max_pixels: int, key_frames_only: bool = False) -> dict[str, object]:
    """What every ffmpeg run says of an untrusted input."""
    return {
        "format_whitelist": DEMUXERS,
        "protocol_whitelist": "file",
        "max_pixels": max_pixels,
        **({"skip_frame": "nokey"} if key_frames_only else {}),
    }


def plan_encode(
    source: Source, ladder: Ladder, *, max_pixels: int, sound: Sequence[Programme] | None = None
) -> EncodePlan:
    """One decode, a cascade of scalers, every rendition and the sound into one HLS tree under ``out/hls/``.

    ``sound`` is what to publish, the main programme first; without it the tracks are taken as they lie in the file.
    """
    programmes = published(candidates(source), ladder.audio.languages) if sound is None else tuple(sound)
    rungs = climb(ladder, source.video)
    clip = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels))
    pictures = _cascade(clip[str(source.video.index)], source.video, rungs)
    gop = max(1, round(rungs[0].frame_rate * Fraction(ladder.gop_s)))
    options = encoder_options(rungs, preset=ladder.preset, gop=gop)
    options |= {
        "map_metadata": -1,
        "map_chapters": -1,
        "format": "hls",
        "hls_time": f"{ladder.segment_s:g}",
        "hls_playlist_type": "event",
        "hls_segment_type": "fmp4",
        # A name that a playlist or a folder shows is a whole file: uploads run beside the encode.
        "hls_flags": "independent_segments+temp_file",
        "hls_segment_options": "movflags=+cmaf",
        # What lies before 0 is for decoders only, and edit lists take it off in every track alike. Moved to 0 it would
        # need empty edits, which browsers pass over: they would play the sound too early.
        "avoid_negative_ts": "disabled",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": f"{OUTPUT}/{HLS}/%v/%05d.m4s",
        "var_stream_map": _stream_map(rungs, programmes),
    }
    *encode, playlists = ffmpeg.output(*pictures, f"{OUTPUT}/{HLS}/%v/{MEDIA_PLAYLIST}", **options).get_args()
    encode += sound_arguments(clip, programmes, ladder.audio)
    return EncodePlan(
        arguments=("-nostdin", "-hide_banner", "-loglevel", "warning", "-progress", "pipe:1", *encode, playlists),
        rungs=rungs,
        sound=programmes,
        mp4_rung=_mp4_rung(rungs, ladder.mp4.max_height),
    )


def plan_mp4(rung: PlannedRung, *, has_audio: bool) -> tuple[str, ...]:
    """Arguments of a run that copies one rung and the sound into a progressive MP4, index first; nothing is encoded."""
    # Both inputs keep the times of the run that made them, or sound and picture would each start at zero.
    inputs = [ffmpeg.input(f"{OUTPUT}/{HLS}/{rung.name}/{MEDIA_PLAYLIST}")["v"]]
    if has_audio:
        inputs.append(ffmpeg.input(f"{OUTPUT}/{HLS}/{AUDIO_NAME}/{MEDIA_PLAYLIST}")["a"])
    output = ffmpeg.output(*inputs, f"{OUTPUT}/{mp4_path(rung)}", c="copy", movflags="+faststart", copyts=None)
    return ("-nostdin", "-hide_banner", "-loglevel", "warning", *output.get_args())


def mp4_path(rung: PlannedRung) -> str:
    """Where a rung's progressive MP4 stands below the version prefix."""
    return f"mp4/{rung.name}.mp4"


def _mp4_rung(rungs: Sequence[PlannedRung], max_height: int) -> PlannedRung:
    playable = [rung for rung in rungs if rung.codec == "h264"]
    return next((rung for rung in playable if min(rung.width, rung.height) <= max_height), playable[-1])


def _cascade(
    picture: ffmpeg.nodes.FilterableStream, video: VideoStream, rungs: tuple[PlannedRung, ...]
) -> list[ffmpeg.nodes.FilterableStream]:
    """Each rung is scaled from the next larger one, which costs a quarter less than all from the source."""
    rate = rungs[0].frame_rate
    # A picture that begins after the sound is held from the start on (fps_mode cfr), so both stay in step.
    stream = shown(picture, video, rate=rate).filter("fps", str(rate))
    made = []
    for number, rung in enumerate(rungs):
        if number == 0:
            stream = scaled(stream, video.colour, rung.width, rung.height)
        else:
            stream = stream.filter("scale", rung.width, rung.height, flags="lanczos").filter("setsar", 1)
        if number + 1 < len(rungs):
            split = stream.split()
            made.append(split[0])
            stream = split[1]
        else:
            made.append(stream)
    return made


def _stream_map(rungs: tuple[PlannedRung, ...], programmes: Sequence[Programme]) -> str:
    group = f",agroup:{AUDIO_NAME}" if programmes else ""
    variants = [f"v:{number}{group},name:{rung.name}" for number, rung in enumerate(rungs)]
    variants += [f"a:{number}{group},name:{programme.name}" for number, programme in enumerate(programmes)]
    return " ".join(variants)

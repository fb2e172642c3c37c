"""The ffmpeg runs that write an upload's captions as text, and extract those in its video and ancillary data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.media.captions.selection import (
    ANCILLARY_FILE,
    ASS,
    PACKETS_FILE,
    TELETEXT,
    UNITS_FILE,
    CaptionSource,
    CaptionTrack,
)
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options

_MOST_UNIT_BYTES: Final = 256 * 1024**2
# Hours of them take a tenth.
_MOST_ANCILLARY_BYTES: Final = 64 * 1024**2
_MOST_TEXT_BYTES: Final = 8 * 1024**2
_QUIET: Final = ("-nostdin", "-hide_banner", "-loglevel", "error")
# No chapter or tag of an upload gets into what we write; times are kept as they are, below zero too.
_PLAIN: Final = ("-map_metadata", "-1", "-map_chapters", "-1", "-avoid_negative_ts", "disabled")


def plan_extract(found: CaptionSource, source: Source, *, max_pixels: int) -> tuple[str, ...]:
    """Arguments of the run that writes each text track, and the video's caption units; empty if there are none."""
    outputs: list[str] = []
    # A decoder shows one page: for each further one the file is read once more.
    readings = _readings(found.tracks)
    for number, tracks in enumerate(readings):
        for track in tracks:
            outputs += ["-map", f"{number}:{track.index}", *_output(track)]
    if found.unit_filter:
        # The packets behind each other, and beside them the size and time of each.
        copied = ("-map", f"0:{source.video.index}", "-c", "copy", "-copyinkf", *_PLAIN, "-bsf:v", found.unit_filter)
        outputs += [*copied, "-fs", str(_MOST_UNIT_BYTES), "-f", "data", UNITS_FILE]
        outputs += [*copied, "-f", "framecrc", PACKETS_FILE]
    if found.ancillary is not None:
        outputs += ["-map", f"0:{found.ancillary}", "-c", "copy", *_PLAIN, "-bsf:d", "smpte436m_to_eia608"]
        outputs += ["-fs", str(_MOST_ANCILLARY_BYTES), "-f", "rcwt", ANCILLARY_FILE]
    if not outputs:
        return ()
    options: list[str] = []
    for key, value in sorted(input_options(max_pixels=max_pixels, captions=True).items()):
        if key == "dn" and found.ancillary is not None:
            continue
        options += [f"-{key}"] if value is None else [f"-{key}", str(value)]
    inputs: list[str] = []
    for tracks in readings:
        inputs += [word for track in tracks if track.codec == TELETEXT for word in _teletext(track)]
        inputs += [*options, "-i", SOURCE_FILE]
    # The upload's own clock, whichever streams a run takes: `zero_s` tells where the clip begins on it.
    return (*_QUIET, "-copyts", *inputs, *outputs)


def plan_line21(rcwt: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Arguments of the run that decodes raw captions, and the files that it writes: those of fields 1 and 2."""
    files = (f"{rcwt}.1.vtt", f"{rcwt}.2.vtt")
    arguments = [*_QUIET, "-copyts"]
    for field in ("first", "second"):
        arguments += ["-f", "rcwt", "-protocol_whitelist", "file", "-data_field", field, "-i", rcwt]
    for number, file in enumerate(files):
        arguments += ["-map", f"{number}:0", "-c:s", "webvtt", "-fs", str(_MOST_TEXT_BYTES), "-f", "webvtt", file]
    return tuple(arguments), files


def _output(track: CaptionTrack) -> tuple[str, ...]:
    """The output for a track: WebVTT, but ASS as it is."""
    coder, form = ("copy", "ass") if track.codec in ASS else ("webvtt", "webvtt")
    return ("-c:s", coder, *_PLAIN, "-fs", str(_MOST_TEXT_BYTES), "-f", form, track.file)


def _readings(tracks: Sequence[CaptionTrack]) -> list[list[CaptionTrack]]:
    """The tracks in groups, so that no group has two of one stream; at least one group."""
    made: list[list[CaptionTrack]] = [[]]
    for track in tracks:
        others = (part for part in made if all(track.index != each.index for each in part))
        part = next(others, None)
        if part is None:
            made.append([track])
        else:
            part.append(track)
    return made


def _teletext(track: CaptionTrack) -> tuple[str, ...]:
    # One page, or those that the service marks as subtitles, as text; each text ends where the next one begins.
    page = "subtitle" if track.page is None else str(track.page)
    return (
        *(f"-txt_format:{track.index}", "text", f"-txt_page:{track.index}", page),
        f"-fix_sub_duration:{track.index}",
    )

"""WebVTT (W3C): ffmpeg's captions read defensively, and written whole and as HLS segments (RFC 8216, 3.5).

Of an upload's markup only plain text and the tags b, i, u and v survive: a page that shows a cue can't be made to run
it. Times are seconds from the published clip's zero.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tasks.records.base import Value

# More than the longest film has; beyond that it is no caption.
_MOST_CUES: Final = 20_000
_MOST_CHARACTERS: Final = 1000
_MOST_BYTES: Final = 4 * 1024**2
_TIMING: Final = re.compile(
    r"(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})"
)
# A tag has a name, or is a time (karaoke); "a < b" is neither.
_TAG: Final = re.compile(r"<(/?)([A-Za-z]+|\d)([^<>]*)>")
_KEPT: Final = ("b", "i", "u", "v")
# Controls, and the marks that turn the direction of all that follows; those that hold for one letter stay.
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
# In fMP4 media the clip's zero is 0 of the clock that the map counts in (90 kHz).
_HEAD: Final = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
_SEGMENT_S: Final = 30.0


class Cue(Value):
    """One caption, shown from ``start_s`` to ``end_s``; ``text`` is WebVTT cue text, already clean."""

    start_s: float
    end_s: float
    text: str


class Segment(Value):
    """One HLS segment: its file and its duration in seconds."""

    name: str
    duration_s: float
    text: str


def read_cues(written: bytes, *, zero_s: float = 0.0) -> tuple[Cue, ...]:
    """The cues of a WebVTT file in order of time, without what is damaged, empty or ends before the clip's zero.

    ``zero_s`` is the clip's zero on the file's clock.
    """
    text = written[:_MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return in_order(_cues(text, zero_s))


def in_order(cues: Iterator[Cue]) -> tuple[Cue, ...]:
    """The cues in order of time, no more than there may be."""
    return tuple(sorted(itertools.islice(cues, _MOST_CUES), key=lambda cue: cue.start_s))


def cue(start_s: float, end_s: float, text: str) -> Cue | None:
    """A cue by its times from the clip's zero on and its text, not clean yet; None if it is empty or never shown."""
    said = clean(text)
    if not said or end_s <= max(start_s, 0):
        return None
    return Cue(start_s=max(0.0, round(start_s, 3)), end_s=round(end_s, 3), text=said)


def _cues(text: str, zero_s: float) -> Iterator[Cue]:
    for block in re.split(r"\n{2,}", text):
        lines = block.strip("\n").split("\n")
        # A line before the times is the cue's name.
        number = next((number for number, line in enumerate(lines[:2]) if "-->" in line), None)
        timing = _TIMING.match(lines[number].strip()) if number is not None else None
        if number is None or timing is None:
            continue
        start_s, end_s = _seconds(timing.groups()[:4]) - zero_s, _seconds(timing.groups()[4:]) - zero_s
        made = cue(start_s, end_s, "\n".join(lines[number + 1 :]))
        if made is not None:
            yield made


def clean(text: str) -> str:
    """Cue text that is safe wherever it is shown: tags other than b, i, u and v are removed, and those are closed."""
    made, opened, end = [], list[str](), 0
    text = _CONTROL.sub("", text)[:_MOST_CHARACTERS]
    for tag in _TAG.finditer(text):
        made.append(_escaped(text[end : tag.start()]))
        end = tag.end()
        closing, name, rest = tag.group(1), tag.group(2).lower(), tag.group(3)
        if name not in _KEPT or (rest and rest[0] not in " \t.\n"):
            continue
        if not closing:
            speaker = " ".join(_escaped(rest.partition(" ")[2]).split()) if name == "v" else ""
            if name == "v" and not speaker:
                continue
            opened.append(name)
            made.append(f"<{name} {speaker}>" if speaker else f"<{name}>")
        elif name in opened:
            # What was opened inside is closed with it.
            while (last := opened.pop()) != name:
                made.append(f"</{last}>")
            made.append(f"</{name}>")
    made.append(_escaped(text[end:]))
    made += [f"</{name}>" for name in reversed(opened)]
    lines = (" ".join(line.split()) for line in "".join(made).split("\n"))
    found = "\n".join(line for line in lines if line)
    return found if _TAG.sub("", found).strip() else ""


def _escaped(text: str) -> str:
    # Files escape or don't; either way what a viewer read is what a viewer reads.
    plain = _CONTROL.sub("", html.unescape(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def whole_file(cues: Sequence[Cue]) -> str:
    """All cues in one file, for DASH and for HTML's track element."""
    return "\n".join(["WEBVTT", "", *map(_spelt, cues)])


def segments(cues: Sequence[Cue], durations_s: Sequence[float]) -> tuple[Segment, ...]:
    """The HLS segments. Each spans several of the picture's, whose durations are given, about half a minute together.

    A cue that goes on beyond a segment's end stands in the next one again, as players that begin there need it.
    """
    made: list[Segment] = []
    start_s = end_s = 0.0
    for number, duration_s in enumerate(durations_s, start=1):
        end_s += duration_s
        # A clip has one segment rather than a long one and a scrap.
        if number < len(durations_s) and end_s - start_s < _SEGMENT_S:
            continue
        shown = [_spelt(cue) for cue in cues if cue.start_s < end_s and cue.end_s > start_s]
        text = "\n".join([_HEAD, *shown])
        made.append(Segment(name=f"{len(made):05d}.vtt", duration_s=end_s - start_s, text=text))
        start_s = end_s
    return tuple(made)


def media_playlist(parts: Sequence[Segment]) -> str:
    """The media playlist (RFC 8216, 4.3.3); of subtitles its target duration may differ from the picture's (6.2.4)."""
    target_s = max((math.floor(part.duration_s + 0.5) for part in parts), default=1)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, target_s)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]
    for part in parts:
        lines += [f"#EXTINF:{part.duration_s:.6f},", part.name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _spelt(cue: Cue) -> str:
    return f"{_time(cue.start_s)} --> {_time(cue.end_s)}\n{cue.text}\n"


def _time(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000

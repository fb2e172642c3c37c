"""ASS and SSA captions (Advanced SubStation Alpha 4+), as ffmpeg's muxer writes them, read as WebVTT cues.

Bold, italic and underlined stay, by style and by override. Shapes that are drawn are no text: their coordinates are
left out. ffmpeg's own way to WebVTT shows those.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tasks.media.captions.webvtt import Cue, cue, in_order

_MOST_BYTES: Final = 8 * 1024**2
_KEPT: Final = ("b", "i", "u")
_STYLE_FIELDS: Final = ("Bold", "Italic", "Underline")
_BOLD_WEIGHT: Final = 600
# Layer, start, end, style, name, three margins, effect; the text is the rest, with whatever commas it has.
_FIELDS_BEFORE_TEXT: Final = 9
_TIME: Final = re.compile(r"(\d{1,4}):(\d\d):(\d\d)\.(\d\d)")
_PART: Final = re.compile(r"\{([^{}]*)\}|([^{]+|\{)")
_OVERRIDE: Final = re.compile(r"\\(?:([bipu])(\d{1,9})|r([^\\]*))")
# What they hold runs by time.
_ANIMATED: Final = re.compile(r"\\t\([^()]*(?:\([^()]*\)[^()]*)*\)")


def read_events(written: bytes, *, zero_s: float = 0.0) -> tuple[Cue, ...]:
    """The cues of a file in order of time, cleaned as by `webvtt.read_cues`."""
    lines = written[:_MOST_BYTES].decode("utf-8", "replace").splitlines()
    return in_order(_cues(lines, _styles(lines), zero_s))


def _cues(lines: Sequence[str], styles: Mapping[str, frozenset[str]], zero_s: float) -> Iterator[Cue]:
    for line in lines:
        kind, _, event = line.partition(":")
        fields = event.split(",", _FIELDS_BEFORE_TEXT)
        if kind != "Dialogue" or len(fields) <= _FIELDS_BEFORE_TEXT:
            continue
        start_s, end_s = (_seconds(field) for field in fields[1:3])
        if start_s is not None and end_s is not None:
            text = _marked_up(fields[_FIELDS_BEFORE_TEXT], fields[3].strip().lstrip("*"), styles)
            made = cue(start_s - zero_s, end_s - zero_s, text)
            if made is not None:
                yield made


def _styles(lines: Sequence[str]) -> dict[str, frozenset[str]]:
    """The tags of `_KEPT` that each style sets, by its name."""
    names: list[str] = []
    found: dict[str, frozenset[str]] = {}
    for line in lines:
        kind, _, rest = line.partition(":")
        values = [value.strip() for value in rest.split(",")]
        if kind == "Format" and "Bold" in values:
            names = values
        elif kind == "Style":
            told = dict(zip(names, values, strict=False))
            # −1 is yes, in this language.
            marks = {mark for mark, field in zip(_KEPT, _STYLE_FIELDS, strict=True) if told.get(field, "0") != "0"}
            found[told.get("Name", "").lstrip("*")] = frozenset(marks)
    return found


def _marked_up(text: str, style: str, styles: Mapping[str, frozenset[str]]) -> str:
    """The text with WebVTT's tags, and everything else escaped."""
    usual = styles.get(style, frozenset[str]())
    marks, is_drawing = set(usual), False
    runs: list[tuple[frozenset[str], list[str]]] = []
    for part in _PART.finditer(text):
        overrides, said = part.groups()
        if overrides is not None:
            for override in _OVERRIDE.finditer(_ANIMATED.sub("", overrides)):
                name, value, other = override.groups()
                if name == "p":
                    is_drawing = int(value) > 0
                elif name is None:
                    marks = set(styles.get(other.strip(), usual))
                elif value == "1" or int(value) >= _BOLD_WEIGHT:
                    marks.add(name)
                else:
                    marks.discard(name)
        elif not is_drawing:
            plain = said.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
            if runs and runs[-1][0] == marks:
                runs[-1][1].append(plain)
            else:
                runs.append((frozenset(marks), [plain]))
    return "".join(_tagged(html.escape("".join(said), quote=False), marked) for marked, said in runs)


def _tagged(text: str, marks: frozenset[str]) -> str:
    for mark in reversed(_KEPT):
        text = f"<{mark}>{text}</{mark}>" if mark in marks and text.strip() else text
    return text


def _seconds(field: str) -> float | None:
    found = _TIME.fullmatch(field.strip())
    if found is None:
        return None
    hours, minutes, seconds, hundredths = map(int, found.groups())
    return hours * 3600 + minutes * 60 + seconds + hundredths / 100

"""References within a paragraph: ``… (Video: 120320_OHAI1.mp4) …``, and the shortcodes of content systems.

The label needs its colon, and each name a media extension or the form ``MMDDYY_SLUG1``. A shortcode counts anywhere.
All of it is linear in the length of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tasks.news.clip_names import clip_name, clip_name_in_url, has_extension, unquoted
from tasks.news.references import COLONS, CONNECTORS, LIST_SEPARATOR, STANDARD, ReferenceStyle, parse_reference_line
from tasks.news.text import CLOSERS, SENTENCE_END, one_line

_CONVENTIONAL: Final = re.compile(r"\d{6}_\w{1,60}")
_WORD: Final = re.compile(r"\s?(?P<word>[^\s,;，；、()\[\]]{1,255})(?P<separator>\s?[,;，；、])?")
_ATTRIBUTE: Final = re.compile(
    r"(?:src|mp4|m4v|mov|webm|file|name|clip|url)\s?=\s?(?:[\"“”'](?P<quoted>[^\"“”']{1,300})[\"“”']|(?P<bare>[^\s\"']{1,300}))",
    re.IGNORECASE,
)
# Characters on either side of a marker that are looked at: a line of a megabyte is not copied for each of its markers.
_NEIGHBOURHOOD: Final = 64


class _Marker(NamedTuple):
    """Where a marker begins and ends in the line, its clips, and whether the sentence stays whole without it."""

    begin: int
    end: int
    names: tuple[str, ...]
    is_removable: bool


def take_references(line: str, style: ReferenceStyle = STANDARD) -> tuple[str, tuple[str, ...]]:
    """The line without its reference markers, and the names of clips in them, in order.

    A marker is taken out where the sentence around it stays whole: a shortcode, one in brackets, one between sentences
    or at an end. One that is a part of its sentence refers to the clip as well, and stays in the text.
    """
    if names := parse_reference_line(line, style):
        return "", names
    taken: list[str] = []
    kept, start = [], 0
    for marker in _markers(line, style):
        taken += marker.names
        if marker.is_removable:
            kept.append(line[start : marker.begin])
            start = marker.end
    if not taken:
        return line, ()
    return _mended([*kept, line[start:]]) if start else line, tuple(taken)


def _markers(line: str, style: ReferenceStyle) -> Iterator[_Marker]:
    """The line's markers in order, none overlapping."""
    reached = 0
    for marker in sorted([*_shortcodes(line, style), *_labelled(line, style)], key=lambda each: each[:2]):
        if marker.begin >= reached:
            yield marker
            reached = marker.end


def _shortcodes(line: str, style: ReferenceStyle) -> Iterator[_Marker]:
    for match in style.shortcode.finditer(line):
        inside = (match["square"] or match["curly"]).strip(" /%>" + COLONS)
        values = [each["quoted"] or each["bare"] for each in _ATTRIBUTE.finditer(inside)]
        if not values and "=" not in inside:
            values = [unquoted(inside)]
        # One clip in several formats is one clip: [video mp4="a.mp4" webm="a.webm"].
        if names := list(dict.fromkeys(filter(None, map(_name_in_shortcode, values)))):
            yield _Marker(match.start(), match.end(), tuple(names), is_removable=True)


def _name_in_shortcode(value: str) -> str:
    return clip_name_in_url(value) or ("" if LIST_SEPARATOR.search(value) else clip_name(one_line(value)))


def _labelled(line: str, style: ReferenceStyle) -> Iterator[_Marker]:
    for match in style.inline.finditer(line):
        if match["bracketed"]:
            if names := parse_reference_line(match["bracketed"], style):
                yield _Marker(match.start(), match.end(), names, is_removable=True)
            continue
        names, end = _names_from(line, match.end())
        if names:
            yield _Marker(match.start(), end, names, is_removable=_stands_apart(line, match.start(), end))


def _names_from(line: str, start: int) -> tuple[tuple[str, ...], int]:
    """The file names that follow at that place, and where the last one ends."""
    names: list[str] = []
    end, position = start, start
    while match := _WORD.match(line, position):
        word = unquoted(match["word"])
        if names and word.casefold() in CONNECTORS and not match["separator"]:
            position = match.end()
            continue
        stem = clip_name(word) if has_extension(word) or _CONVENTIONAL.fullmatch(word) else ""
        if not stem:
            break
        names.append(stem)
        # The full stop after a name ends the marker's own sentence.
        end = match.end("word")
        position = match.end()
        if match["word"].rstrip(CLOSERS).endswith((".", "!", "?")):
            break
    return tuple(names), end


def _stands_apart(line: str, begin: int, end: int) -> bool:
    """Whether what is there stands between sentences, or at an end of the line."""
    before = line[max(0, begin - _NEIGHBOURHOOD) : begin].rstrip()
    after = line[end : end + _NEIGHBOURHOOD].lstrip(" " + CLOSERS)
    begins = not before or before.rstrip(CLOSERS).endswith(SENTENCE_END) or line[begin].isupper()
    if not after:
        return True
    is_stop = after[0] in ".!?…;,"
    return begins and (is_stop or after[0].isupper() or after[0] in '"“«‘(' or line[end - 1] in ".!?")


def _mended(parts: list[str]) -> str:
    """The text around what was taken out, its spaces and punctuation in order."""
    text = one_line(" ".join(parts))
    text = re.sub(r" ([,.;:!?…)\]])", r"\1", text)
    text = re.sub(r"([.!?…])[,.;:]+(?= |$)", r"\1", text)
    text = re.sub(r",[,;](?= |$)", ",", text).strip(" -–—•·|")
    return text if any(map(str.isalnum, text)) else ""

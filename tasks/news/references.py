"""Reference lines: ``Video: NAME.mp4`` on a line of its own, and the ways in which people write it.

A line refers to clips when it is a label (``Video``, ``Clip``), a separator (a colon or a dash) and nothing but names:

- names with a media extension, separated by commas, semicolons, spaces or "và": ``Video: A1.mp4, A2.mp4``;
- one name with spaces, if it has an extension: ``Video: Lễ khai mạc 1.mp4``;
- bare names, if they look like file names (a digit, ``_`` or an inner ``-``): ``VIDEO - 120320_OHAI1``.

So ``Video: TTXVN`` is a credit, ``Video: Toàn cảnh hội nghị`` a caption and ``Video cho thấy…`` a sentence. Everything
here is linear in the length of the line.
"""

from __future__ import annotations

import re
from typing import Final

from tasks.news.text import normalise, one_line
from tasks.records import keys

LABELS: Final = ("video clip", "video-clip", "videos", "video", "clips", "clip")
COLONS: Final = ":："
DASHES: Final = "-–—"
# fmt: off
MEDIA_EXTENSIONS: Final = frozenset((
    "3g2", "3gp", "aac", "ac3", "aif", "aiff", "asf", "avi", "dv", "f4v", "flac", "flv", "gxf", "m2t", "m2ts",
    "m2v", "m4a", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "oga",
    "ogg", "ogv", "opus", "qt", "ts", "vob", "wav", "webm", "wma", "wmv",
))
# fmt: on

_MAX_LINE_CHARACTERS: Final = 2_000
# What is longer is no file name on the usual file systems, but a sentence that mentions one.
_MAX_NAME_BYTES: Final = 255
# A dash has a space beside it: "video-clip.mp4" is a file name.
_LABEL: Final = re.compile(
    rf"(?:{'|'.join(LABELS)})(?P<separator>\s?[{COLONS}]|\s[{DASHES}]|[{DASHES}]\s)\s?", re.IGNORECASE
)
_LIST_SEPARATOR: Final = re.compile("[,;，；、]")
_CONNECTORS: Final = frozenset(("và", "and", "&", "+", "|"))
_BULLETS: Final = "•·●▪►▶*>-–— "
_BRACKETS: Final = {"(": ")", "[": "]"}
_QUOTES: Final = "\"'“”„‘’«»"
_LOOKS_LIKE_A_FILE: Final = re.compile(r"[0-9_]|\w-\w")
_NO_BARE_NAME: Final = re.compile(r"[^\w.()+&@#~-]")


def parse_reference_line(line: str) -> tuple[str, ...]:
    """The names of the clips that the line refers to, in its order; none if it is any other line.

    A name is what `keys.stem` makes of the file's name: NFC, in the case in which it is written, no media extension.
    """
    _, rest = _split_label(line)
    if not rest:
        return ()
    parts = [part for part in map(_unquoted, _LIST_SEPARATOR.split(rest)) if part]
    each = [_names_of(part) for part in parts]
    if all(each):
        return tuple(name for names in each for name in names)
    # A comma may also belong to the one name of the line: "Lũ, bão.mp4".
    with_extension = sum(_has_extension(_unquoted(word)) for part in parts for word in part.split())
    return _names_of(rest) if len(parts) > 1 and with_extension == 1 else ()


def is_labelled(line: str) -> bool:
    """The line begins as a reference line does, with a label and a colon, whatever follows."""
    return _split_label(line)[0] in tuple(COLONS)


def _split_label(line: str) -> tuple[str, str]:
    """The separator after the label, and what follows it; both empty where the line has no label."""
    if len(line) > _MAX_LINE_CHARACTERS:
        return "", ""
    bare = one_line(normalise(line)).lstrip(_BULLETS)
    while bare and bare.endswith(_BRACKETS.get(bare[0], "\n")):
        bare = bare[1:-1].strip()
    label = _LABEL.match(bare)
    return (label["separator"].strip(), _unquoted(bare[label.end() :])) if label else ("", "")


def _names_of(part: str) -> tuple[str, ...]:
    """The names in a part of a list: several that each have an extension or look like files, or one with spaces."""
    words = [word for word in map(_unquoted, part.split()) if word]
    count = sum(map(_has_extension, words))
    is_one = count == 1 and _has_extension(part)
    stems = []
    for name in [part] if is_one else [word for word in words if word.casefold() not in _CONNECTORS]:
        stem = _stem(name)
        if not stem:
            return ()
        stems.append(stem)
    return tuple(stems)


def _stem(name: str) -> str:
    """The clip's name that an upload of this name would get; empty if it can't be one."""
    if "/" in name or "\\" in name or len(name.encode()) > _MAX_NAME_BYTES:
        return ""
    if _has_extension(name):
        stem = keys.stem(name)
        return stem if any(map(str.isalnum, stem)) else ""
    is_file = _LOOKS_LIKE_A_FILE.search(name) and not (_NO_BARE_NAME.search(name) or name.startswith("."))
    return keys.stem(f"{name}.mp4") if is_file and any(map(str.isalnum, name)) else ""


def _has_extension(word: str) -> bool:
    stem, _, extension = word.rpartition(".")
    return bool(stem) and extension.casefold() in MEDIA_EXTENSIONS


def _unquoted(text: str) -> str:
    """The text without quotes around it, and without the punctuation that may end a line."""
    return text.strip().rstrip(".,; ").strip(_QUOTES + " ").rstrip(".,; ")

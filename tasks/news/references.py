"""References: ``Video: NAME.mp4`` on a line of its own or within a paragraph, and the ways in which people write it.

A line refers to clips when it is a label (``Video``, ``Clip``), a separator (a colon or a dash) and nothing but names:

- names with a media extension, separated by commas, semicolons, spaces or "và": ``Video: A1.mp4, A2.mp4``;
- one name with spaces, if it has an extension: ``Video: Lễ khai mạc 1.mp4``;
- bare names, if they look like file names (a digit, ``_`` or an inner ``-``): ``VIDEO - 120320_OHAI1``.

So ``Video: TTXVN`` is a credit, ``Video: Toàn cảnh hội nghị`` a caption and ``Video cho thấy…`` a sentence. A remark in
brackets may follow the names. Within a paragraph (`take_references`) the label needs its colon, and each name a media
extension or the form ``MMDDYY_SLUG1``. Shortcodes of content systems count everywhere. All of it is linear in the
length of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import unquote, urlsplit

from tasks.news.text import CLOSERS, SENTENCE_END, normalise, one_line
from tasks.records import keys

LABELS: Final = ("video clip", "video-clip", "videos", "video", "clips", "clip")
SHORTCODES: Final = ("video", "clip", "newsreel")
COLONS: Final = ":："
DASHES: Final = "-–—"
MEDIA_EXTENSIONS: Final = keys.CLIP_EXTENSIONS

_MAX_LINE_CHARACTERS: Final = 2_000
# What is longer is no file name on the usual file systems, but a sentence that mentions one.
_MAX_NAME_BYTES: Final = 255
_LIST_SEPARATOR: Final = re.compile("[,;，；、]")
_CONNECTORS: Final = frozenset(("và", "and", "&", "+", "|"))
_BULLETS: Final = "•·●▪►▶*>-–— "
_BRACKETS: Final = {"(": ")", "[": "]"}
_QUOTES: Final = "\"'“”„‘’«»"
_LOOKS_LIKE_A_FILE: Final = re.compile(r"[0-9_]|\w-\w")
_NO_BARE_NAME: Final = re.compile(r"[^\w.()+&@#~-]")
_REMARK: Final = re.compile(r"\s\([^()]{1,200}\)$")
_CONVENTIONAL: Final = re.compile(r"\d{6}_\w{1,60}")
_LEAD_IN: Final = r"(?:(?:mời )?(?:quý vị |bạn đọc |bạn )?xem(?: thêm)? |watch |see )?"
_WORD: Final = re.compile(r"\s?(?P<word>[^\s,;，；、()\[\]]{1,255})(?P<separator>\s?[,;，；、])?")
_ATTRIBUTE: Final = re.compile(
    r"(?:src|mp4|m4v|mov|webm|file|name|clip|url)\s?=\s?(?:[\"“”'](?P<quoted>[^\"“”']{1,300})[\"“”']|(?P<bare>[^\s\"']{1,300}))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ReferenceStyle:
    """The words before a clip's name, and the content system's shortcodes; case doesn't count."""

    labels: tuple[str, ...] = LABELS
    shortcodes: tuple[str, ...] = SHORTCODES

    @cached_property
    def label(self) -> re.Pattern[str]:
        """A label and its separator at the beginning of a line."""
        # A dash has a space beside it: "video-clip.mp4" is a file name.
        return re.compile(
            rf"(?:{self._any_label})(?P<separator>\s?[{COLONS}]|\s[{DASHES}]|[{DASHES}]\s)\s?", re.IGNORECASE
        )

    @cached_property
    def inline(self) -> re.Pattern[str]:
        """A label and its colon within a paragraph; ``bracketed`` is what a bracket around it holds."""
        label = rf"(?:{self._any_label})\s?[{COLONS}]"
        return re.compile(
            rf"[(\[]\s?{_LEAD_IN}(?P<bracketed>{label}[^()\[\]]{{1,400}})[)\]]|(?<!\w){_LEAD_IN}{label}", re.IGNORECASE
        )

    @cached_property
    def shortcode(self) -> re.Pattern[str]:
        """``[video …]``, ``{{video …}}``, ``{{< video … >}}`` and ``{% video … %}``."""
        code = rf"\s?(?:{_any_of(self.shortcodes)})(?![\w])"
        return re.compile(
            rf"\[{code}(?P<square>[^\[\]]{{1,400}})\](?:\s?\[/(?:{_any_of(self.shortcodes)})\])?"
            rf"|\{{(?:\{{[<%]?|%){code}(?P<curly>[^{{}}]{{1,400}})\}}\}}?",
            re.IGNORECASE,
        )

    @property
    def _any_label(self) -> str:
        return _any_of(self.labels)


STANDARD: Final = ReferenceStyle()
_NEIGHBOURHOOD: Final = 64


def take_references(line: str, style: ReferenceStyle = STANDARD) -> tuple[str, tuple[str, ...]]:
    """The line without its reference markers, and the names that these hold, in order.

    A marker is taken out where the sentence around it stays whole: a shortcode, one in brackets, one between sentences
    or at an end. One that is a part of its sentence refers to the clip as well, and stays in the text.
    """
    if names := parse_reference_line(line, style):
        return "", names
    taken: list[str] = []
    kept, start = [], 0
    for begin, end, found, is_apart in _markers(line, style):
        taken += found
        if is_apart:
            kept.append(line[start:begin])
            start = end
    if not taken:
        return line, ()
    return _mended([*kept, line[start:]]) if start else line, tuple(taken)


def file_name(url: str) -> str:
    """The clip's name that a URL or path ends in, if it leads to a media file; else empty."""
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return ""
    name = one_line(normalise(unquote(path).replace("\\", "/").rpartition("/")[2]))
    return _stem(name) if _has_extension(name) else ""


def spellings(name: str) -> tuple[str, ...]:
    """The name, then with Đ for the look-alike Ð (eth) of old keyboards, then the reverse; each once."""
    return tuple(
        dict.fromkeys((name, name.replace("Ð", "Đ").replace("ð", "đ"), name.replace("Đ", "Ð").replace("đ", "ð")))
    )


def parse_reference_line(line: str, style: ReferenceStyle = STANDARD) -> tuple[str, ...]:
    """The names of the clips that the line refers to, in its order; none if it is any other line.

    A name is what `keys.stem` makes of the file's name: NFC, in the case in which it is written, no media extension.
    """
    _, rest = _split_label(line, style)
    if not rest:
        return ()
    without_remark = _REMARK.sub("", rest)
    return _listed(rest) or (_listed(_unquoted(without_remark)) if without_remark != rest else ())


def is_labelled(line: str, style: ReferenceStyle = STANDARD) -> bool:
    """The line begins as a reference line does, with a label and a colon, whatever follows."""
    return _split_label(line, style)[0] in tuple(COLONS)


def _listed(rest: str) -> tuple[str, ...]:
    parts = [part for part in map(_unquoted, _LIST_SEPARATOR.split(rest)) if part]
    each = [_names_of(part) for part in parts]
    if all(each):
        return tuple(name for names in each for name in names)
    # A comma may also belong to the one name of the line: "Lũ, bão.mp4".
    with_extension = sum(_has_extension(_unquoted(word)) for part in parts for word in part.split())
    return _names_of(rest) if len(parts) > 1 and with_extension == 1 else ()


def _split_label(line: str, style: ReferenceStyle) -> tuple[str, str]:
    """The separator after the label, and what follows it; both empty where the line has no label."""
    if len(line) > _MAX_LINE_CHARACTERS:
        return "", ""
    bare = one_line(normalise(line)).lstrip(_BULLETS)
    while bare and bare.endswith(_BRACKETS.get(bare[0], "\n")):
        bare = bare[1:-1].strip()
    label = style.label.match(bare)
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


def _any_of(words: tuple[str, ...]) -> str:
    # The longest first, or "video" would hide "video clip".
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _markers(line: str, style: ReferenceStyle) -> Iterator[tuple[int, int, tuple[str, ...], bool]]:
    """Where each marker begins and ends, its names, and whether it can be taken out; in order, none overlapping."""
    found = [*_shortcodes(line, style), *_inline(line, style)]
    reached = 0
    for marker in sorted(found, key=lambda each: each[:2]):
        if marker[0] >= reached:
            yield marker
            reached = marker[1]


def _shortcodes(line: str, style: ReferenceStyle) -> Iterator[tuple[int, int, tuple[str, ...], bool]]:
    for match in style.shortcode.finditer(line):
        inside = (match["square"] or match["curly"]).strip(" /%>" + COLONS)
        values = [each["quoted"] or each["bare"] for each in _ATTRIBUTE.finditer(inside)]
        if not values and "=" not in inside:
            values = [_unquoted(inside)]
        names = [file_name(each) or ("" if _LIST_SEPARATOR.search(each) else _stem(one_line(each))) for each in values]
        # One clip in several formats is one clip: [video mp4="a.mp4" webm="a.webm"].
        if names := list(dict.fromkeys(name for name in names if name)):
            yield match.start(), match.end(), tuple(names), True


def _inline(line: str, style: ReferenceStyle) -> Iterator[tuple[int, int, tuple[str, ...], bool]]:
    for match in style.inline.finditer(line):
        if match["bracketed"]:
            if names := parse_reference_line(match["bracketed"], style):
                yield match.start(), match.end(), names, True
            continue
        names, end = _names_from(line, match.end())
        if names:
            yield match.start(), end, names, _is_apart(line, match.start(), end)


def _names_from(line: str, start: int) -> tuple[tuple[str, ...], int]:
    """The file names that follow at that place, and where the last one ends."""
    names: list[str] = []
    end, position = start, start
    while match := _WORD.match(line, position):
        word = _unquoted(match["word"])
        if names and word.casefold() in _CONNECTORS and not match["separator"]:
            position = match.end()
            continue
        stem = _stem(word) if _has_extension(word) or _CONVENTIONAL.fullmatch(word) else ""
        if not stem:
            break
        names.append(stem)
        # The full stop after a name ends the marker's own sentence.
        end = match.end("word")
        position = match.end()
        if match["word"].rstrip(CLOSERS).endswith((".", "!", "?")):
            break
    return tuple(names), end


def _is_apart(line: str, begin: int, end: int) -> bool:
    # What stands next to it decides; a line of a megabyte is not copied for each of its markers.
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

"""Reference lines: ``Video: NAME.mp4`` on a line of its own, and the ways in which people write it.

A line refers to clips when it is a label (``Video``, ``Clip``), a separator (a colon or a dash) and nothing but names:

- names with a media extension, separated by commas, semicolons, spaces or "và": ``Video: A1.mp4, A2.mp4``;
- one name with spaces, if it has an extension: ``Video: Lễ khai mạc 1.mp4``;
- bare names, if they look like file names (a digit, ``_`` or an inner ``-``): ``VIDEO - 120320_OHAI1``.

So ``Video: TTXVN`` is a credit, ``Video: Toàn cảnh hội nghị`` a caption and ``Video cho thấy…`` a sentence. A remark in
brackets may follow the names. What stands within a paragraph is read by `tasks.news.inline_references`. All of it is
linear in the length of the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tasks.news.clip_names import clip_name, has_extension, unquoted
from tasks.news.text import normalise, one_line

LABELS: Final = ("video clip", "video-clip", "videos", "video", "clips", "clip")
SHORTCODES: Final = ("video", "clip", "newsreel")
COLONS: Final = ":："
DASHES: Final = "-–—"
LIST_SEPARATOR: Final = re.compile("[,;，；、]")
CONNECTORS: Final = frozenset(("và", "and", "&", "+", "|"))

_MAX_LINE_CHARACTERS: Final = 2_000
_BULLETS: Final = "•·●▪►▶*>-–— "
_BRACKETS: Final = {"(": ")", "[": "]"}
_REMARK: Final = re.compile(r"\s\([^()]{1,200}\)$")
_LEAD_IN: Final = r"(?:(?:mời )?(?:quý vị |bạn đọc |bạn )?xem(?: thêm)? |watch |see )?"


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


def parse_reference_line(line: str, style: ReferenceStyle = STANDARD) -> tuple[str, ...]:
    """The names of the clips that the line refers to, in its order; none if it is any other line.

    A name is what `keys.stem` makes of the file's name: NFC, in the case in which it is written, no media extension.
    """
    _, rest = _split_label(line, style)
    if not rest:
        return ()
    without_remark = _REMARK.sub("", rest)
    return _listed(rest) or (_listed(unquoted(without_remark)) if without_remark != rest else ())


def is_labelled(line: str, style: ReferenceStyle = STANDARD) -> bool:
    """The line begins as a reference line does, with a label and a colon, whatever follows."""
    return _split_label(line, style)[0] in tuple(COLONS)


def _listed(rest: str) -> tuple[str, ...]:
    parts = [part for part in map(unquoted, LIST_SEPARATOR.split(rest)) if part]
    each = [_names_of(part) for part in parts]
    if all(each):
        return tuple(name for names in each for name in names)
    # A comma may also belong to the one name of the line: "Lũ, bão.mp4".
    with_extension = sum(has_extension(unquoted(word)) for part in parts for word in part.split())
    return _names_of(rest) if len(parts) > 1 and with_extension == 1 else ()


def _split_label(line: str, style: ReferenceStyle) -> tuple[str, str]:
    """The separator after the label, and what follows it; both empty where the line has no label."""
    if len(line) > _MAX_LINE_CHARACTERS:
        return "", ""
    bare = one_line(normalise(line)).lstrip(_BULLETS)
    while bare and bare.endswith(_BRACKETS.get(bare[0], "\n")):
        bare = bare[1:-1].strip()
    label = style.label.match(bare)
    return (label["separator"].strip(), unquoted(bare[label.end() :])) if label else ("", "")


def _names_of(part: str) -> tuple[str, ...]:
    """The names in a part of a list: several that each have an extension or look like files, or one with spaces."""
    words = [word for word in map(unquoted, part.split()) if word]
    count = sum(map(has_extension, words))
    is_one = count == 1 and has_extension(part)
    stems = []
    for name in [part] if is_one else [word for word in words if word.casefold() not in CONNECTORS]:
        stem = clip_name(name)
        if not stem:
            return ()
        stems.append(stem)
    return tuple(stems)


def _any_of(words: tuple[str, ...]) -> str:
    # The longest first, or "video" would hide "video clip".
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))

"""Bytes of an uploaded article → clean text and lines; the letters composed (NFC), one kind of line end."""

from __future__ import annotations

import codecs
import re
import unicodedata
from itertools import pairwise
from typing import Final

from tasks.errors import SourceRejected

MAX_LINES: Final = 10_000
"""No article is longer; without a bound a hostile file would make millions of paragraphs."""

SENTENCE_END: Final = (".", "!", "?", "…", ":", ";", ",")
CLOSERS: Final = "\"”»’')]}"

_LINE_ENDS: Final = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Control characters, soft hyphens, zero-width and direction marks come along when text is copied from web pages.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
_CONTROL: Final = re.compile("[\x01-\x08\x0e-\x1f\x7f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Composing sorts each run of combining marks in quadratic time, so runs are cut as in Unicode's Stream-Safe Text
# Format (UAX #15, section 13). Combining marks are never word characters, which finds the suspects fast.
_LONGEST_RUN: Final = 30
_SUSPECT_RUN: Final = re.compile(rf"[^\w\s!-~]{{{_LONGEST_RUN + 1},}}")
_BEYOND_ASCII: Final = re.compile("[^\x00-\x7f\ufffd]")

_ETH: Final = re.compile(r"(?<![^\W\d_])[Ðð]")

_NARROWEST_WRAP, _WIDEST_WRAP = 40, 100


def decode_article(body: bytes) -> str:
    """The article's text, normalised: UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1258.

    UTF-8 with a few damaged bytes stays UTF-8, with U+FFFD in their place.

    Raises:
        SourceRejected: ``article_not_text``, the bytes are not text in any of these encodings.
    """
    text = _decoded(body)
    if "\0" in text or len(_CONTROL.findall(text)) * 10 > len(text):
        raise _not_text("it contains binary bytes")
    return normalise(text)


def normalise(text: str) -> str:
    """The text in NFC, with ``\\n`` as its only line end and without invisible characters."""
    if text.isprintable() and not _SUSPECT_RUN.search(text) and unicodedata.is_normalized("NFC", text):
        return text
    visible = _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", _LINE_ENDS.sub("\n", text)))
    return unicodedata.normalize("NFC", _SUSPECT_RUN.sub(lambda run: _shortened(run[0]), visible))


def with_vietnamese_d(text: str) -> str:
    """The text with Đ, đ where a word begins with the look-alike Ð, ð (eth), as old keyboards wrote it.

    No Vietnamese syllable has đ elsewhere, and no Icelandic word begins with eth, so both languages keep their letters.
    """
    return _ETH.sub(lambda letter: "Đ" if letter[0] == "Ð" else "đ", text)


def one_line(text: str) -> str:
    """The text with every stretch of white space, no-break spaces included, as one space."""
    return " ".join(text.split())


def shortened(text: str, length: int = 80) -> str:
    """The text cut to ``length`` characters, for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


def ends_sentence(line: str) -> bool:
    """The line ends as a sentence or a part of one does, also where quotes or brackets close after it."""
    return line.rstrip(CLOSERS + " ").endswith(SENTENCE_END)


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of normalised text, white space collapsed, blank ones as ``""``.

    Raises:
        SourceRejected: ``article_too_long``, there are more than `MAX_LINES`.
    """
    if text.count("\n") >= MAX_LINES:
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if len(lines) > MAX_LINES:
            raise SourceRejected(
                "article_too_long", f"This file has more than {MAX_LINES:,} lines: no article is as long as that."
            )
    return tuple(map(one_line, text.split("\n")))


def wrap_width(lines: tuple[str, ...]) -> int | None:
    """The width at which the text's paragraphs were broken into lines, or None where a line is a paragraph.

    Text is wrapped when most lines that have a neighbour below end in mid-sentence, just where the neighbour's first
    word would not have fitted any more.
    """
    width = max(map(len, lines), default=0)
    if not _NARROWEST_WRAP <= width <= _WIDEST_WRAP:
        return None
    neighbours = [(upper, lower) for upper, lower in pairwise(lines) if upper and lower]
    wrapped = [upper for upper, lower in neighbours if is_full(upper, lower, width) and not ends_sentence(upper)]
    return width if len(wrapped) >= 4 and len(wrapped) * 10 >= len(neighbours) * 6 else None


def is_full(upper: str, lower: str, width: int) -> bool:
    """The first word of ``lower`` would not have fitted at the end of ``upper``."""
    return len(upper) + 1 + len(lower.partition(" ")[0]) > width


def _decoded(body: bytes) -> str:
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :].decode("utf-8", "replace")
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strictly(body, "utf-16")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    salvaged = body.decode("utf-8", "replace")
    # Windows-1258 text hardly ever holds a valid UTF-8 sequence by chance, so a majority of them decides.
    if len(_BEYOND_ASCII.findall(salvaged)) > 10 * salvaged.count("\ufffd"):
        return salvaged
    text = _strictly(body, "cp1258")
    # Nearly any bytes decode as Windows-1258; control characters give away those that are no text.
    if _CONTROL.search(text):
        raise _not_text("it is not UTF-8, and holds control characters")
    return text


def _strictly(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_text(str(error)) from error


def _not_text(detail: str) -> SourceRejected:
    return SourceRejected(
        "article_not_text",
        "This file is not readable text: save the article as plain text in UTF-8 and upload it again.",
        detail,
    )


def _shortened(run: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in run:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _LONGEST_RUN:
            kept.append(character)
    return "".join(kept)

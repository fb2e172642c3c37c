"""Names of clips, as an article's words, file names and URLs give them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from tasks.news.text import normalise, one_line
from tasks.records import keys

# What is longer is no file name on the usual file systems, but a sentence that mentions one.
_MAX_NAME_BYTES: Final = 255
_QUOTES: Final = "\"'“”„‘’«»"
_LOOKS_LIKE_A_FILE: Final = re.compile(r"[0-9_]|\w-\w")
_NO_BARE_NAME: Final = re.compile(r"[^\w.()+&@#~-]")


def clip_name(name: str) -> str:
    """The clip's name that an upload of this name would get; empty if it can't be one."""
    if "/" in name or "\\" in name or len(name.encode()) > _MAX_NAME_BYTES:
        return ""
    if has_extension(name):
        stem = keys.stem(name)
        return stem if any(map(str.isalnum, stem)) else ""
    is_file = _LOOKS_LIKE_A_FILE.search(name) and not (_NO_BARE_NAME.search(name) or name.startswith("."))
    return keys.stem(f"{name}.mp4") if is_file and any(map(str.isalnum, name)) else ""


def has_extension(word: str) -> bool:
    """Whether it is a file name with the extension of a clip."""
    stem, _, extension = word.rpartition(".")
    return bool(stem) and extension.casefold() in keys.CLIP_EXTENSIONS


def unquoted(text: str) -> str:
    """The text without quotes around it, and without the punctuation that may end a line."""
    return text.strip().rstrip(".,; ").strip(_QUOTES + " ").rstrip(".,; ")


def clip_name_in_url(url: str) -> str:
    """The clip's name that a URL or path ends in, if it leads to a media file; else empty."""
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return ""
    name = one_line(normalise(unquote(path).replace("\\", "/").rpartition("/")[2]))
    return clip_name(name) if has_extension(name) else ""


def spellings(name: str) -> tuple[str, ...]:
    """The name, then with Đ for the look-alike Ð (eth) of old keyboards, then the reverse; each once."""
    return tuple(
        dict.fromkeys((name, name.replace("Ð", "Đ").replace("ð", "đ"), name.replace("Đ", "Ð").replace("đ", "ð")))
    )

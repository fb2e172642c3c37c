"""Object keys of both buckets: the public layout, spelt in one place.

Incoming bucket: ``clips/…/<name>.<ext>`` and ``articles/…/<id>.(txt|html|json)``. Media bucket: ``clips/`` and
``articles/`` are public; ``index/`` holds empty marker objects that only newsreel reads:

- ``index/references/<folded clip name>/<article id>``: this article refers to that clip;
- ``index/clips/<folded clip name>/<clip name>``: there is a clip of that name;
- ``index/settled/<incoming key>/<version>``: that upload has come to its final state.
"""

from __future__ import annotations

import unicodedata
from typing import Final

CLIPS: Final = "clips/"
ARTICLES: Final = "articles/"
REFERENCES: Final = "index/references/"
CLIP_NAMES: Final = "index/clips/"
SETTLED: Final = "index/settled/"

CACHE_IMMUTABLE: Final = "public, max-age=31536000, immutable"
CACHE_RECORD: Final = "public, max-age=1, must-revalidate"


def stem(key: str) -> str:
    """The file stem of an incoming key, letters composed (NFC): ``clips/a/Đê 1.MP4`` → ``Đê 1``."""
    file_name = key.rsplit("/", 1)[-1]
    return unicodedata.normalize("NFC", file_name.rpartition(".")[0] or file_name)


def extension(key: str) -> str:
    """The lower-case extension without its dot; empty if there is none: ``clips/A.MP4`` → ``mp4``."""
    file_name = key.rsplit("/", 1)[-1]
    return file_name.rpartition(".")[2].lower() if "." in file_name else ""


def fold(name: str) -> str:
    """The form under which clip names are compared: composed letters (NFC), no case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def clip_record(name: str) -> str:
    """Key of a clip's record."""
    return f"{CLIPS}{name}/clip.json"


def version_prefix(name: str, version: str) -> str:
    """Prefix, with its slash, of everything a clip's version publishes."""
    return f"{CLIPS}{name}/{version}/"


def article_record(article_id: str) -> str:
    """Key of an article's record."""
    return f"{ARTICLES}{article_id}/article.json"


def references_prefix(clip_name: str) -> str:
    """Prefix of the markers that name the articles referring to a clip."""
    return f"{REFERENCES}{fold(clip_name)}/"


def reference_marker(clip_name: str, article_id: str) -> str:
    """Marker: the article refers to the clip."""
    return references_prefix(clip_name) + article_id


def clip_names_prefix(clip_name: str) -> str:
    """Prefix of the markers that name the clips matching a reference, whatever its case."""
    return f"{CLIP_NAMES}{fold(clip_name)}/"


def clip_name_marker(clip_name: str) -> str:
    """Marker: a clip of exactly this name exists."""
    return clip_names_prefix(clip_name) + clip_name


def settled_marker(incoming_key: str, version: str) -> str:
    """Marker: this upload, encoded as this version, has come to its final state."""
    return f"{SETTLED}{incoming_key}/{version}"

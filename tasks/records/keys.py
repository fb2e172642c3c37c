"""Object keys of both buckets: the public layout, spelt in one place.

Incoming bucket: ``clips/…/<name>.<ext>`` and ``articles/…/<id>.(txt|html|json)``. Media bucket: ``clips/``,
``articles/``, ``days/`` and ``changes/`` are public; ``index/`` holds marks that only newsreel reads:

- ``index/references/<folded clip name>/<article id>``: this article refers to that clip;
- ``index/clips/<folded clip name>/<clip name>``: there is a clip of that name;
- ``index/articles/<article id>``: which upload the article is read from (JSON);
- ``index/waiting/<article id>``: the article waits for a clip;
- ``index/decisions/<article id>``: which clips its references mean, as editors decided (JSON);
- ``index/settled/<hash of the incoming key>/<upload id>``: that upload has come to its final state;
- ``index/gone/<article id>``: the article's upload was deleted, and its record says so;
- ``index/withdrawn/<clip name>``: the clip was taken from public view, its media are to be deleted;
- ``index/leftovers/<clip name>``: the clip came to an end; what it no longer names is to be deleted after a while;
- ``index/sessions/<session>``: that session of the desk was ended by a click;
- ``index/probe``: is written by who wants to know whether the store works again;
- ``index/changed/<kind>/<name>/<former day>_<token>``: that record is being changed, and the feeds do not tell it yet;
- ``index/webhooks/cursor`` and ``…/told/<shard>``: what outgoing webhooks have told so far (JSON);
- ``index/webhooks/to/<endpoint>/state``, ``…/pending/<id>`` and ``…/done/<id>``: an endpoint and its deliveries (JSON).
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import date
from typing import Final

CLIPS: Final = "clips/"
ARTICLES: Final = "articles/"
REFERENCES: Final = "index/references/"
CLIP_NAMES: Final = "index/clips/"
SETTLED: Final = "index/settled/"
WAITING: Final = "index/waiting/"
DECISIONS: Final = "index/decisions/"
ARTICLE_SOURCES: Final = "index/articles/"
GONE: Final = "index/gone/"
WITHDRAWN: Final = "index/withdrawn/"
LEFTOVERS: Final = "index/leftovers/"
CHANGED: Final = "index/changed/"
PROBE: Final = "index/probe"
ENDED_SESSIONS: Final = "index/sessions/"
WEBHOOK_CURSOR: Final = "index/webhooks/cursor"
WEBHOOK_ENDPOINTS: Final = "index/webhooks/to/"
DAYS: Final = "days/"
CHANGES: Final = "changes/"
PUBLIC: Final = (CLIPS, ARTICLES, DAYS, CHANGES)
"""What readers may fetch of the media bucket."""
DAYS_INDEX: Final = "days/index.json"
LATEST_CHANGES: Final = "changes/latest.json"
CLIP_EXTENSIONS: Final = frozenset(
    "3g2 3gp asf avi dv f4v flv gxf lxf m1v m2p m2t m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf ogg ogv ps pva qt rm "
    "rmvb tp trp ts vob webm wmv wtv y4m "
    # What cameras write as they like: MPEG-2, MP4; and streams without a container.
    "insv lrv mod tod vro 264 265 avc h264 h265 hevc ivf "
    # Sound alone is a clip too.
    "aac ac3 aif aifc aiff amr caf dts eac3 flac m4a m4b mka mp2 mp3 oga opus w64 wav wave wma".split()
)
"""What a clip's upload may end in, and what a reference to one may leave out."""

ORIGINAL: Final = "original"
"""The rendition that is the source's own picture, copied; its sound while that is all there is stands beside it."""
HEARD_WHOLE: Final = "whole"
"""Ends the folder of a sound that was made once more, when all of it had been heard."""

# Control, format (right-to-left marks and their like), private, surrogate and unassigned characters.
_UNUSABLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_MAX_NAME_BYTES: Final = 180

CACHE_IMMUTABLE: Final = "public, max-age=31536000, immutable"
CACHE_RECORD: Final = "public, max-age=1, must-revalidate"


def stem(key: str) -> str:
    """The name an upload gives its clip or article, its file stem composed (NFC): ``clips/a/Đê 1.MP4`` → ``Đê 1``.

    What can't stand in a key becomes ``_`` (control characters, backslashes, a name of dots alone); a name over 180
    bytes is cut and ends in a digest of the whole.
    """
    file_name = key.rsplit("/", 1)[-1]
    name = unicodedata.normalize("NFC", file_name.rpartition(".")[0] or file_name)
    name = "".join(_usable(letter) for letter in name)
    if not name.strip(". "):
        return "_" * max(1, len(name))
    encoded = name.encode()
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    return f"{encoded[: _MAX_NAME_BYTES - 9].decode(errors='ignore')}~{hashlib.sha256(encoded).hexdigest()[:8]}"


def _usable(letter: str) -> str:
    category = unicodedata.category(letter)
    # Spaces that look like one are one: cameras and operating systems put narrow and non-breaking ones into names.
    # SeaweedFS takes a backslash for a slash: a name with one in it would lie a folder deeper than it is looked for.
    return " " if category == "Zs" else "_" if category in _UNUSABLE or letter == "\\" else letter


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


def edition(version: str, attempt: int) -> str:
    """Where one try at a version publishes: the first under the version itself, later ones below it.

    So a worker that was frozen and comes back late can't touch what its successor has published.
    """
    return version if attempt <= 1 else f"{version}/{attempt}"


def article_record(article_id: str) -> str:
    """Key of an article's record."""
    return f"{ARTICLES}{article_id}/article.json"


def references_prefix(clip_name: str) -> str:
    """Prefix of the marks that name the articles referring to a clip."""
    return f"{REFERENCES}{fold(clip_name)}/"


def reference_mark(clip_name: str, article_id: str) -> str:
    """Mark: the article refers to the clip."""
    return references_prefix(clip_name) + article_id


def clip_names_prefix(clip_name: str) -> str:
    """Prefix of the marks that name the clips matching a reference, whatever its case."""
    return f"{CLIP_NAMES}{fold(clip_name)}/"


def clip_name_mark(clip_name: str) -> str:
    """Mark: a clip of exactly this name exists."""
    return clip_names_prefix(clip_name) + clip_name


def article_source(article_id: str) -> str:
    """Says which key of the incoming bucket holds the article."""
    return ARTICLE_SOURCES + article_id


def waiting_mark(article_id: str) -> str:
    """Mark: the article has references whose clips are not ready."""
    return WAITING + article_id


def decisions(article_id: str) -> str:
    """Which clips the article's references mean, as editors decided."""
    return DECISIONS + article_id


def gone_mark(article_id: str) -> str:
    """Mark: the article's upload was deleted, which its record knows."""
    return GONE + article_id


def withdrawn_mark(clip_name: str) -> str:
    """Mark: nothing of the clip but its record may stay in the store."""
    return WITHDRAWN + clip_name


def leftovers_mark(clip_name: str) -> str:
    """Mark: there may be media of the clip that its record does not name."""
    return LEFTOVERS + clip_name


def ended_session_mark(session: str) -> str:
    """Mark: that session of the desk was ended by who began it."""
    return ENDED_SESSIONS + session


def settled_mark(incoming_key: str, upload_id: str) -> str:
    """Mark: these bytes, uploaded under that key, have come to their final state."""
    return settled_prefix(incoming_key) + upload_id


def settled_prefix(incoming_key: str) -> str:
    """Prefix of an incoming key's marks; hashed, since a key of full length leaves no room for more."""
    return f"{SETTLED}{hashlib.sha256(incoming_key.encode()).hexdigest()[:32]}/"


def day_file(day: date) -> str:
    """What there is of that day in the newsroom: its articles and clips."""
    return f"{DAYS}{day.isoformat()}.json"


def change_page(sequence: int) -> str:
    """The page of the changes up to that sequence number; never written again."""
    return f"{CHANGES}{sequence}.json"


def changed_mark(kind: str, name: str, former_day: date | None, token: str) -> str:
    """Mark: the record of that kind and name is being changed; until now it was told among those of ``former_day``."""
    return f"{CHANGED}{kind}/{name}/{former_day or ''}_{token}"


def webhook_told(shard: str) -> str:
    """What outgoing webhooks have told of some of the records."""
    return f"index/webhooks/told/{shard}"


def webhook_state(endpoint: str) -> str:
    """What is known of an endpoint of outgoing webhooks."""
    return f"{WEBHOOK_ENDPOINTS}{endpoint}/state"


def webhook_pending(endpoint: str, webhook_id: str = "") -> str:
    """A delivery that is under way to the endpoint, or the prefix of all of them."""
    return f"{WEBHOOK_ENDPOINTS}{endpoint}/pending/{webhook_id}"


def webhook_done(endpoint: str, webhook_id: str = "") -> str:
    """A delivery to the endpoint that was made or given up, or the prefix of all of them."""
    return f"{WEBHOOK_ENDPOINTS}{endpoint}/done/{webhook_id}"

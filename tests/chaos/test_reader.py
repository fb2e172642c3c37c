"""The reader of a chaos run notices what a record names and is not there, and what changed though it never may."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tasks.records import arrival
from tasks.records.clip_facts import Poster, SourceFacts, Timings
from tasks.records.clip_record import ClipRecord, ClipState
from tests.chaos.filer import Filer, Seen
from tests.chaos.judge import Uploads
from tests.chaos.material import Uploaded
from tests.chaos.reader import Reader

NAME, RECIPE = "120320_CHAOS1", "recipe"
SOURCE = SourceFacts(key=f"clips/{NAME}.mp4", etag="e0", size_bytes=9)
VERSION = arrival.derive_version(SOURCE, RECIPE)
RECORD = ClipRecord(
    name=NAME,
    state=ClipState.READY,
    version=VERSION,
    source=SOURCE,
    hls=f"{VERSION}/hls/main.m3u8",
    poster=Poster(url=f"{VERSION}/poster.jpg", width=2, height=2, time_s=0),
    timings=Timings(ready_at=datetime(2026, 1, 1, tzinfo=UTC)),
    updated_at=datetime(2026, 1, 1, tzinfo=UTC),
)
MAIN = b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="audio/index.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n144p/index.m3u8\n'
TRACK = b'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:1,\n0.m4s\n'


class Shelf(Filer):
    """Objects in memory, read as those of a store are."""

    def __init__(self) -> None:
        super().__init__(0, "none")
        self.bodies: dict[str, bytes] = {}

    def heads(self, keys: Sequence[str]) -> dict[str, Seen | None]:
        return {key: self.get(key) for key in keys}

    def get(self, key: str) -> Seen | None:
        body = self.bodies.get(key)
        if body is None:
            return None
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return Seen(etag=etag, is_immutable=not key.endswith(".json"), size_bytes=len(body), body=body)


@pytest.fixture
def shelf() -> Shelf:
    """A ready clip with all that it names."""
    made, base = Shelf(), f"clips/{NAME}/{VERSION}"
    made.bodies = {f"{base}/poster.jpg": b"poster", f"{base}/hls/main.m3u8": MAIN}
    for track in ("144p", "audio"):
        made.bodies[f"{base}/hls/{track}/index.m3u8"] = TRACK
        made.bodies[f"{base}/hls/{track}/init.mp4"] = made.bodies[f"{base}/hls/{track}/0.m4s"] = b"media"
    made.bodies[f"clips/{NAME}/clip.json"] = RECORD.to_json()
    return made


@pytest.fixture
def reader(shelf: Shelf) -> Reader:
    """One who knows of the clip's upload."""
    uploads = Uploads()
    uploads.add(Uploaded(name=NAME, number=0, colour=0, etag="e0", size_bytes=9, sha256="s"))
    return Reader(shelf, uploads, clips=(NAME,), articles=("a",), recipe=RECIPE)


def kinds(reader: Reader) -> list[str]:
    return [each.split(":")[0] for each in reader.violations]


def test_a_whole_clip_is_not_blamed_however_often_it_is_looked_at(reader: Reader) -> None:
    reader.look()
    reader.look()
    reader.look_again()
    assert reader.violations == []
    assert (reader.polls, reader.versions_seen) == (3, 2)


@pytest.mark.parametrize(
    "gone", ["poster.jpg", "hls/main.m3u8", "hls/audio/index.m3u8", "hls/144p/init.mp4", "hls/audio/0.m4s"]
)
def test_a_named_object_that_is_not_there_is_missed(reader: Reader, shelf: Shelf, gone: str) -> None:
    del shelf.bodies[f"clips/{NAME}/{VERSION}/{gone}"]
    reader.look()
    assert set(kinds(reader)) == {"missing"}
    assert gone in reader.violations[0]


def test_other_bytes_under_a_key_that_never_changes_are_noticed(reader: Reader, shelf: Shelf) -> None:
    reader.look()
    shelf.bodies[f"clips/{NAME}/{VERSION}/hls/audio/0.m4s"] = b"other"
    reader.look_again()
    assert kinds(reader) == ["changed"]


def test_a_record_that_vanishes_is_missed(reader: Reader, shelf: Shelf) -> None:
    reader.look()
    del shelf.bodies[f"clips/{NAME}/clip.json"]
    reader.look()
    assert kinds(reader) == ["missing"]


def test_an_article_that_shows_a_clip_without_a_record_is_blamed(reader: Reader, shelf: Shelf) -> None:
    shown = [{"name": other, "record": f"../../clips/{other}/clip.json"} for other in (NAME, "120320_NONE1")]
    article = {"id": "a", "state": "complete", "paragraphs": [{"id": "p", "clips": shown}]}
    shelf.bodies["articles/a/article.json"] = json.dumps(article).encode()
    reader.look()
    assert kinds(reader) == ["missing"]

"""Clips whose uploads come as a test lets them: what is seen of them meanwhile, and what becomes of them."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from tests.adapters.arriving.paced import MIB, Pace
from tests.pipeline.published import Put


def clip_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def until(services: Services, name: str, is_so: Callable[[ClipRecord], bool]) -> ClipRecord:
    deadline = time.monotonic() + 200
    while not is_so(record := clip_of(services, name)):
        assert time.monotonic() < deadline, record
        time.sleep(0.05)
    return record


@contextmanager
def rest_held_back(pace: Pace, task: Callable[[Services, str], None], services: Services, name: str) -> Iterator[None]:
    """Have the task at work in the block, then let the rest of the upload come, and see the task to its end."""
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(task, services, name)
        try:
            yield
        finally:
            pace.let()
        work.result()


def seen_coming(slow: Services, put: Put, pace: Pace, upload: Path, name: str) -> tuple[ClipRecord, ClipRecord]:
    """The record once the clip plays and has its poster, while a part of the upload is held back, and in the end."""
    first, chunks = upload.stat().st_size // 2 // MIB, upload.stat().st_size // MIB
    asked = itertools.count(4 * first)
    pace.let(first)
    key = f"clips/{name}{upload.suffix}"
    put(key, upload)
    ingest(slow, key)

    def is_shown(record: ClipRecord) -> bool:
        # What looks ends while it reads: a little more has to come for that.
        pace.let(min(chunks - 2, next(asked) // 4))
        return record.state is ClipState.PLAYABLE and record.poster is not None

    with rest_held_back(pace, transcode, slow, name), rest_held_back(pace, thumbnails, slow, name):
        shown = until(slow, name, is_shown)
    return shown, clip_of(slow, name)


def files(services: Services, record: ClipRecord) -> dict[str, bytes]:
    """What was published of the version, without what x264 makes a little differently each time: the pictures."""
    prefix = keys.version_prefix(record.name, record.version)
    bucket = services.settings.media_bucket
    found = {each.key.removeprefix(prefix): each.key for each in services.store.list(bucket, prefix)}
    is_picture = re.compile(r"p/\d+\.m4s$|\.mp4$|/iframes\.m3u8$|main\.|\.mpd$")
    return {
        name: b"" if is_picture.search(name) else services.store.get(bucket, key).body for name, key in found.items()
    }


def as_whole(slow: Services, services: Services, put: Put, upload: Path, name: str) -> ClipRecord:
    """The record of a clip that was made once all of it was there."""
    key = f"clips/{name}{upload.suffix}"
    put(key, upload)
    ingest(services, key)
    transcode(replace(slow, sources=services.sources), name)
    return clip_of(services, name)


def assert_same(services: Services, made: ClipRecord, expected: ClipRecord) -> None:
    assert made.state is expected.state is ClipState.READY, made.failure
    assert made.source.evolve(key="", etag="") == expected.source.evolve(key="", etag="")
    assert {each.code for each in made.warnings} == {each.code for each in expected.warnings}
    found, wanted = edition(services, made), edition(services, expected)
    assert sorted(found) == sorted(wanted)
    assert {name for name in wanted if found[name] != wanted[name]} == set()


def edition(services: Services, record: ClipRecord) -> dict[str, bytes]:
    """What was published by the attempt that readers are shown, and the storyboard."""
    assert record.hls is not None
    attempt = record.hls.removeprefix(f"{record.version}/").removesuffix("hls/main.m3u8")
    shown = ("hls/", "mp4/", "storyboard/", "manifest")
    found = {
        name.removeprefix(attempt): body
        for name, body in files(services, record).items()
        if name[:1] == "s" or name.startswith(attempt)
    }
    return {name: body for name, body in found.items() if name.startswith(shown)}

"""Clips whose uploads come as a test lets them: what is seen of them meanwhile, and what becomes of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from tests.adapters.arriving.paced import Pace


def clip_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def until(services: Services, name: str, is_so: Callable[[ClipRecord], bool]) -> ClipRecord:
    deadline = time.monotonic() + 20
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


def files(services: Services, record: ClipRecord) -> dict[str, bytes]:
    """What was published of the version, without what x264 makes a little differently each time: the pictures."""
    prefix = keys.version_prefix(record.name, record.version)
    bucket = services.settings.media_bucket
    found = {each.key.removeprefix(prefix): each.key for each in services.store.list(bucket, prefix)}
    is_picture = re.compile(r"p/\d+\.m4s$|\.mp4$|/iframes\.m3u8$|main\.|\.mpd$")
    return {
        name: b"" if is_picture.search(name) else services.store.get(bucket, key).body for name, key in found.items()
    }

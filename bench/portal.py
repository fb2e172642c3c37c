"""How soon the API answers portals, over ten thousand clips, on one core.

The whole stack runs, the gateway alone on a core of its own. Requests are sent at their times whether earlier ones
are answered or not, and the time of each is counted from when it was due: a server that stalls is not spared (Gil
Tene's "coordinated omission").
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import redis

from bench.report import Figure, figure
from config import queues
from tasks.adapters.changes import REBUILD
from tasks.adapters.doorbell import Doorbell
from tasks.adapters.object_store import NoSuchObject
from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from workers.client import Client, connect
from workers.local import RunningStack, running_stack
from workers.services import celery_app

_MANY: Final = 10_000
_FEW: Final = 1_000
_RATE: Final = 500
_SECONDS: Final = 30
_CONNECTIONS: Final = 32
_NOW: Final = datetime(2026, 3, 12, 11, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One request: its status, and the time from when it was due until its answer was whole."""

    status: int
    after_s: float


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:  # noqa: ARG001
    """Ask for records (half of them conditionally) and, every tenth time, for a search."""
    clips = _FEW if quick else _MANY
    # One address asks for all portals here.
    with running_stack(scratch / "stack", {"NEWSREEL_READS_PER_S": "0"}) as stack:
        client = connect(env=stack.env)
        say(f"portal, writing {clips} records")
        names = publish(client, clips)
        _await_feeds(client)
        _pin(stack.pids()["gateway"])
        address = urlsplit(stack.env["NEWSREEL_GATEWAY_URL"]).netloc
        say("portal, reading each record once")
        asyncio.run(_ask(address, _paths(names, len(names), only_records=True), rate=_RATE))
        say(f"portal, asking {_RATE} times a second for {_SECONDS} s")
        before_s = _cpu_of(stack)
        found = asyncio.run(_ask(address, _paths(names, _RATE * _SECONDS), rate=_RATE))
        cores = (_cpu_of(stack) - before_s) / _SECONDS
    strange = sum(each.status not in (200, 304) for each in found)
    if strange:
        raise RuntimeError(f"{strange} of {len(found)} requests were answered neither 200 nor 304")
    what = f"{_RATE} requests/s, {clips} clips"
    times_ms = sorted(each.after_s * 1000 for each in found)
    return [
        figure("Portal", what, "answer, median, ms", [times_ms[len(times_ms) // 2]]),
        figure("Portal", what, "answer, 99th percentile, ms", [times_ms[int(len(times_ms) * 0.99)]], bar=20),
        figure("Portal", what, "cores that the gateway used", [cores], bar=1),
    ]


def publish(client: Client, count: int) -> list[str]:
    """Write that many records of finished clips, and have the feeds told of them."""
    bucket = client.settings.media_bucket

    def put(number: int) -> str:
        record = _record(number)
        client.store.put(bucket, keys.clip_name_mark(record.name), b"", content_type="application/octet-stream")
        client.store.put(
            bucket,
            keys.clip_record(record.name),
            record.to_json(),
            content_type="application/json; charset=utf-8",
            cache_control=keys.CACHE_RECORD,
        )
        return record.name

    with ThreadPoolExecutor(8) as writers:
        names = list(writers.map(put, range(count)))
    client.store.delete(bucket, keys.LATEST_CHANGES)
    with redis.Redis.from_url(client.settings.broker_url) as broker:
        Doorbell(celery_app(client.settings), broker).ring(queues.FEEDS_TASK, REBUILD)
    return names


def _record(number: int) -> ClipRecord:
    """A record as full as those of real clips, about 6 KB."""
    day = date(2026, 3, 12) - timedelta(days=number // 40)
    version = f"{number:016x}"
    widths = {"1080p": (1920, 1080), "720p": (1280, 720), "480p": (854, 480), "360p": (640, 360), "240p": (426, 240)}
    renditions = [
        {"name": name, "width": width, "height": height, "frame_rate": 25.0, "codecs": "avc1.640028,mp4a.40.2"}
        | {"bitrate_bps": width * height}
        for name, (width, height) in widths.items()
    ]
    sources = [
        {"url": f"{version}/poster-{width}.{kind}", "type": f"image/{kind}", "width": width, "height": width * 9 // 16}
        for kind in ("avif", "webp", "jpeg")
        for width in (320, 640, 1280, 1920)
    ]
    return ClipRecord.model_validate(
        {
            "name": f"{day:%m%d%y}_BENCH{number}",
            "air_date": day,
            "version": version,
            "state": "ready",
            "progress": 1.0,
            "updated_at": _NOW,
            "source": {"key": f"clips/{number}.mp4", "etag": version, "size_bytes": 10**7, "duration_s": 60.0},
            "hls": f"{version}/hls/master.m3u8",
            "dash": f"{version}/dash/manifest.mpd",
            "renditions": renditions,
            "poster": {"url": f"{version}/poster.jpg", "width": 1920, "height": 1080, "time_s": 1, "sources": sources},
            "storyboard": {"vtt": f"{version}/storyboard/index.vtt", "images": [], "interval_s": 2.0},
            "links": [{"article": f"story-{number // 4}", "paragraph": "p3"}],
            "timings": {"uploaded_at": _NOW, "received_at": _NOW, "ready_at": _NOW},
        }
    )


def _await_feeds(client: Client) -> None:
    while True:
        try:
            client.store.head(client.settings.media_bucket, keys.LATEST_CHANGES)
            if not list(client.store.list(client.settings.media_bucket, keys.CHANGED)):
                time.sleep(3)
                return
        except NoSuchObject:
            pass
        time.sleep(1)


def _paths(names: list[str], count: int, *, only_records: bool = False) -> Iterable[tuple[str, bool]]:
    """Paths to ask for, and whether with the ETag that is known."""
    chosen = random.Random(7)
    searches = ("state=ready&limit=20", "q=bench77&limit=20", "from=2026-03-10&limit=20", "prefix=0312&limit=20")
    for number in range(count):
        if only_records:
            yield f"/api/v1/clips/{names[number]}", False
        elif number % 10 == 9:
            yield f"/api/v1/clips?{chosen.choice(searches)}", False
        else:
            yield f"/api/v1/clips/{chosen.choice(names)}", number % 2 == 0


async def _ask(address: str, paths: Iterable[tuple[str, bool]], *, rate: int) -> list[Answered]:
    """Send the requests at that rate over a few connections, and wait for all answers."""
    due: asyncio.Queue[tuple[float, str, bool] | None] = asyncio.Queue()
    found: list[Answered] = []
    etags: dict[str, str] = {}
    askers = [asyncio.create_task(_asker(address, due, found, etags)) for _ in range(_CONNECTIONS)]
    start = time.perf_counter()
    for number, (path, is_conditional) in enumerate(paths):
        at = start + number / rate
        if (wait := at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait((at, path, is_conditional))
    for _ in askers:
        due.put_nowait(None)
    await asyncio.gather(*askers)
    return found


async def _asker(
    address: str, due: asyncio.Queue[tuple[float, str, bool] | None], found: list[Answered], etags: dict[str, str]
) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    while (asked := await due.get()) is not None:
        at, path, is_conditional = asked
        condition = f"If-None-Match: {etags[path]}\r\n" if is_conditional and path in etags else ""
        if writer.is_closing() or reader.at_eof():
            reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n{condition}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", "0")))
        if "etag" in headers:
            etags[path] = headers["etag"]
        found.append(Answered(status=int(head[0].split()[1]), after_s=time.perf_counter() - at))
    writer.close()


def _pin(pid: int) -> int:
    """Give the process one core, and everybody else here the others."""
    core = max(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})
    return core


def _cpu_of(stack: RunningStack) -> float:
    fields = Path(f"/proc/{stack.pids()['gateway']}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

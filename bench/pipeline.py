"""The whole pipeline on the local stack: from the upload's event to the clip ready, all its processes counted."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.cost import Cost, Meter, Process
from bench.programs import FFMPEG, run_quietly
from config.queues import QUEUE_CLASSES
from config.settings import Settings
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from workers import processes
from workers.client import Client, connect
from workers.local import RunningStack, running_stack
from workers.upload import pack, send_one

_PATIENCE_S: Final = 1800.0
# Reading the record takes time from the work; when it was ready, the record itself tells.
_LOOK_S: Final = 0.5
_LOOK_CLOSELY_S: Final = 0.02
_TRANSCODE: Final = "worker-transcode"
# A local stack finds what was lost sooner, for those who try it out.
_SHIPPED_PACE: Final = {
    f"NEWSREEL_{name.upper()}": str(Settings.model_fields[name].default) for name in ("lease_s", "reconcile_interval_s")
}
# The store's, the broker's and the monitor's time is not ours to save.
_OURS: Final = frozenset(
    {*(processes.worker_name(each) for each in QUEUE_CLASSES), processes.GATEWAY, processes.SCHEDULER}
)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A clip that went through: its record, what it cost, and seconds from the upload's end to each step."""

    record: ClipRecord
    cost: Cost
    poster_s: float
    playable_s: float
    processes: tuple[Process, ...]


class Newsroom:
    """A running stack that clips are sent to."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._client: Client = connect(env=stack.env)
        self._numbers = itertools.count(1)

    def make(self, path: Path, *, until: ClipState = ClipState.READY, look_closely: bool = False) -> Made:
        """Upload a copy under a name of its own and wait for it.

        With ``look_closely`` the times are those at which a reader saw the steps, read fifty times a second until both
        are there; else those that the record tells, which a reader's looking would only delay.

        Raises:
            RuntimeError: it failed, or took half an hour.
        """
        name = f"112326_BENCH{next(self._numbers)}"
        (parcel,) = pack([path], f"{name}{path.suffix}")
        send_one(self._client, parcel)
        started_at, started_s = datetime.now(UTC), time.monotonic()
        meter = Meter(self._stack.pids(), memory_of=_TRANSCODE)
        seen: dict[str, float] = {}
        with meter.running():
            record = self._wait(name, until, started_s, seen, look_closely=look_closely)
        ended_at = record.timings.ready_at or datetime.now(UTC)
        cost = meter.cost(_OURS)

        def told(step: str, at: datetime | None) -> float:
            return seen.get(step, (at - started_at).total_seconds() if at else float("nan"))

        return Made(
            record=record,
            cost=Cost(wall_s=(ended_at - started_at).total_seconds(), cpu_s=cost.cpu_s, memory_bytes=cost.memory_bytes),
            poster_s=told("poster", record.timings.poster_at),
            playable_s=told("playable", record.timings.playable_at),
            processes=tuple(meter.processes()),
        )

    def fetch(self, record: ClipRecord, folder: Path, *, wanted: Callable[[str], bool] = lambda _: True) -> Path:
        """Copy the published HLS files into the folder; returns where the multivariant playlist lies."""
        assert record.hls is not None  # noqa: S101 # a ready clip has one
        bucket = self._client.settings.media_bucket
        top = keys.clip_record(record.name).rpartition("/")[0]
        prefix = f"{top}/{record.hls.rpartition('/')[0]}/"
        for found in self._client.store.list(bucket, prefix):
            relative = found.key.removeprefix(prefix)
            if wanted(relative):
                target = folder / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self._client.store.get(bucket, found.key).body)
        return folder

    def fetch_mp4(self, record: ClipRecord, target: Path) -> Path:
        """Copy the published progressive MP4."""
        top = keys.clip_record(record.name).rpartition("/")[0]
        found = self._client.store.get(self._client.settings.media_bucket, f"{top}/{record.mp4[0].url}")
        target.write_bytes(found.body)
        return target

    def _wait(
        self, name: str, until: ClipState, started_s: float, seen: dict[str, float], *, look_closely: bool
    ) -> ClipRecord:
        while time.monotonic() - started_s < _PATIENCE_S:
            record = self._client.clips.get(keys.stem(name))
            if record is not None:
                now_s = time.monotonic() - started_s
                if record.poster is not None and look_closely:
                    seen.setdefault("poster", now_s)
                if record.hls is not None and look_closely:
                    seen.setdefault("playable", now_s)
                if record.state is until or record.state is ClipState.READY:
                    if until is ClipState.READY or record.poster is not None:
                        return record
                elif record.state.is_final:
                    raise RuntimeError(f"{name} failed: {record.failure}")
            time.sleep(_LOOK_CLOSELY_S if look_closely and len(seen) < 2 else _LOOK_S)
        raise RuntimeError(f"{name} was not {until} in {_PATIENCE_S:g} s")


@contextmanager
def newsroom(ladder: str) -> Iterator[Newsroom]:
    """A stack of its own with that ladder (a name or a path), warm: it has made one small clip."""
    with tempfile.TemporaryDirectory(prefix="newsreel-bench-") as scratch:
        environment = {"NEWSREEL_LADDER": ladder, **_SHIPPED_PACE}
        with running_stack(Path(scratch) / "stack", environment, on_event=lambda _: None) as stack:
            room = Newsroom(stack)
            first = Path(scratch) / "warm.mp4"
            picture, sound = "testsrc2=size=320x240:rate=25:duration=2", "sine=duration=2"
            run_quietly([FFMPEG, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, first])
            room.make(first)
            yield room

"""One chaos run from its plan to its figures."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.media.ladder import read_ladder
from tests.chaos import ending, processes, stack
from tests.chaos.faults import Injector
from tests.chaos.filer import Filer, StoreAway
from tests.chaos.judge import Uploads
from tests.chaos.load import LoadWatch, waits_s
from tests.chaos.material import LADDER, BaseClips
from tests.chaos.memory import MemoryWatch
from tests.chaos.plan import Plan
from tests.chaos.reader import Reader
from tests.chaos.report import Figures
from tests.chaos.small_disk import SmallDisk
from tests.chaos.stack import LEASE_S, ChaosStack
from tests.chaos.uploader import Uploader

_LEASES: Final = 3
_PROGRESS_S: Final = 10.0
_LOOK_S: Final = 0.5
# When nothing has become final for this long there is nothing to hope for, and the figures say what is missing.
_PATIENCE_S: Final = 90.0
# A worker that is well renews its lease every fifth of it.
_HEARD_OF_S: Final = LEASE_S / 2
_ORPHAN_AFTER_S: Final = 2.0


@dataclass(kw_only=True, eq=False)
class _Watch:
    """Looks for processes below us whose parent died, but that live on for more than a moment."""

    known: dict[tuple[int, int], float]
    found: list[str]

    def look(self, chaos: ChaosStack) -> None:
        processes.bury_adopted()
        ours = set(chaos.supervisor.pids().values())
        for each in processes.below([os.getpid()]):
            if each.parent != os.getpid() or each.pid in ours or not each.is_media_tool:
                continue
            mark = (each.pid, each.started)
            since = self.known.setdefault(mark, time.monotonic())
            if 0 < since < time.monotonic() - _ORPHAN_AFTER_S:
                self.found.append(f"{each.name} (process {each.pid}) outlived its worker")
                self.known[mark] = 0.0


def run(plan: Plan, folder: Path, *, minutes: float, tell: Callable[[str], None]) -> Figures:
    """Carry out the plan on a stack of its own in that folder, and say what was seen."""
    processes.adopt_orphans()
    began = time.monotonic()
    recipe = read_ladder(LADDER, "chaos.toml").revision
    clip_folder = folder / "clips"
    clip_folder.mkdir(parents=True)
    base = BaseClips(clip_folder)
    for upload in plan.clips:
        base.body(upload)
    deaths: list[str] = []
    disk = SmallDisk(folder / "data" / stack.WORKSPACE)
    uploads = Uploads()
    with stack.running(folder / "data", plan, deaths.append) as chaos:
        tell(f"stack ready after {time.monotonic() - began:.0f} s; logs in {chaos.logs}")
        reader = Reader(
            Filer(chaos.filer_port, chaos.env["NEWSREEL_MEDIA_BUCKET"]),
            uploads,
            clips=plan.names,
            articles=tuple(sorted({each.article_id for each in plan.articles})),
            recipe=recipe,
        )
        memory = MemoryWatch(chaos)
        load = LoadWatch(chaos, folder / "data" / stack.WORKSPACE)
        injector = Injector(chaos, plan, disk)
        started = time.monotonic()
        over = threading.Event()
        uploader = Uploader(chaos.env, plan, base=base, uploads=uploads, started=started, should_end=over.is_set)
        faults = threading.Thread(target=injector.run, args=(started,), name="faults", daemon=True)
        watch = _Watch(known={}, found=[])
        for thread in (reader, memory, load, uploader, faults):
            thread.start()
        try:
            told_at = 0.0
            while faults.is_alive() or uploader.is_alive():
                time.sleep(_LOOK_S)
                watch.look(chaos)
                if time.monotonic() - told_at > _PROGRESS_S:
                    told_at = time.monotonic()
                    tell(_progress(plan, reader, injector, uploader))
            calm_at = time.monotonic()
            unfinished = len(ending.unfinished_clips(plan, reader, uploads.last()))
            tell(f"last fault over after {calm_at - started:.0f} s; {unfinished} clips unfinished")
            calm = _await_calm(plan, reader, uploads, look=lambda: watch.look(chaos), tell=tell)
        finally:
            over.set()
            reader.stop()
            memory.stop()
            load.stop()
        violations = [*reader.violations, *_final_look(reader, chaos, uploads, folder)]
        lost = list(ending.lost(plan, reader, uploads.last()))
    waits = waits_s(reader.clips)
    survivors = _survivors()
    disk.close()
    figures = Figures(
        seed=plan.seed,
        minutes=minutes,
        lease_s=LEASE_S,
        clips=len(plan.names),
        articles=len({each.article_id for each in plan.articles}),
        replaced=uploader.replaced,
        faults={
            **{str(kind): number for kind, number in injector.done.items() if number},
            **{str(kind): number for kind, number in chaos.event_proxy.hits.items()},
            **({"upload_replaced": uploader.replaced} if uploader.replaced else {}),
        },
        missed={str(kind): number for kind, number in injector.missed.items() if number},
        events=chaos.event_proxy.events,
        polls=reader.polls,
        versions_seen=reader.versions_seen,
        store_away_s=reader.away_s,
        longest_gap_s=reader.longest_gap_s,
        unfinished_at_end=unfinished,
        settled_after_s=calm.settled_after_s,
        idle_s=calm.idle_s,
        idle_stretch_s=calm.stretch_s,
        idle_at_most_s=_LEASES * LEASE_S,
        attempts={
            f"{count} {'time' if count == 1 else 'times'}": number
            for count, number in sorted(Counter(each.work.attempts for each in reader.clips.values()).items())
        },
        fenced=sum(_fenced(chaos.logs / f"{name}.log") for name in stack.TRANSCODERS),
        violations=violations,
        lost=lost,
        survivors=survivors,
        orphans=watch.found,
        memory=memory.figures(),
        took_s=time.monotonic() - began,
        longest_queue=load.longest_queue,
        workspace_mib=load.workspace_mib,
        wait_shown_s=waits[0],
        wait_others_s=waits[1],
        is_day=plan.is_day,
    )
    (folder / "deaths.log").write_text("\n".join(deaths), encoding="utf-8")
    return figures


def _progress(plan: Plan, reader: Reader, injector: Injector, uploader: Uploader) -> str:
    states = Counter(str(record.work.state) for record in reader.clips.values())
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return (
        f"{uploader.clips} of {len(plan.names)} clips up, {told or 'no record yet'}; "
        f"{injector.begun} faults; {len(reader.violations)} violations"
    )


@dataclass(frozen=True, kw_only=True)
class _Calm:
    """When all was final (None: never), and how long meanwhile nobody was at work: in all, and at a stretch."""

    settled_after_s: float | None
    idle_s: float
    stretch_s: float


def _await_calm(
    plan: Plan, reader: Reader, uploads: Uploads, *, look: Callable[[], None], tell: Callable[[str], None]
) -> _Calm:
    """Wait until all clips and articles are final, or nothing moves any more."""
    began = moved_at = told_at = before = time.monotonic()
    fewest, idle_s, stretch_s, longest_s = sys.maxsize, 0.0, 0.0, 0.0
    while True:
        look()
        clips = ending.unfinished_clips(plan, reader, uploads.last())
        articles = ending.unfinished_articles(plan, reader)
        now = time.monotonic()
        if not clips and not articles:
            return _Calm(settled_after_s=now - began, idle_s=idle_s, stretch_s=longest_s)
        stretch_s = 0.0 if reader.sees_work(within_s=_HEARD_OF_S) else stretch_s + now - before
        idle_s += now - before if stretch_s else 0.0
        longest_s = max(longest_s, stretch_s)
        before = now
        if len(clips) + len(articles) < fewest:
            fewest, moved_at = len(clips) + len(articles), now
        if now - moved_at > _PATIENCE_S:
            return _Calm(settled_after_s=None, idle_s=idle_s, stretch_s=longest_s)
        if now - told_at > _PROGRESS_S:
            told_at = now
            tell(f"unfinished: {len(clips)} clips {clips[:4]}, {len(articles)} articles {articles[:4]}")
        time.sleep(_LOOK_S)


def _final_look(reader: Reader, chaos: ChaosStack, uploads: Uploads, folder: Path) -> list[str]:
    """All records and objects once more, and the pictures that they show."""
    before = len(reader.violations)
    shown = Path(tempfile.mkdtemp(dir=folder))
    filer = Filer(chaos.filer_port, chaos.env["NEWSREEL_MEDIA_BUCKET"])
    try:
        reader.look_again()
        wrong = ending.wrong_objects(reader.clips, uploads.last(), filer, shown)
    except StoreAway as error:
        wrong = [f"missing: the store did not answer in the end: {error}"]
    finally:
        filer.close()
        shutil.rmtree(shown, ignore_errors=True)
    return [*reader.violations[before:], *wrong]


def _fenced(log: Path) -> int:
    told = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return sum("taken by another" in line or "no longer ours" in line for line in told)


def _survivors() -> list[str]:
    """Whoever is left below this process a moment after the stack has ended."""
    time.sleep(1.0)
    return [f"{each.name} (process {each.pid})" for each in processes.below([os.getpid()])]

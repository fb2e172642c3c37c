"""A run's figures, as they are printed and as they are written to a file, and whether all of them are as promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.chaos.judge import KINDS

_GROWTH: Final = 1.15
_WORDS: Final = {
    "wrong": "records or objects that were another's",
    "missing": "named objects that were missing",
    "changed": "immutable objects that changed",
    "regressed": "readers sent back to an older upload",
    "twice": "versions published twice",
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a run showed. Times in seconds, memory in MiB.

    Parameters:
        settled_after_s: from the end of the last fault until everything was final; None if it never was.
        idle_s: how long, in that time, something was unfinished and nobody was at work, pauses between clips included.
        idle_stretch_s: the longest of these times at a stretch: three lease times at most.
        violations: what the reader saw and never should have.
        lost: uploads without their result in the end.
        fenced: how often a worker found, when it went on, that its clip was no longer its own.
        survivors: processes of the stack that outlived it.
        wait_shown_s, wait_others_s: medians from upload to ready, of clips that articles show and of all others.
    """

    seed: int
    minutes: float
    lease_s: float
    clips: int
    articles: int
    replaced: int
    faults: Mapping[str, int]
    missed: Mapping[str, int]
    events: int
    polls: int
    versions_seen: int
    store_away_s: float
    longest_gap_s: float
    unfinished_at_end: int
    settled_after_s: float | None
    idle_s: float
    idle_stretch_s: float
    idle_at_most_s: float
    attempts: Mapping[str, int]
    fenced: int
    violations: Sequence[str]
    lost: Sequence[str]
    survivors: Sequence[str]
    orphans: Sequence[str]
    memory: Mapping[str, Mapping[str, Any]]
    took_s: float
    longest_queue: int
    workspace_mib: float
    wait_shown_s: float | None
    wait_others_s: float | None
    is_day: bool

    @property
    def is_good(self) -> bool:
        """All promises were kept."""
        is_clean = not (self.violations or self.lost or self.survivors or self.orphans) and self.is_settled_in_time
        return is_clean and (not self.is_day or (self.is_flat and self.are_shown_first))

    @property
    def is_flat(self) -> bool:
        """No worker that encodes held more in the second half of the run than in the first, but for a little."""
        halves = [held["halves_mib"] for name, held in self.memory.items() if "transcode" in name]
        return all(second <= first * _GROWTH for first, second in halves)

    @property
    def are_shown_first(self) -> bool:
        """Clips that an article wants waited for less time than the others."""
        return bool(self.wait_shown_s and self.wait_others_s and self.wait_shown_s < self.wait_others_s)

    @property
    def is_settled_in_time(self) -> bool:
        """Everything became final, and soon enough."""
        return self.settled_after_s is not None and self.idle_stretch_s <= self.idle_at_most_s

    def to_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {**asdict(self), "fault_total": sum(self.faults.values()), "is_good": self.is_good}

    def lines(self) -> Iterator[str]:
        """All of it, for people."""
        what = "a day's uploads in" if self.is_day else "faults for"
        yield f"seed {self.seed}, {what} {self.minutes:g} minutes, {self.took_s:.0f} s in all"
        yield f"{self.clips} clips, {self.articles} articles, {self.replaced} clips uploaded anew"
        yield f"{sum(self.faults.values())} faults of {len(self.faults)} kinds:"
        for kind, number in sorted(self.faults.items(), key=lambda item: -item[1]):
            unmet = self.missed.get(kind, 0)
            yield f"  {number:5d} {kind}" + (f" ({unmet} more found no victim)" if unmet else "")
        yield f"{self.polls} looks at all records, {self.versions_seen} versions of records seen;"
        yield f"  the store was away for {self.store_away_s:.0f} s; the longest look took {self.longest_gap_s:.1f} s"
        counts = Counter(each.split(":")[0] for each in self.violations)
        yield f"{len(self.lost)} lost"
        for kind in KINDS:
            yield f"{counts[kind]} {_WORDS[kind]}"
        yield f"{len(self.survivors)} processes that outlived the stack, {len(self.orphans)} that outlived their worker"
        yield self._settling()
        tries = ", ".join(f"{number} clips {count}" for count, number in self.attempts.items())
        yield f"attempts: {tries}; {self.fenced} workers found that their clip was no longer theirs"
        for name, held in self.memory.items():
            first, second = held["halves_mib"]
            yield f"{name}: at most {held['peak_mib']} MiB; {first} in the run's first half, {second} in its second"
        yield f"at most {self.longest_queue} clips were queued; workspaces held {self.workspace_mib:g} MiB at most"
        if self.is_day:
            yield f"clips in articles were ready after {self.wait_shown_s} s, others after {self.wait_others_s} s"
            order = "first" if self.are_shown_first else "NOT FIRST"
            yield f"memory {'flat' if self.is_flat else 'GROWS'}, what articles show {order}"
        for violation in [*self.violations[:20], *self.lost[:20], *self.survivors[:20], *self.orphans[:20]]:
            yield f"  ! {violation}"
        yield "all promises kept" if self.is_good else "PROMISES BROKEN"

    def _settling(self) -> str:
        left = f"{self.unfinished_at_end} clips were unfinished when the last fault ended"
        idle = f"nobody was at work for {self.idle_stretch_s:.1f} s at a stretch (at most {self.idle_at_most_s:g})"
        idle += f", {self.idle_s:.1f} s in all"
        if self.settled_after_s is None:
            return f"NOT everything became final; {left}; {idle}"
        late = "" if self.is_settled_in_time else ", TOO LONG"
        return f"everything final after {self.settled_after_s:.1f} s; {left}; {idle}{late}"

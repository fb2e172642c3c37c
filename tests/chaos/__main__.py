"""``python -m tests.chaos --seed 7 --minutes 4``: exit code 0 if every promise was kept, 1 if not."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import small_disk
from tests.chaos.material import COLOURS, LENGTHS_S
from tests.chaos.plan import Plan, make_day, make_plan
from tests.chaos.report import Figures
from tests.chaos.run import run


def main() -> int:
    """Run each seed, print its figures, and write them to ``DIR/seed-N/result.json``, its plan to ``plan.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides the plan; the same seed gives the same one")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds to run, one after the other")
    parser.add_argument("--minutes", type=float, default=6.5, help="how long faults come")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--faults", type=int, default=240, help="those that are planned, apart from lost events")
    parser.add_argument("--replaced", type=int, default=30, help="how many clips are uploaded anew")
    parser.add_argument("--out", type=Path, help="a folder for figures, plans and logs; by default a temporary one")
    parser.add_argument("--day", action="store_true", help="no faults: all clips within half a minute instead")
    parser.add_argument("--plan-only", action="store_true", help="print the plan of that seed, and do nothing")
    options = parser.parse_args()
    small_disk.apart()
    # Whoever ends this run ends its stack in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = options.out or Path(tempfile.mkdtemp(prefix="newsreel-chaos-"))
    good = []
    for seed in range(options.seed, options.seed + options.runs):
        plan = _plan(options, seed)
        if options.plan_only:
            print(json.dumps(plan.to_json(), indent=1))
            return 0
        try:
            good.append(_run(plan, folder / f"seed-{seed}", minutes=plan.lasts_s / 60).is_good)
        except KeyboardInterrupt:
            print(f"Interrupted in seed {seed}; what there is lies in {folder}", file=sys.stderr)
            return 130
    if options.runs > 1:
        print(f"{sum(good)} of {len(good)} runs kept all promises.")
    if all(good) and options.out is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"Figures, plans and logs: {folder}")
    return 0 if all(good) else 1


def _plan(options: argparse.Namespace, seed: int) -> Plan:
    base = {"colours": len(COLOURS), "lengths": len(LENGTHS_S)}
    if options.day:
        return make_day(seed, clips=options.clips, articles=options.articles, **base)
    return make_plan(
        seed,
        minutes=options.minutes,
        clips=options.clips,
        articles=options.articles,
        faults=options.faults,
        replaced=options.replaced,
        **base,
    )


def _run(plan: Plan, folder: Path, *, minutes: float) -> Figures:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan.to_json(), indent=1), encoding="utf-8")
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    figures = run(plan, folder, minutes=minutes, tell=tell)
    (folder / "result.json").write_text(json.dumps(figures.to_json(), indent=1), encoding="utf-8")
    print("\n".join(figures.lines()), flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())

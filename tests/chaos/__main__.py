"""``python -m tests.chaos --seed 7 --minutes 6``: exit code 0 if every promise was kept, 1 if not."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.material import COLOURS, LENGTHS_S
from tests.chaos.plan import make_plan
from tests.chaos.run import run


def main() -> int:
    """Run once, print the figures, and write them to ``DIR/result.json`` with the plan in ``DIR/plan.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides the plan; the same seed gives the same one")
    parser.add_argument("--minutes", type=float, default=6.0, help="how long faults come")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--faults", type=int, default=330, help="those that are planned, apart from lost events")
    parser.add_argument("--replaced", type=int, default=30, help="how many clips are uploaded anew")
    parser.add_argument("--out", type=Path, help="a new folder for figures, plan and logs; by default a temporary one")
    parser.add_argument("--plan-only", action="store_true", help="print the plan of that seed, and do nothing")
    options = parser.parse_args()
    plan = make_plan(
        options.seed,
        minutes=options.minutes,
        clips=options.clips,
        articles=options.articles,
        faults=options.faults,
        replaced=options.replaced,
        colours=len(COLOURS),
        lengths=len(LENGTHS_S),
    )
    if options.plan_only:
        print(json.dumps(plan.to_json(), indent=1))
        return 0
    folder = options.out or Path(tempfile.mkdtemp(prefix="newsreel-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan.to_json(), indent=1), encoding="utf-8")
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    figures = run(plan, folder, minutes=options.minutes, tell=tell)
    (folder / "result.json").write_text(json.dumps(figures.to_json(), indent=1), encoding="utf-8")
    print("\n".join(figures.lines()))
    if figures.is_good and options.out is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"Figures, plan and logs: {folder}")
    return 0 if figures.is_good else 1


if __name__ == "__main__":
    sys.exit(main())

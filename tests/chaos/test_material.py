"""The colours of a chaos run's clips are told apart, many at a time, and a damaged file among them is noticed."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.material import COLOURS, BaseClips, colours_of
from tests.chaos.plan import ClipUpload


def test_each_clip_shows_its_colour_and_a_damaged_one_none(tmp_path: Path) -> None:
    base = BaseClips(tmp_path)
    wanted = [0, len(COLOURS) // 2, len(COLOURS) - 1]
    pictures = []
    for colour in wanted:
        path = tmp_path / f"clip-{colour}.mp4"
        path.write_bytes(base.body(ClipUpload(at_s=0, name="A", number=0, colour=colour, length=0)))
        pictures.append(path)
    assert colours_of(pictures) == wanted
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(pictures[0].read_bytes()[:600])
    assert colours_of([pictures[0], damaged, pictures[2]]) == [wanted[0], None, wanted[2]]

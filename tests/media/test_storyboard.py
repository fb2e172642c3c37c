"""The storyboard: each tile is of its own interval, however the key frames lie."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.media import looks, storyboard
from tasks.media.source import Source
from tasks.media.storyboard import Board
from tests import clips
from tests.described import joined
from tests.media.test_encode import NEWS, SMALL
from tests.media.test_looks import counting, shown_s, taken

SECONDS = 21


def source_of(container: str) -> Source:
    video = replace(SMALL.video, width=64, height=64, index=0, codec="h264")
    return replace(SMALL, container=container, duration_s=float(SECONDS), video=video)


def seconds_on_sheet(folder: Path, board: Board) -> list[int]:
    """The second that each tile of the only sheet tells, of the tiles that the WebVTT has a cue for."""
    (sheet,) = (folder / "out" / storyboard.FOLDER).glob("*.jpg")
    command = [str(clips.FFMPEG), "-v", "error", "-i", str(sheet), "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"]
    grey = subprocess.run(command, check=True, timeout=60, capture_output=True).stdout
    line = board.tile_width * board.shape.columns

    def middle(tile: int) -> int:
        row, column = divmod(tile, board.shape.columns)
        y, x = board.tile_height * row + board.tile_height // 2, board.tile_width * column + board.tile_width // 2
        return grey[y * line + x]

    return [round(middle(tile) * 219 / 255 / 4) for tile in range(board.tiles)]


def seconds_shown(
    clip: Path, folder: Path, *, container: str, keys_s: float, changes_coding: bool = False
) -> list[int]:
    """As `seconds_on_sheet`, of a run for the storyboard alone."""
    source = source_of(container)
    source = replace(source, video=replace(source.video, changes_coding=changes_coding))
    plan = storyboard.plan_storyboard(source, NEWS, key_frame_gap_s=keys_s, max_pixels=64 * 64)
    (folder / "out" / storyboard.FOLDER).mkdir(parents=True)
    (folder / "source").symlink_to(clip)
    subprocess.run([str(clips.FFMPEG), *plan.arguments], cwd=folder, check=True, timeout=60, capture_output=True)
    return seconds_on_sheet(folder, plan.board)


@pytest.mark.parametrize("container", ["mov", "mxf", "matroska"])
@pytest.mark.parametrize("keys_s", [1.0, 2.0, 0.4])
def test_each_tile_shows_its_own_interval(tmp_path: Path, container: str, keys_s: float) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=SECONDS, keys_s=keys_s)
    shown = seconds_shown(clip, tmp_path / "made", container=container, keys_s=keys_s)
    assert len(shown) == 11
    # What is not picked out shows the last key frame that is nearer to this tile than to the next.
    late = 0 if container != "matroska" else 1
    assert all(2 * tile <= second <= 2 * tile + late for tile, second in enumerate(shown)), shown


def test_only_one_key_frame_of_each_interval_is_decoded_however_many_there_are(tmp_path: Path) -> None:
    clip = counting(tmp_path / "clip.mov", length_s=SECONDS, keys_s=0.04)
    assert seconds_shown(clip, tmp_path / "made", container="mov", keys_s=0.04) == list(range(0, SECONDS, 2))


def test_where_the_coding_changes_each_tile_shows_its_own_interval_too(tmp_path: Path) -> None:
    # A key frame for no tile brings the news.
    parts = [
        counting(tmp_path / f"{number}.mp4", length_s=length_s, keys_s=1, bf="0", coder=str(number))
        for number, length_s in enumerate((5, SECONDS - 5))
    ]
    clip = joined(tmp_path / "clip.mov", parts, size=(64, 64))
    shown = seconds_shown(clip, tmp_path / "made", container="mov", keys_s=1, changes_coding=True)
    expected = [0, 2, 4, *range(1, SECONDS - 5, 2)]
    assert all(0 <= second - wanted <= 1 for second, wanted in zip(shown, expected, strict=True)), shown


def test_a_picture_that_begins_after_the_sound_stands_at_its_own_time(tmp_path: Path) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=SECONDS - 5, keys_s=1)
    late = tmp_path / "late.mp4"
    sound = ["-f", "lavfi", "-i", f"sine=duration={SECONDS}", "-itsoffset", "5", "-i", str(clip)]
    copy = ["-v", "error", *sound, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", str(late)]
    subprocess.run([str(clips.FFMPEG), *copy], check=True, timeout=60)
    shown = seconds_shown(late, tmp_path / "made", container="mov", keys_s=1)
    # What a tile has no picture for shows the first one.
    assert shown == [0, 0, 0, 1, 3, 5, 7, 9, 11, 13, 15]


@pytest.mark.parametrize(
    ("sizes", "matrices"),
    [
        (("64x64", "64x64"), ("bt709", "smpte170m")),
        (("64x64", "48x48"), ("bt709", "bt709")),
        (("48x48", "64x64"), ("bt709", "bt709")),
    ],
)
def test_where_size_or_colours_change_each_tile_still_shows_its_own_interval(
    tmp_path: Path, sizes: tuple[str, str], matrices: tuple[str, str]
) -> None:
    joined = tmp_path / "joined.ts"
    for number, (size, matrix) in enumerate(zip(sizes, matrices, strict=True)):
        start_s = 10 * number
        grows = f"color=black:size={size}:rate=25:duration=10,format=yuv420p"
        grows += f",geq=lum='16+4*floor(T+{start_s}.001)':cb=128:cr=128"
        grows += f",setparams=colorspace={matrix}:range=tv:color_primaries=bt709:color_trc=bt709"
        coded = ("-c:v", "libx264", "-qp", "1", "-g", "25", "-output_ts_offset", str(start_s))
        part = clips.make(tmp_path / f"{number}.ts", "-f", "lavfi", "-i", grows, *coded)
        joined.write_bytes((joined.read_bytes() if number else b"") + part.read_bytes())
    shown = seconds_shown(joined, tmp_path / "made", container="mpegts", keys_s=1)
    assert all(abs(second - 2 * tile) <= 1 for tile, second in enumerate(shown[:-1])), shown


def test_where_key_frames_become_rare_the_last_one_stands_for_the_tiles_without(tmp_path: Path) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=SECONDS, keys_s=5)
    assert seconds_shown(clip, tmp_path / "made", container="mov", keys_s=1) == [0, 0, 5, 5, 5, 10, 10, 15, 15, 15, 20]


@pytest.mark.parametrize(
    ("seen", "has_all"),
    [([0, 2, 4, 6, 8], True), ([0, 2.4, 5, 6, 9], True), ([0, 2, 6, 8], False), ([0, 2, 4, 6], False), ([], False)],
)
def test_whether_each_tile_has_its_key_frame_is_seen(seen: list[float], has_all: bool) -> None:
    board = storyboard.lay_out(replace(source_of("mov"), duration_s=9.5), NEWS)
    noted = "\n".join(f"frame:0 pts:1 pts_time:{time_s:g}" for time_s in seen)
    assert storyboard.has_every_tile(board, noted) == has_all


@pytest.mark.parametrize(("seen", "lacks"), [("0 2 4 6", True), ("0 2 4", False), ("0 2 6", False), ("2 4 6", False)])
def test_the_last_tile_may_lack_one_where_the_picture_does_not_reach_into_it(seen: str, lacks: bool) -> None:
    board = storyboard.lay_out(replace(source_of("mov"), duration_s=8.1), NEWS)
    noted = "\n".join(f"frame:0 pts:1 pts_time:{time_s}" for time_s in seen.split())
    assert storyboard.lacks_the_last(board, noted) == lacks


@pytest.mark.parametrize("keys_s", [1.0, 0.4])
def test_a_look_at_all_of_a_short_film_makes_the_storyboard_as_its_own_run_would(tmp_path: Path, keys_s: float) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=SECONDS, keys_s=keys_s)
    source = source_of("mov")
    board = storyboard.lay_out(source, NEWS)
    plan = looks.plan_looks(source, max_pixels=64 * 64, board=board)
    assert plan.has_sheets
    (tmp_path / "looked" / "out" / storyboard.FOLDER).mkdir(parents=True)
    (burst,) = taken(plan, clip, tmp_path / "looked")
    assert seconds_on_sheet(tmp_path / "looked", board) == list(range(0, SECONDS, 2))
    # The first tile is of the very beginning, which is no poster; the last look is as near to the end as without tiles.
    seen = [look.time_s for look in burst]
    assert seen[0] > 0.8
    assert seen == sorted(set(seen))
    (alone,) = taken(looks.plan_looks(source, max_pixels=64 * 64), clip, tmp_path / "alone")
    assert {look.time_s for look in alone} <= set(seen)
    assert all(shown_s(look) == int(look.time_s) for look in burst)


def test_a_look_at_a_part_or_by_seeking_makes_no_storyboard() -> None:
    film, tape = source_of("mov"), source_of("mxf")
    for source in (tape, replace(film, duration_s=60.0)):
        assert not looks.plan_looks(source, max_pixels=1, board=storyboard.lay_out(source, NEWS)).has_sheets


@pytest.mark.parametrize("length_s", [0.3, 1.9, 2.0, 21.0])
def test_key_frames_that_come_until_the_end_are_enough(length_s: float) -> None:
    film = source_of("mov")
    source = replace(film, duration_s=length_s, video=replace(film.video, duration_s=None))
    board = storyboard.lay_out(source, NEWS)
    seen = [f"frame:{tile} pts:0 pts_time:{tile * 2}" for tile in range(board.tiles)]
    assert storyboard.goes_through(board, source, "\n".join(seen))
    # Where they become rare the last one stands for the tiles without.
    assert storyboard.goes_through(board, source, "\n".join([*seen[:2], *seen[4:]]))


@pytest.mark.parametrize(
    "times_s",
    [[], [0, 2, 4], range(20, -1, -2), [0, 4, 2, 20], [0, 0.4, 0.8, 1.2, 1.6, 2], [4, 2, 0], [0, 18, 20], [2, 16]],
)
def test_key_frames_that_stay_away_or_come_late_are_not_enough(times_s: Sequence[float]) -> None:
    film = source_of("mov")
    source = replace(film, video=replace(film.video, duration_s=None))
    board = storyboard.lay_out(source, NEWS)
    assert not storyboard.goes_through(board, source, "\n".join(f"pts_time:{time_s:g}" for time_s in times_s))


@pytest.mark.parametrize(
    ("length_s", "coded"),
    [
        (22, "keyint=10:bframes=1:b-pyramid=strict:ref=1"),
        (31, "keyint=15:bframes=2:b-pyramid=normal:ref=1"),
        (28, "keyint=10:bframes=2:b-pyramid=none:ref=1"),
    ],
)
def test_pictures_of_open_gops_that_come_out_of_order_keep_their_own_times(
    tmp_path: Path, length_s: int, coded: str
) -> None:
    options = {"x264-params": f"open-gop=1:min-keyint=1:b-adapt=0:{coded}", "preset": "veryfast"}
    clip = counting(tmp_path / "clip.mp4", length_s=length_s, keys_s=1, **options)
    source = replace(source_of("mov"), duration_s=float(length_s))
    board = storyboard.lay_out(source, NEWS)
    (tmp_path / "looked" / "out" / storyboard.FOLDER).mkdir(parents=True)
    bursts = taken(looks.plan_looks(source, max_pixels=64 * 64, board=board), clip, tmp_path / "looked")
    seen = [(shown_s(look), int(look.time_s)) for burst in bursts for look in burst]
    assert len(seen) > 5
    assert [second for second, _ in seen] == [time_s for _, time_s in seen]
    # They would have been taken for a storyboard that is whole.
    if storyboard.has_every_tile(board, (tmp_path / "looked" / storyboard.SEEN).read_text()):
        shown = seconds_on_sheet(tmp_path / "looked", board)
        assert all(2 * tile <= second <= 2 * tile + 1 for tile, second in enumerate(shown)), shown


def test_where_only_some_key_frames_of_open_gops_can_stand_alone_they_are_not_enough(tmp_path: Path) -> None:
    # The second recording begins with a key frame of a closed one, near the end.
    opened = {"x264-params": "open-gop=1"}
    parts = [counting(tmp_path / f"{length_s}.mp4", length_s=length_s, keys_s=1, **opened) for length_s in (16, 5)]
    (tmp_path / "parts.txt").write_text("".join(f"file {part.name}\n" for part in parts), encoding="ascii")
    clip = clips.make(tmp_path / "clip.mp4", "-f", "concat", "-i", str(tmp_path / "parts.txt"), "-c", "copy")
    source = source_of("mov")
    board = storyboard.lay_out(source, NEWS)
    (tmp_path / "looked" / "out" / storyboard.FOLDER).mkdir(parents=True)
    taken(looks.plan_looks(source, max_pixels=64 * 64, board=board), clip, tmp_path / "looked")
    seen = (tmp_path / "looked" / storyboard.SEEN).read_text()
    assert not storyboard.has_every_tile(board, seen)
    assert not storyboard.goes_through(board, source, seen)
    assert not storyboard.lacks_the_last(board, seen)


def test_of_open_gops_of_hevc_tiles_that_are_far_apart_come_in_order(tmp_path: Path) -> None:
    coded = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-pix_fmt", "yuv420p", "-x265-params")
    keys = "log-level=error:keyint=25:min-keyint=25:scenecut=0:bframes=4:open-gop=1"
    grows = "color=black:size=64x64:rate=25:duration=70,format=yuv420p,geq=lum='16+3*floor(T)':cb=128:cr=128"
    clip = clips.make(tmp_path / "a.mp4", "-f", "lavfi", "-i", grows, *coded, keys)
    film = source_of("mov")
    source = replace(film, duration_s=70.0, video=replace(film.video, codec="hevc"))
    sparse = NEWS.model_copy(update={"storyboard": NEWS.storyboard.model_copy(update={"max_tiles": 10})})
    plan = storyboard.plan_storyboard(source, sparse, key_frame_gap_s=1.04, max_pixels=64 * 64)
    assert plan.board.interval_s == 7
    assert plan.key_frames_only
    (tmp_path / "out" / storyboard.FOLDER).mkdir(parents=True)
    clip.rename(tmp_path / "source")
    subprocess.run([str(clips.FFMPEG), *plan.arguments], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    assert storyboard.goes_through(plan.board, source, (tmp_path / storyboard.SEEN).read_text())

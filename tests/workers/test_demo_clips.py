"""The demo's clips: five, moving, sounding, one of them interlaced MPEG-2; made once and then kept."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tests.clips import FFMPEG, FFPROBE
from workers.demo import clips, lettering
from workers.demo.clips import RECIPES, arguments, make_clips, melody


def probe(path: Path) -> dict[str, dict[str, object]]:
    """The streams by their kind."""
    answer = subprocess.run(
        [str(FFPROBE), "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, check=True
    )
    return {stream["codec_type"]: stream for stream in json.loads(answer.stdout)["streams"]}


def detected_fields(path: Path) -> str:
    """What the pictures themselves tell of their field order, by ffmpeg's idet."""
    answer = subprocess.run(
        [str(FFMPEG), "-hide_banner", "-nostdin", "-i", str(path), "-an", "-vf", "idet", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in answer.stderr.splitlines() if "Multi frame detection" in line][-1]


@pytest.fixture(scope="module")
def short_recipes() -> tuple[clips.Recipe, ...]:
    return tuple(replace(recipe, duration_s=1.0) for recipe in RECIPES)


def test_the_recipes_are_those_of_the_demo_article() -> None:
    assert {recipe.name for recipe in RECIPES} == {"120320_OTHANH3", *(f"120320_OHAI{take}" for take in (1, 2, 3, 4))}
    assert all(8 <= recipe.duration_s <= 15 for recipe in RECIPES)
    assert sum(recipe.is_interlaced for recipe in RECIPES) == 1
    assert len({recipe.picture for recipe in RECIPES}) == len({recipe.notes for recipe in RECIPES}) == len(RECIPES)


def test_all_five_come_as_the_recipes_say_and_are_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_recipes: tuple[clips.Recipe, ...]
) -> None:
    monkeypatch.setattr(clips, "RECIPES", short_recipes)
    told: list[str] = []
    made = make_clips(FFMPEG, tmp_path, on_clip=told.append)
    assert [path.name for path in made] == [f"{recipe.name}.mp4" for recipe in short_recipes]
    assert sorted(told) == sorted(recipe.name for recipe in short_recipes)
    for recipe, path in zip(short_recipes, made, strict=True):
        streams = probe(path)
        video, audio = streams["video"], streams["audio"]
        assert video["codec_name"] == ("mpeg2video" if recipe.is_interlaced else "h264")
        assert (video["width"], video["height"]) == recipe.size
        assert video["avg_frame_rate"] == "25/1"
        assert abs(float(str(video["duration"])) - 1.0) <= 0.08
        assert (audio["codec_name"], audio["channels"], audio["sample_rate"]) == ("aac", 2, "48000")
        if recipe.is_interlaced:
            assert video["field_order"] in ("tt", "tb")
            assert "TFF:    2" in detected_fields(path)
    times = [path.stat().st_mtime_ns for path in made]
    assert make_clips(FFMPEG, tmp_path, on_clip=told.append) == made
    assert [path.stat().st_mtime_ns for path in made] == times
    assert len(told) == len(short_recipes)
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".mp4"] * len(made)


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    """So a second demo on the same data uploads nothing new."""
    recipe = replace(RECIPES[3], duration_s=0.6)
    first = clips._make(recipe, FFMPEG, tmp_path / "first", lambda _: None)
    second = clips._make(recipe, FFMPEG, tmp_path / "second", lambda _: None)
    assert first.read_bytes() == second.read_bytes()


def test_the_interlaced_clip_is_coded_in_fields() -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.is_interlaced)
    argv = arguments(recipe, "name.pgm", "clip.part")
    graph = argv[argv.index("-filter_complex") + 1]
    assert "tinterlace=mode=interleave_top,setfield=tff" in graph
    assert "+ildct+ilme" in argv[argv.index("-flags:v") + 1]
    assert argv[argv.index("-c:v") + 1] == "mpeg2video"
    assert argv[-1] == "clip.part"


def test_no_argument_needs_a_font() -> None:
    assert not any("drawtext" in word for recipe in RECIPES for word in arguments(recipe, "a", "b"))


def test_a_failing_ffmpeg_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no such encoder >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ConfigurationError, match="no such encoder"):
        make_clips(broken, tmp_path / "clips", on_clip=lambda _: None)
    assert not [path for path in (tmp_path / "clips").rglob("*") if path.is_file()]


def test_pauses_are_silent() -> None:
    # Only notes add a frequency; in a pause the sine of nothing is nothing.
    expression = melody((0, None, 12))
    assert expression.count("eq(") == 2
    assert "*220.00" in expression
    assert "*440.00" in expression


def test_every_letter_has_its_35_dots() -> None:
    for letter, glyph in lettering._GLYPHS.items():
        rows = glyph.split()
        assert [len(row) for row in rows] == [lettering.WIDTH] * lettering.HEIGHT, letter
        assert set(glyph) <= set("#. "), letter


def test_a_drawn_name_is_a_picture_of_its_size() -> None:
    header, _, pixels = lettering.draw("ohai1 é", dot=3).partition(b"\n")
    kind, width, height, depth = header.split()
    assert (kind, depth) == (b"P5", b"255")
    assert (int(width), int(height)) == ((7 * 6 - 1 + 4) * 3, 11 * 3)
    assert len(pixels) == int(width) * int(height)
    assert len(set(pixels)) == 2

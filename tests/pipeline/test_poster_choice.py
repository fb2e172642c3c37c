"""A poster of an editor's choice: taken anew under a name of its own, and forgotten with the upload."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tasks.pipeline import orders, poster_making
from tasks.pipeline.ingest import ingest
from tasks.pipeline.order_steps import OrderRefused
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.records import keys
from tasks.records.clip_facts import Poster
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.published import Put


def halves(path: Path, second: str = "blue") -> Path:
    """A second of red, then one of another colour."""
    size = "size=320x180:rate=25:duration=1"
    return clips.make(
        path,
        *("-f", "lavfi", "-i", f"color=red:{size}", "-f", "lavfi", "-i", f"color={second}:{size}"),
        *("-filter_complex", "concat=n=2,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "5"),
    )


def clip_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def pictured(services: Services, put: Put, name: str, path: Path) -> ClipRecord:
    put(f"clips/{name}.mp4", path)
    ingest(services, f"clips/{name}.mp4")
    services.clips.update(
        name, lambda record: record and record.evolve(source=record.source.evolve(duration_s=2.0, sha256=None))
    )
    thumbnails(services, name)
    return clip_of(services, name)


def stored(services: Services, name: str) -> set[str]:
    prefix = keys.version_prefix(name, clip_of(services, name).version)
    return {each.key.removeprefix(prefix) for each in services.store.list(services.settings.media_bucket, prefix)}


def colour(services: Services, name: str, tmp_path: Path) -> str:
    """Which of red and blue is stronger in the published poster."""
    record = clip_of(services, name)
    assert record.poster is not None
    picture = tmp_path / "poster.jpg"
    picture.write_bytes(services.store.get(services.settings.media_bucket, f"clips/{name}/{record.poster.url}").body)
    run = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", picture, "-vf", "scale=1:1"]
    shown = subprocess.run([*run, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
    red, _, blue = shown
    return "red" if red > blue else "blue"


def test_the_chosen_moment_takes_the_posters_place_in_all_its_forms(
    services: Services, put: Put, tmp_path: Path
) -> None:
    before = pictured(services, put, "halves", halves(tmp_path / "h.mp4"))
    assert before.poster is not None
    for at_s, expected in ((0.2, "red"), (1.5, "blue")):
        outcome = orders.choose_poster(services, "halves", at_s)
        assert outcome.changed
        assert orders.choose_poster(services, "halves", at_s).changed is False
        thumbnails(services, "halves")
        after = clip_of(services, "halves").poster
        assert after is not None
        assert (after.chosen_s, round(after.time_s, 3)) == (at_s, at_s)
        assert colour(services, "halves", tmp_path) == expected
        version = clip_of(services, "halves").version
        for each in (after.url, *(source.url for source in after.sources)):
            assert each.startswith(f"{version}/poster-at-{round(at_s * 1000)}")
            assert each.removeprefix(f"{version}/") in stored(services, "halves")
        assert {each.type for each in after.sources} == {"image/avif", "image/webp", "image/jpeg"}
    # What readers may still have on their pages stays where it was.
    former = {each.url.partition("/")[2] for each in before.poster.sources}
    assert former <= stored(services, "halves")
    assert orders.choose_poster(services, "halves", None).changed
    thumbnails(services, "halves")
    assert clip_of(services, "halves").poster == before.poster


def test_done_once_it_is_not_done_again(services: Services, put: Put, tmp_path: Path) -> None:
    pictured(services, put, "once", halves(tmp_path / "h.mp4"))
    orders.choose_poster(services, "once", 1.5)
    thumbnails(services, "once")
    settled = clip_of(services, "once")
    assert not settled.lacks_pictures
    thumbnails(services, "once")
    assert clip_of(services, "once") == settled


def test_a_choice_made_while_another_is_being_made_is_the_one_that_counts(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictured(services, put, "twice", halves(tmp_path / "h.mp4"))
    orders.choose_poster(services, "twice", 0.2)
    vary = poster_making.vary

    def vary_late(*given: Any, **named: Any) -> Poster:
        orders.choose_poster(services, "twice", 1.5)
        return vary(*given, **named)

    monkeypatch.setattr(poster_making, "vary", vary_late)
    thumbnails(services, "twice")
    monkeypatch.undo()
    between = clip_of(services, "twice")
    assert between.poster is not None
    assert between.poster.chosen_s is None
    assert between.lacks_pictures
    thumbnails(services, "twice")
    poster = clip_of(services, "twice").poster
    assert poster is not None
    assert poster.chosen_s == 1.5


def test_a_new_upload_forgets_the_choice(services: Services, put: Put, tmp_path: Path) -> None:
    pictured(services, put, "anew", halves(tmp_path / "h.mp4"))
    orders.choose_poster(services, "anew", 1.5)
    after = pictured(services, put, "anew", halves(tmp_path / "g.mp4", "green"))
    assert after.work.poster_wish_s is None
    assert after.work.poster is not None
    assert after.work.poster.chosen_s is None


def test_what_can_not_be_chosen_is_refused(services: Services, put: Put, tmp_path: Path) -> None:
    pictured(services, put, "short", halves(tmp_path / "h.mp4"))
    put("clips/unseen.mp4", b"x")
    ingest(services, "clips/unseen.mp4")
    for name, at_s, code in (
        ("short", 2.5, "no_such_moment"),
        ("unseen", 0.0, "no_poster"),
        ("nobody", 0.0, "not_found"),
    ):
        with pytest.raises(OrderRefused) as refused:
            orders.choose_poster(services, name, at_s)
        assert refused.value.code == code


def test_a_poster_stays_where_the_upload_went_before_the_chosen_one_was_taken(
    services: Services, put: Put, tmp_path: Path
) -> None:
    before = pictured(services, put, "left", halves(tmp_path / "h.mp4"))
    orders.choose_poster(services, "left", 1.5)
    services.store.delete(services.settings.incoming_bucket, "clips/left.mp4")
    thumbnails(services, "left")
    after = clip_of(services, "left")
    assert after.poster == before.poster
    assert not after.lacks_pictures
    assert after.warnings == before.warnings

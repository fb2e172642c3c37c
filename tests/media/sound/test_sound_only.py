"""Clips that are only heard: what probing tells of them, their ladder, the encode's arguments and the playlist."""

from __future__ import annotations

import pytest

import config.ladders
from tasks.errors import ConfigurationError, SourceRejected
from tasks.media.ladder import read_ladder
from tasks.media.package import Track
from tasks.media.sound import sound_only
from tasks.media.sound.programmes import candidates, published
from tasks.media.source import SoundSource
from tasks.media.source_reading import SourceLimits, read_recording

TEXT = config.ladders.find("news").read_text(encoding="utf-8")
NEWS = read_ladder(TEXT, "news.toml")
LIMITS = SourceLimits(duration_s=3600, pixels=10_000_000, streams=8)


def probe(*streams: dict[str, object]) -> dict[str, object]:
    numbered = [{"index": number, **stream} for number, stream in enumerate(streams)]
    return {"format": {"format_name": "mp3", "duration": "12.5"}, "streams": numbered}


def track(language: str | None = None) -> dict[str, object]:
    tags = {"tags": {"language": language}} if language else {}
    return {"codec_type": "audio", "codec_name": "mp3", "channels": 2, "sample_rate": "48000", **tags}


def cover(width: int = 600) -> dict[str, object]:
    size = {"width": width, "height": width}
    return {"codec_type": "video", "codec_name": "mjpeg", **size, "disposition": {"attached_pic": 1}}


def sound(*streams: dict[str, object]) -> SoundSource:
    found = read_recording(probe(*streams), LIMITS)
    assert isinstance(found, SoundSource)
    return found


def test_sound_with_or_without_a_cover_is_a_recording() -> None:
    assert sound(track()).cover is None
    attached = sound(track(), cover()).cover
    assert attached is not None
    assert (attached.index, attached.width) == (1, 600)
    assert sound(track(), cover(width=9000)).cover is None


def test_a_picture_that_cannot_be_read_is_never_passed_over_for_its_sound() -> None:
    lost: dict[str, object] = {"codec_type": "video", "codec_name": "h264", "width": 0, "height": 0}
    with pytest.raises(SourceRejected) as rejected:
        read_recording(probe(lost, track()), LIMITS)
    assert rejected.value.code == "no_video"


@pytest.mark.parametrize("streams", [[], [cover()]])
def test_neither_picture_nor_sound_is_no_video(streams: list[dict[str, object]]) -> None:
    data: dict[str, object] = {"codec_type": "data"}
    with pytest.raises(SourceRejected) as rejected:
        read_recording(probe(*streams, data), LIMITS)
    assert rejected.value.code == "no_video"


def test_a_ladder_names_its_own_rates_and_has_two_without() -> None:
    without = TEXT.replace("[sound_only]\nbitrates_bps = [64_000, 128_000]\n", "")
    assert without != TEXT
    assert read_ladder(without, "news.toml") == NEWS
    for wrong in ("[64_000, 64_000]", "[]", "[640_000]", "[64_500]"):
        with pytest.raises(ConfigurationError, match=r"news\.toml: sound_only"):
            read_ladder(TEXT.replace("bitrates_bps = [64_000, 128_000]", f"bitrates_bps = {wrong}"), "news.toml")


def test_each_programme_is_mixed_once_and_encoded_at_every_rate() -> None:
    source = sound(track("vie"), track("eng"))
    renditions = sound_only.plan_renditions(published(candidates(source), NEWS.audio.languages), NEWS)
    run = sound_only.plan_encode(source, NEWS, renditions, max_pixels=1)
    assert run.tracks == ("audio-128k", "audio-64k", "audio-2-128k", "audio-2-64k")
    graph = run.arguments[run.arguments.index("-filter_complex") + 1]
    assert graph.count("aresample") == 2
    assert graph.count("asplit=2") == 2
    rates = [run.arguments[run.arguments.index(f"-b:a:{number}") + 1] for number in range(4)]
    assert rates == ["128000", "64000", "128000", "64000"]
    assert "-sn" in run.arguments


def test_a_group_is_as_fast_as_its_fastest_rendition() -> None:
    source = sound(track("vie"), track("eng"))
    renditions = sound_only.plan_renditions(published(candidates(source), NEWS.audio.languages), NEWS)
    rates = {"audio-128k": 130, "audio-64k": 66, "audio-2-128k": 140, "audio-2-64k": 60}
    made = [
        (each, Track(peak_bps=rates[each.track.name] * 1000, average_bps=1, codecs="mp4a.40.2")) for each in renditions
    ]
    lines = sound_only.multivariant_playlist(made).splitlines()
    assert [line for line in lines if "STREAM-INF" in line] == [
        '#EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=1,CODECS="mp4a.40.2",AUDIO="sound-128k"',
        '#EXT-X-STREAM-INF:BANDWIDTH=66000,AVERAGE-BANDWIDTH=1,CODECS="mp4a.40.2",AUDIO="sound-64k"',
    ]
    assert sum("TYPE=AUDIO" in line for line in lines) == 4


def test_the_growing_playlist_names_all_and_begins_at_the_beginning() -> None:
    renditions = sound_only.plan_renditions(published(candidates(sound(track())), ()), NEWS)
    lines = sound_only.growing_playlist(renditions).splitlines()
    assert lines[1] == "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES"
    assert [line for line in lines if line[:1] != "#"] == ["audio-128k/index.m3u8", "audio-64k/index.m3u8"]

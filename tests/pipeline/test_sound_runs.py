"""The way of the sound: levels, tracks and languages, as published by a real ffmpeg from generated sources."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline.examine import probe
from tasks.pipeline.examine_sound import Heard, listen
from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.published import H264, PICTURE, Published, levels, loudness

SILENCE = "anullsrc=channel_layout=mono:sample_rate=48000:duration=4"


def tone(hertz: int, *, amplitude: float = 0.1, layout: str = "mono") -> str:
    return (
        f"sine=frequency={hertz}:sample_rate=48000:duration=4,volume={amplitude * 8},aformat=channel_layouts={layout}"
    )


def sounds(*graphs: str) -> list[str]:
    """Inputs of these lavfi graphs, one track each."""
    inputs = [argument for graph in graphs for argument in ("-f", "lavfi", "-i", graph)]
    return [*inputs, *(argument for number in range(len(graphs) + 1) for argument in ("-map", str(number)))]


def heard(services: Services, source: Path) -> Heard:
    """What is decided on this file."""
    folder = source.parent
    source.rename(folder / SOURCE_FILE)
    return listen(services, folder, probe(services, folder), services.ladder.audio)


def codes(found: Heard) -> set[str]:
    return {notice.code for notice in found.notices}


def test_sound_is_published_at_the_ladders_loudness_with_its_peaks_kept(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    noise = "anoisesrc=color=pink:sample_rate=48000:duration=4:seed=7:amplitude=0.2,aformat=channel_layouts=stereo"
    clip = publish(clips.make(tmp_path / "a.mov", *PICTURE, *sounds(noise), *H264, "-c:a", "pcm_s16le"))
    (sound,) = clip.record.sound
    assert sound.loudness
    assert sound.loudness.gain_db == pytest.approx(-16 - sound.loudness.integrated_lufs, abs=0.01)
    assert sound.loudness.gain_db > 3
    for path in (clip.mp4, clip.track("audio")):
        integrated, true_peak = loudness(path)
        assert integrated == pytest.approx(-16, abs=0.5)
        assert true_peak <= -0.7
    assert clip.codes() <= {"name_unconventional"}


def test_peaks_limit_the_gain_and_the_record_says_that_the_target_was_missed(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    # A quiet tone with short, loud bursts: their peaks leave no room for the whole gain.
    bursts = "aevalsrc='0.01*sin(2*PI*300*t)+0.6*sin(2*PI*997*t)*pow(sin(PI*t),2000)':sample_rate=48000:duration=4"
    clip = publish(clips.make(tmp_path / "a.mov", *PICTURE, *sounds(bursts), *H264, "-c:a", "pcm_s16le"))
    assert "loudness_missed" in clip.codes()
    for path in (clip.mp4, clip.track("audio")):
        integrated, true_peak = loudness(path)
        assert integrated < -16.5
        assert -2.5 <= true_peak <= -0.7


def test_silence_is_never_amplified(services: Services, tmp_path: Path) -> None:
    hiss = "anoisesrc=sample_rate=48000:duration=4:amplitude=0.0002"
    found = heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *sounds(hiss), *H264, "-c:a", "pcm_s16le"))
    assert [each.gain_db for each in found.programmes] == [0.0]
    assert codes(found) == {"silent"}


def test_of_four_mono_tracks_the_first_pair_is_heard_left_and_right(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    tracks = sounds(tone(500), tone(1000), tone(2000), tone(3000))
    clip = publish(
        clips.make(tmp_path / "a.mxf", *PICTURE, *tracks, "-c:v", "mpeg2video", "-b:v", "2M", "-c:a", "pcm_s16le")
    )
    assert [sound.tracks for sound in clip.record.sound] == [(1, 2)]
    left, right, other = levels(clip.mp4, 500, 1000, 2000)
    assert left[0] > 20 * left[1]
    assert right[1] > 20 * right[0]
    assert max(other) < 0.01 * left[0]


def test_a_silent_first_pair_gives_way_to_the_next_that_sounds(services: Services, tmp_path: Path) -> None:
    tracks = sounds(SILENCE, SILENCE, tone(500), tone(1000))
    found = heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *tracks, *H264, "-c:a", "pcm_s24le"))
    assert [sound.tracks for sound in found.facts] == [(3, 4)]
    assert [notice.message for notice in found.notices if notice.code == "track_silent"] == [
        "Sound track 1+2 is silent; 3+4 is heard instead."
    ]


def test_sixteen_mono_tracks_are_measured_whole(services: Services, tmp_path: Path) -> None:
    tracks = sounds(*[SILENCE] * 14, tone(500), tone(600))
    found = heard(
        services, clips.make(tmp_path / "a.mxf", *PICTURE, *tracks, "-c:v", "mpeg2video", "-c:a", "pcm_s16le")
    )
    assert [sound.tracks for sound in found.facts] == [(15, 16)]
    assert found.facts[0].loudness


def test_a_single_mono_track_is_heard_on_both_sides(publish: Callable[[Path], Published], tmp_path: Path) -> None:
    clip = publish(clips.make(tmp_path / "a.mp4", *PICTURE, *sounds(tone(500)), *H264, "-c:a", "aac"))
    ((left, right),) = levels(clip.mp4, 500)
    assert left == pytest.approx(right, rel=0.02)
    assert left > 0.05


def test_of_eight_discrete_channels_the_first_two_are_heard(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    graph = "|".join(f"0.1*sin(2*PI*{500 + 250 * number}*t)" for number in range(8))
    clip = publish(
        clips.make(
            tmp_path / "a.mxf",
            *PICTURE,
            *sounds(f"aevalsrc='{graph}':sample_rate=48000:duration=4"),
            *("-c:v", "mpeg2video", "-b:v", "2M", "-c:a", "pcm_s16le"),
        )
    )
    assert [(track.channels, track.layout) for track in clip.record.source.audio] == [(8, "")]
    first, second, third = levels(clip.mp4, 500, 750, 1000)
    assert first[0] > 20 * first[1]
    assert second[1] > 20 * second[0]
    assert max(third) < 0.01 * first[0]


def test_surround_is_brought_down_with_its_dialogue_in_both_sides_and_without_lfe(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    graph = "|".join(f"0.1*sin(2*PI*{hertz}*t)" for hertz in (500, 800, 1100, 60, 1400, 1700))
    clip = publish(
        clips.make(
            tmp_path / "a.ts",
            *PICTURE,
            *sounds(f"aevalsrc='{graph}':channel_layout=5.1:sample_rate=48000:duration=4"),
            *(*H264, "-c:a", "ac3", "-b:a", "448k"),
        )
    )
    front, centre, low, rear = levels(clip.mp4, 500, 1100, 60, 1400)
    assert centre[0] == pytest.approx(centre[1], rel=0.02)
    assert centre[0] / front[0] == pytest.approx(0.7071, rel=0.05)
    assert rear[0] / front[0] == pytest.approx(0.7071, rel=0.05)
    assert rear[1] < 0.02 * front[0]
    assert max(low) < 0.02 * front[0]
    assert loudness(clip.mp4)[0] == pytest.approx(-16, abs=0.5)


def test_each_language_is_a_rendition_and_the_ladders_first_one_is_the_default(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    tracks = sounds(tone(500, layout="stereo"), tone(1000, layout="stereo", amplitude=0.05))
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=vie")
    clip = publish(clips.make(tmp_path / "a.mkv", *PICTURE, *tracks, *H264, "-c:a", "pcm_s16le", *tags))
    assert [line for line in clip.main.splitlines() if "TYPE=AUDIO" in line] == [
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Tiếng Việt",LANGUAGE="vi",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio/index.m3u8"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="English",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio-2/index.m3u8"',
    ]
    assert [(sound.language, sound.tracks) for sound in clip.record.sound] == [("vi", (2,)), ("en", (1,))]
    for path, own, other in (
        (clip.mp4, 1000, 500),
        (clip.track("audio"), 1000, 500),
        (clip.track("audio-2"), 500, 1000),
    ):
        (heard_own, _), (heard_other, _) = levels(path, own, other)
        assert heard_own > 20 * heard_other
        assert loudness(path)[0] == pytest.approx(-16, abs=0.5)


@pytest.mark.parametrize("file", ["a.mov", "a.mkv"])
def test_the_track_that_the_file_plays_by_default_is_heard(
    publish: Callable[[Path], Published], tmp_path: Path, file: str
) -> None:
    tracks = sounds(tone(500, layout="stereo"), tone(1000, layout="stereo"))
    default = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    clip = publish(clips.make(tmp_path / file, *PICTURE, *tracks, *H264, "-c:a", "pcm_s16le", *default))
    assert [sound.tracks for sound in clip.record.sound] == [(2,)]
    first, second = levels(clip.mp4, 500, 1000)
    assert second[0] > 20 * first[0]


SURROUND = {"FL": 300, "FR": 500, "FC": 1000, "LFE": 60, "SL": 2000, "SR": 3000}


@pytest.mark.parametrize(
    "tracks",
    [
        ("FL", "FR", "FC", "LFE", "SL", "SR"),
        # As films are mixed.
        ("FL", "FC", "FR", "SL", "SR", "LFE"),
        ("FL+FC+FR+SL+SR+LFE",),
        ("FL+FR", "FC", "LFE", "SL+SR"),
    ],
)
def test_surround_in_any_order_and_on_several_tracks_is_heard_whole(
    publish: Callable[[Path], Published], tmp_path: Path, tracks: tuple[str, ...]
) -> None:
    inputs = sounds(*(tone(hertz) for hertz in SURROUND.values()))[: 4 * len(SURROUND)]
    graph, maps = [], ["-map", "0"]
    for number, layout in enumerate(tracks):
        names = layout.split("+")
        joined = "".join(f"[{list(SURROUND).index(name) + 1}]" for name in names)
        links = "|".join(f"{place}.0-{name}" for place, name in enumerate(names))
        graph.append(f"{joined}join=inputs={len(names)}:channel_layout={layout}:map={links}[t{number}]")
        maps += ["-map", f"[t{number}]"]
    mixed = ("-filter_complex", ";".join(graph), *maps)
    clip = publish(clips.make(tmp_path / "a.mov", *PICTURE, *inputs, *mixed, *H264, "-c:a", "pcm_s16le"))
    assert [sound.tracks for sound in clip.record.sound] == [tuple(range(1, len(tracks) + 1))]
    left, right, centre, low, left_behind, right_behind = levels(clip.mp4, *SURROUND.values())
    assert left[0] > 20 * left[1]
    assert right[1] > 20 * right[0]
    assert centre == pytest.approx((0.7071 * left[0], 0.7071 * right[1]), rel=0.05)
    assert left_behind == pytest.approx((0.7071 * left[0], 0), rel=0.05, abs=0.002)
    assert right_behind == pytest.approx((0, 0.7071 * right[1]), rel=0.05, abs=0.002)
    assert low == pytest.approx((0, 0), abs=0.002)


@pytest.mark.parametrize(
    ("file", "codec", "known", "unknown"),
    [
        # A name that nobody gave, and AC-4, which is known by its four letters and decoded by no ffmpeg.
        ("a.mkv", "ac3", b"A_AC3", b"A_XYZ"),
        ("a.mp4", "ac3", b"ac-3", b"ac-4"),
    ],
)
def test_a_track_that_cannot_be_decoded_is_passed_over(
    publish: Callable[[Path], Published], tmp_path: Path, file: str, codec: str, known: bytes, unknown: bytes
) -> None:
    tracks = sounds(tone(500, layout="stereo"), tone(1000, layout="stereo"))
    made = clips.make(tmp_path / file, *PICTURE, *tracks, *H264, "-c:a:0", codec, "-c:a:1", "aac")
    made.write_bytes(made.read_bytes().replace(known, unknown))
    clip = publish(made)
    assert "sound_unreadable" in clip.codes()
    first, second = levels(clip.mp4, 500, 1000)
    assert second[0] > 20 * first[0]


@pytest.mark.parametrize("seconds", [3, 70])
def test_a_track_that_holds_no_sound_at_all_is_passed_over(
    publish: Callable[[Path], Published], tmp_path: Path, seconds: int
) -> None:
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=10:duration={seconds}")
    emptied = ("-filter:a", "atrim=end_sample=0", "-c:a", "aac")
    clip = publish(clips.make(tmp_path / "a.mkv", *picture, *sounds(SILENCE), *H264, *emptied))
    assert {"sound_unreadable", "no_audio"} <= clip.codes()
    assert clip.record.source.audio
    assert clip.record.sound == ()


def coded(path: Path, bits: int) -> Path:
    """Four seconds of bursts as of SMPTE ST 337, raw samples of 32 bits in stereo; what they carry is noise."""
    first, second = {16: (0xF872, 0x4E1F), 20: (0x6F872, 0x54E1F), 24: (0x96F872, 0xA54E1F)}[bits]
    noise = random.Random(7)
    burst = [0] * 200 + [first, second] + [noise.getrandbits(bits) for _ in range(3400)] + [0] * 238
    path.write_bytes(struct.pack(f"<{len(burst)}I", *(word << 32 - bits for word in burst)) * 100)
    return path


@pytest.mark.parametrize("bits", [16, 20, 24])
@pytest.mark.parametrize("file", ["a.mov", "a.mxf"])
def test_coded_sound_in_pcm_is_never_heard(services: Services, tmp_path: Path, bits: int, file: str) -> None:
    raw = ("-f", "s32le", "-ar", "48000", "-ac", "2", "-i", str(coded(tmp_path / "raw", bits)))
    tracks = (*PICTURE, *sounds(SILENCE, SILENCE)[:8], *raw, "-map", "0", "-map", "1", "-map", "2")
    # On two tracks, as MXF often has them, or on one.
    split = ("-filter_complex", "[3]channelsplit[l][r]", "-map", "[l]", "-map", "[r]", "-c:v", "mpeg2video")
    split = split if file == "a.mxf" else ("-map", "3", *H264)
    found = heard(services, clips.make(tmp_path / file, *tracks, *split, "-c:a", "pcm_s24le"))
    assert [sound.tracks for sound in found.facts] == [(1, 2)]
    assert codes(found) == {"silent", "sound_unreadable"}


def test_sound_that_is_as_loud_is_heard(services: Services, tmp_path: Path) -> None:
    noise = "anoisesrc=sample_rate=48000:duration=4:amplitude=1,aformat=channel_layouts=stereo"
    found = heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *sounds(noise), *H264, "-c:a", "pcm_s24le"))
    assert [sound.tracks for sound in found.facts] == [(1,)]
    assert "sound_unreadable" not in codes(found)


@pytest.mark.parametrize(
    ("graph", "code"),
    [
        ("aevalsrc='0.1*sin(2000*t)|0':sample_rate=48000:duration=4", "channel_dead"),
        ("aevalsrc='0.1*sin(2000*t)|-0.1*sin(2000*t)':sample_rate=48000:duration=4", "out_of_phase"),
        ("aevalsrc='clip(4*sin(2000*t),-1,1)|0.1*sin(700*t)':sample_rate=48000:duration=4", "clipped"),
        ("aevalsrc='0.9*sin(6000*t)|0.9*sin(6000*t)':sample_rate=48000:duration=4", "too_loud"),
        ("aevalsrc='0.004*sin(2000*t)|0.004*sin(2000*t)':sample_rate=48000:duration=4", "too_quiet"),
        ("aevalsrc='0.1*sin(2000*t)|0.1*sin(1700*t)':sample_rate=48000:duration=4", None),
        ("aevalsrc='0.999*sin(2000*t)*lt(mod(t,1),0.03)|0.1*sin(1700*t)':sample_rate=48000:duration=4", None),
    ],
)
def test_faults_of_a_recording_are_told_and_no_others(
    services: Services, tmp_path: Path, graph: str, code: str | None
) -> None:
    found = heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *sounds(graph), *H264, "-c:a", "pcm_s16le"))
    wanted = {code} if code else set()
    assert codes(found) - {"loudness_missed", "too_loud" if code == "clipped" else ""} == wanted


def test_sound_of_a_tenth_of_a_second_is_no_silence(services: Services, tmp_path: Path) -> None:
    blip = "sine=frequency=500:sample_rate=48000:duration=0.1"
    found = heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *sounds(blip), *H264, "-c:a", "pcm_s16le"))
    assert codes(found) == set()
    assert found.programmes[0].gain_db == 0


def test_a_source_without_sound_takes_no_run(services: Services, tmp_path: Path) -> None:
    assert heard(services, clips.make(tmp_path / "a.mov", *PICTURE, *H264)) == Heard()

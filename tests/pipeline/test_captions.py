"""The way of captions: out of real files of every kind, in step with the picture, to what players list and show."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest

from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.pipeline.captions import Extracted, extract
from tasks.pipeline.examine import probe
from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import captioned, clips
from tests.pipeline.published import publish, putting
from tests.teletext import teletext

NAME = "120320_CAPTIONS1"
SAID = {1.0: "HELLO NEWS", 3.5: "SECOND LINE"}


@pytest.fixture
def found(services: Services) -> Callable[[Path], Extracted]:
    """What is extracted from this file."""

    def run(source: Path) -> Extracted:
        folder = source.parent / "job"
        folder.mkdir()
        source.rename(folder / SOURCE_FILE)
        return extract(services, folder, probe(services, folder))

    return run


def times(made: Extracted) -> list[tuple[float, float]]:
    """Of the first programme's cues."""
    return [(cue.start_s, cue.end_s) for cue in made.captions[0].cues]


def texts(made: Extracted) -> list[list[str]]:
    return [[cue.text for cue in each.cues] for each in made.captions]


def in_step(expected: list[tuple[float, float]]) -> object:
    """Within what nobody notices."""
    return [pytest.approx(each, abs=0.1) for each in expected]


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "mov_text"), ("mkv", "ass"), ("mkv", "subrip"), ("mkv", "webvtt")]
)
def test_text_tracks_keep_languages_times_and_letters(
    found: Callable[[Path], Extracted], tmp_path: Path, ending: str, codec: str
) -> None:
    tracks = [("vie", codec, "Xin chào <i>đồng bào</i>"), ("eng", codec, "Hello")]
    made = found(captioned.text_tracks(tmp_path / f"clip.{ending}", tracks))
    assert [(each.language, each.label, each.is_default) for each in made.captions] == [
        ("vi", "Tiếng Việt", True),
        ("en", "English", False),
    ]
    assert texts(made) == [
        ["Xin chào <i>đồng bào</i>", "Xin chào <i>đồng bào</i> again"],
        ["Hello", "Hello again"],
    ]
    assert times(made) == in_step([(1, 2.5), (4, 5.5)])
    assert made.notices == ()


@pytest.mark.parametrize("begins_s", ["0", "100"])
def test_captions_beside_sound_that_can_not_be_opened_are_published(
    found: Callable[[Path], Extracted], tmp_path: Path, begins_s: str
) -> None:
    beside = ("-map", "1", "-c:a:1", "wavpack", "-output_ts_offset", begins_s)
    made = found(captioned.text_tracks(tmp_path / "clip.mkv", [("eng", "subrip", "Hello")], extra=beside))
    assert texts(made) == [["Hello", "Hello again"]]
    assert times(made) == in_step([(1, 2.5), (4, 5.5)])


@pytest.mark.parametrize(
    ("ending", "arguments"),
    [
        ("mp4", ()),
        ("mp4", ("-c:v", "libx264", "-bf", "3", "-a53cc", "1")),
        ("ts", ("-c:v", "mpeg2video", "-bf", "2", "-a53cc", "1", "-output_ts_offset", "3600")),
        ("mp4", ("-c:v", "libx265", "-a53cc", "1", "-x265-params", "log-level=error")),
    ],
    ids=["h264", "h264 with B-frames", "mpeg-2 that starts after an hour", "hevc"],
)
def test_cea_608_inside_the_picture_is_read_in_step_without_decoding_it(
    found: Callable[[Path], Extracted], tmp_path: Path, ending: str, arguments: tuple[str, ...]
) -> None:
    clip = captioned.line_21(tmp_path / "inside.mp4", SAID)
    made = found(clips.make(tmp_path / f"clip.{ending}", "-i", str(clip), *arguments) if arguments else clip)
    assert texts(made) == [["HELLO NEWS", "SECOND LINE"]]
    assert times(made) == in_step([(1, 2.5), (3.5, 5)])
    assert (made.captions[0].kind, made.captions[0].language) == ("captions", None)


def test_a_picture_that_begins_after_the_sound_shifts_its_captions_with_it(
    found: Callable[[Path], Extracted], tmp_path: Path
) -> None:
    clip = captioned.line_21(tmp_path / "inside.mp4", SAID)
    inputs = ("-itsoffset", "0.8", "-i", str(clip), "-f", "lavfi", "-i", "sine=duration=6")
    late = clips.make(
        tmp_path / "late.ts", *inputs, "-c:v", "copy", "-map", "0", "-map", "1", "-output_ts_offset", "50"
    )
    assert times(found(late)) == in_step([(1.8, 3.3), (4.3, 5.8)])


def test_the_second_field_is_a_programme_of_its_own(found: Callable[[Path], Extracted], tmp_path: Path) -> None:
    assert texts(found(captioned.line_21(tmp_path / "clip.mp4", {1: "FIELD TWO"}, field=2))) == [["FIELD TWO"]]


@pytest.mark.parametrize(("codec", "read"), [("ass", "one two"), ("srt", r"one\htwo")])
def test_a_hard_space_of_ass_is_a_space(
    found: Callable[[Path], Extracted], tmp_path: Path, codec: str, read: str
) -> None:
    made = found(captioned.text_tracks(tmp_path / "clip.mkv", [("eng", codec, r"one\htwo")]))
    assert texts(made)[0][0] == read


def test_what_is_drawn_in_ass_is_no_caption(found: Callable[[Path], Extracted], tmp_path: Path) -> None:
    clip = captioned.text_tracks(tmp_path / "clip.mkv", [("eng", "ass", "Hi")])
    written = tmp_path / "drawn.ass"
    clips.make(written, "-i", str(clip), "-map", "0:s", "-c", "copy")
    drawn = r"Dialogue: 0,0:00:02.00,0:00:05.00,Default,,0,0,0,,{\p1}m 0 0 l 10 0 10 10{\p0}"
    both = r"Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\i1}Lower{\i0} third{\p1}m 0 0 l 10 0{\p0}"
    written.write_text(written.read_text() + f"{drawn}\n{both}\n")
    mapped = ("-map", "0:v", "-map", "0:a", "-map", "1", "-c", "copy")
    made = found(clips.make(tmp_path / "drawn.mkv", "-i", str(clip), "-i", str(written), *mapped))
    assert texts(made) == [["Hi", "<i>Lower</i> third", "Hi again"]]


def test_two_channels_in_one_field_are_two_programmes(found: Callable[[Path], Extracted], tmp_path: Path) -> None:
    made = found(captioned.line_21(tmp_path / "clip.mp4", {1: "HELLO", 4: "AGAIN"}, second_channel={1.9: "HOLA"}))
    assert texts(made) == [["HELLO", "AGAIN"], ["HOLA"]]
    assert times(made)[:2] == in_step([(1, 2.5), (4, 5.5)])
    assert not made.notices


def test_cea_608_as_a_track_of_quicktime_and_as_ancillary_data_of_mxf(
    services: Services, found: Callable[[Path], Extracted], tmp_path: Path
) -> None:
    inside = captioned.line_21(tmp_path / "inside.mp4", SAID)
    both = f"movie={inside.name}[out0+subcc]"
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-f", "lavfi", "-i", both, "-c:v", "mpeg2video"]
    command += ["-a53cc", "0", "-c:s", "copy"]
    subprocess.run([*command, "track.mov"], cwd=tmp_path, check=True, timeout=60)
    made = found(tmp_path / "track.mov")
    assert texts(made) == [["HELLO NEWS", "SECOND LINE"]]
    assert times(made) == in_step([(1, 2.5), (3.5, 5)])
    subprocess.run([*command, "-bsf:s", "eia608_to_smpte436m", "ancillary.mxf"], cwd=tmp_path, check=True, timeout=60)
    folder = tmp_path / "mxf"
    folder.mkdir()
    (tmp_path / "ancillary.mxf").rename(folder / SOURCE_FILE)
    made = extract(services, folder, probe(services, folder))
    assert texts(made) == [["HELLO NEWS", "SECOND LINE"]]
    assert times(made) == in_step([(1, 2.5), (3.5, 5)])


def test_teletext_subtitles_are_read_with_their_language(found: Callable[[Path], Extracted], tmp_path: Path) -> None:
    made = found(teletext(tmp_path / "clip.ts", {1: "Bonjour", 4: "Au revoir"}, offset_s=100))
    assert texts(made) == [["Bonjour", "Au revoir"]]
    assert times(made) == in_step([(1, 2.5), (4, 5.5)])
    assert made.captions[0].language == "fr"


def test_each_page_of_teletext_subtitles_is_a_programme_in_its_language(
    found: Callable[[Path], Extracted], tmp_path: Path
) -> None:
    english = {0x89: ("eng", {1.4: "Good day", 3.2: "See you"})}
    made = found(teletext(tmp_path / "clip.ts", {1: "Bonjour", 4: "Au revoir"}, offset_s=100, more=english))
    assert texts(made) == [["Bonjour", "Au revoir"], ["Good day", "See you"]]
    assert [(each.language, each.is_default) for each in made.captions] == [("fr", True), ("en", False)]
    assert times(made) == in_step([(1, 2.5), (4, 5.5)])
    assert [(cue.start_s, cue.end_s) for cue in made.captions[1].cues] == in_step([(1.4, 2.9), (3.2, 4.7)])


def test_cea_708_alone_is_told_of(services: Services, found: Callable[[Path], Extracted], tmp_path: Path) -> None:
    (notice,) = found(captioned.line_21(tmp_path / "new.mp4", {1: "ABCDEF"}, kind=3)).notices
    assert (notice.code, "CEA-708" in notice.message) == ("captions_unreadable", True)


def test_a_playlist_that_poses_as_a_clip_is_not_opened(services: Services, tmp_path: Path) -> None:
    clip = captioned.text_tracks(tmp_path / "secret.mp4", [("eng", "mov_text", "Secret")])
    (tmp_path / "real").mkdir()
    source = probe(services, _as_source(clip, tmp_path / "real"))
    posing = tmp_path / "posing"
    posing.mkdir()
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:6", "#EXTINF:6,", str(tmp_path / "real" / SOURCE_FILE)]
    (posing / SOURCE_FILE).write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    made = extract(services, posing, source)
    assert made.captions == ()


def _as_source(clip: Path, folder: Path) -> Path:
    clip.rename(folder / SOURCE_FILE)
    return folder


def test_a_track_that_is_damaged_leaves_the_others_and_is_told_of(
    services: Services, found: Callable[[Path], Extracted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = captioned.text_tracks(tmp_path / "clip.mkv", [("vie", "ass", "Xin"), ("eng", "subrip", "Hello")])
    # The decoder of SubRip is not allowed: its track ends the run.
    monkeypatch.setattr(
        "tasks.media.captions.runs.input_options",
        lambda **kept: {**input_options(**kept), "codec_whitelist": "h264,aac,ass"},
    )
    made = found(clip)
    assert texts(made) == [["Xin", "Xin again"]]
    assert [notice.message for notice in made.notices] == [
        "This clip has captions that can't be turned into text and are left out: subrip."
    ]


@pytest.fixture(scope="module")
def published(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ClipRecord:
    """A clip with captions in two languages, after the whole way."""
    tracks = [("vie", "mov_text", "Xin chào"), ("eng", "mov_text", "Hello")]
    clip = captioned.text_tracks(tmp_path_factory.mktemp("clips") / "c.mp4", tracks)
    return publish(services, putting(services), clip, NAME)


def read(services: Services, address: str) -> str:
    key = urljoin(f"clips/{NAME}/", address)
    return services.store.get(services.settings.media_bucket, key).body.decode()


def test_the_record_names_each_programme_as_a_track_element_wants_it(services: Services, published: ClipRecord) -> None:
    assert [(each.language, each.label, each.kind, each.is_default) for each in published.captions] == [
        ("vi", "Tiếng Việt", "subtitles", True),
        ("en", "English", "subtitles", False),
    ]
    for each, said in zip(published.captions, ["Xin chào", "Hello"], strict=True):
        whole = read(services, each.url)
        assert whole.startswith("WEBVTT\n")
        assert re.findall(r"^(\S+) --> (\S+)\n(.*)$", whole, re.MULTILINE) == [
            ("00:00:01.000", "00:00:02.500", said),
            ("00:00:04.000", "00:00:05.500", f"{said} again"),
        ]


def test_hls_and_dash_list_the_same_programmes_and_every_address_is_there(
    services: Services, published: ClipRecord
) -> None:
    assert published.hls
    main = read(services, published.hls)
    listed = re.findall(r'#EXT-X-MEDIA:TYPE=SUBTITLES.*LANGUAGE="(..)".*URI="([^"]*)"', main)
    assert [language for language, _ in listed] == ["vi", "en"]
    for _, address in listed:
        playlist = read(services, urljoin(published.hls, address))
        names = [line for line in playlist.splitlines() if not line.startswith("#")]
        assert names
        assert all(
            "X-TIMESTAMP-MAP" in read(services, urljoin(published.hls, urljoin(address, name))) for name in names
        )
        assert sum(map(float, re.findall(r"#EXTINF:([\d.]+)", playlist))) == pytest.approx(6, abs=0.1)
    assert published.dash
    root = ElementTree.fromstring(read(services, published.dash))  # noqa: S314 # our own
    mpd = "{urn:mpeg:dash:schema:mpd:2011}"
    base = urljoin(published.dash, root.findtext(f"{mpd}BaseURL") or "")
    files = [
        urljoin(base, each.findtext(f"{mpd}Representation/{mpd}BaseURL") or "")
        for each in root.iter(f"{mpd}AdaptationSet")
        if each.get("contentType") == "text"
    ]
    assert files == [each.url for each in published.captions]

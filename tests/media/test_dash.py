"""The DASH manifest: ISO/IEC 23009-1, read back as XML."""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree

from tasks.media import dash
from tasks.media.captions.selection import CaptionTrack, published
from tasks.media.captions.webvtt import Cue
from tasks.media.dash import Picture, Sound, Text
from tasks.media.ladder import PlannedRung
from tasks.media.mp4.boxes import Fragment, Header
from tasks.media.package import MediaPlaylist, Track

MPD = "{urn:mpeg:dash:schema:mpd:2011}"
AVC = Track(peak_bps=2_000_000, average_bps=1_500_000, codecs="avc1.64001f")
AAC = Track(peak_bps=130_000, average_bps=128_000, codecs="mp4a.40.2")


def fragment(decode_time: int, duration: int, start: int) -> Fragment:
    return Fragment(
        decode_time=decode_time,
        start=start,
        duration=duration,
        samples=1,
        offset=76,
        size_bytes=9,
        begins_with_key_frame=True,
    )


def picture(name: str, height: int, entry: str = "avc1", rate: Fraction = Fraction(25)) -> Picture:
    starts = (0, 25_600, 51_200)
    return Picture(
        name=name,
        rung=PlannedRung(
            name=name, width=height * 16 // 9, height=height, frame_rate=rate, crf=23, max_bitrate_bps=2_800_000
        ),
        track=AVC.evolve(codecs={"avc1": "avc1.64001f", "hvc1": "hvc1.1.6.L93.90"}[entry]),
        header=Header(timescale=12_800, edit_offset=-1024, entry=entry, configuration=b""),
        playlist=MediaPlaylist(
            init="init_0.mp4",
            segments=(("00000.m4s", 2.0), ("00001.m4s", 2.0), ("00002.m4s", 1.0)),
            is_complete=True,
        ),
        fragments=tuple(fragment(start, 12_800 if start == 51_200 else 25_600, start) for start in starts),
    )


def sound(name: str = "audio", language: str | None = None) -> Sound:
    return Sound(
        name=name,
        programme=name,
        language=language,
        sample_rate=48_000,
        track=AAC,
        header=Header(timescale=48_000, edit_offset=-1024, entry="mp4a", configuration=b""),
        playlist=MediaPlaylist(
            init="init_1.mp4", segments=(("00000.m4s", 2.005333), ("00001.m4s", 2.005333)), is_complete=True
        ),
        fragments=(fragment(0, 96_256, -1024), fragment(96_256, 96_256, 95_232)),
    )


def read(*args: list[Picture] | list[Sound] | list[Text]) -> ElementTree.Element:
    return ElementTree.fromstring(dash.manifest(*args))  # noqa: S314 # our own text


def test_a_static_manifest_points_beside_itself_to_the_segments_of_hls() -> None:
    root = read([picture("720p", 720)], [sound()])
    assert root.tag == f"{MPD}MPD"
    assert root.get("type") == "static"
    assert root.get("mediaPresentationDuration") == "PT5.000S"
    assert root.get("minBufferTime") == "PT2.005S"
    assert root.get("profiles") == "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
    assert root.findtext(f"{MPD}BaseURL") == "../hls/"
    template = root.find(f".//{MPD}Representation[@id='720p']/{MPD}SegmentTemplate")
    assert template is not None
    assert template.attrib == {
        "timescale": "12800",
        "initialization": "$RepresentationID$/init_0.mp4",
        "media": "$RepresentationID$/$Number%05d$.m4s",
        "startNumber": "0",
        "presentationTimeOffset": "0",
    }


def test_equal_segments_are_one_line_of_the_timeline_and_priming_is_left_out() -> None:
    root = read([picture("720p", 720)], [sound()])
    lines = [[dict(each.attrib) for each in timeline] for timeline in root.iter(f"{MPD}SegmentTimeline")]
    assert lines[0] == [{"t": "0", "d": "25600", "r": "1"}, {"d": "12800"}]
    # The first 1024 samples are the decoder's; the second segment begins where the first one's sound ends.
    assert lines[1] == [{"t": "0", "d": "95232"}, {"d": "96256"}]


def test_a_gap_between_segments_is_told_by_a_new_start() -> None:
    late = picture("720p", 720)
    moved = late.evolve(fragments=(*late.fragments[:2], fragment(52_000, 12_800, 52_000)))
    timeline = read([moved], []).find(f".//{MPD}SegmentTimeline")
    assert timeline is not None
    assert [dict(each.attrib) for each in timeline][-1] == {"t": "52000", "d": "12800"}


def test_representations_have_what_a_player_chooses_by() -> None:
    root = read([picture("720p", 720, rate=Fraction(30000, 1001)), picture("360p", 360)], [])
    chosen = [dict(each.attrib) for each in root.iter(f"{MPD}Representation")]
    assert chosen[0] == {
        "id": "720p",
        "codecs": "avc1.64001f",
        "bandwidth": "2000000",
        "width": "1280",
        "height": "720",
        "frameRate": "30000/1001",
        "sar": "1:1",
    }
    assert chosen[1]["frameRate"] == "25"
    sets = root.findall(f".//{MPD}AdaptationSet")
    assert [(each.get("maxWidth"), each.get("maxHeight"), each.get("segmentAlignment")) for each in sets] == [
        ("1280", "720", "true")
    ]


def test_codecs_do_not_share_an_adaptation_set() -> None:
    root = read([picture("720p", 720), picture("720p-hevc", 720, "hvc1"), picture("360p", 360)], [])
    sets = [[each.get("id") for each in made.iter(f"{MPD}Representation")] for made in root.iter(f"{MPD}AdaptationSet")]
    assert sets == [["720p", "360p"], ["720p-hevc"]]


def test_each_language_is_a_set_of_its_own_and_the_first_is_the_main_one() -> None:
    root = read([picture("720p", 720)], [sound(language="vi"), sound("audio-1", "en"), sound("audio-2")])
    sets = root.findall(f".//{MPD}AdaptationSet[@contentType='audio']")
    assert [each.get("lang") for each in sets] == ["vi", "en", None]
    assert [each.find(f"{MPD}Role").get("value") for each in sets] == [
        "main",
        "alternate",
        "alternate",
    ]
    representation = sets[0].find(f"{MPD}Representation")
    assert representation is not None
    assert representation.get("audioSamplingRate") == "48000"
    channels = representation.find(f"{MPD}AudioChannelConfiguration")
    assert channels is not None
    assert channels.get("value") == "2"


def test_captions_are_text_sets_of_one_file_each_with_the_roles_that_players_choose_by() -> None:
    cues = (Cue(start_s=1, end_s=2, text="Hello"),)
    tracks = [
        CaptionTrack(index=2, codec="mov_text", language="vi"),
        None,
        CaptionTrack(index=3, codec="mov_text", language="en", is_forced=True),
    ]
    texts = [Text(caption=each, bitrate_bps=64) for each in published([(track, cues) for track in tracks])]
    root = read([picture("720p", 720)], [], texts)
    sets = root.findall(f".//{MPD}AdaptationSet[@contentType='text']")
    assert [(each.get("id"), each.get("lang"), each.get("mimeType")) for each in sets] == [
        ("captions", "vi", "text/vtt"),
        ("captions-2", None, "text/vtt"),
        ("captions-3", "en", "text/vtt"),
    ]
    roles = [[role.get("value") for role in each.findall(f"{MPD}Role")] for each in sets]
    assert roles == [["main", "subtitle"], ["caption"], ["forced-subtitle"]]
    assert [each.find(f"{MPD}Accessibility") is not None for each in sets] == [False, True, False]
    assert [each.findtext(f"{MPD}Representation/{MPD}BaseURL") for each in sets] == [
        "captions/captions.vtt",
        "captions-2/captions.vtt",
        "captions-3/captions.vtt",
    ]
    assert sets[0].find(f"{MPD}Representation").get("bandwidth") == "64"

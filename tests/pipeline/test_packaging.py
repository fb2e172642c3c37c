"""Playlists, manifest and segments as they are published: every address and byte range is followed."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest

import config.ladders
from tasks.media import package
from tasks.media.ladder import read_ladder
from tasks.media.mp4 import boxes
from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.published import publish, putting

NAME = "120320_PACK1"
MPD = "{urn:mpeg:dash:schema:mpd:2011}"
# Every codec, small and fast; two GOPs in a segment.
LADDER = re.sub(
    r"\[\[rungs\]\].*", "", config.ladders.find("news").read_text(encoding="utf-8"), flags=re.DOTALL
).replace('preset = "veryfast"', 'preset = "superfast"').replace("gop_s = 2.0", "gop_s = 1.0") + "".join(
    f'\n[[rungs]]\nheight = {height}\ncodec = "{codec}"\ncrf = {crf}\nmax_bitrate_bps = 600_000\n'
    for height, codec, crf in [(180, "h264", 23), (180, "hevc", 26), (180, "av1", 35), (90, "h264", 24)]
)


class Published:
    """A published clip, and its files by address."""

    def __init__(self, services: Services, record: ClipRecord) -> None:
        self._services = services
        self.record = record

    def read(self, address: str) -> bytes:
        key = urljoin(f"clips/{NAME}/", address)
        return self._services.store.get(self._services.settings.media_bucket, key).body


@pytest.fixture(scope="module")
def published(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Published:
    services = replace(services, ladder=read_ladder(LADDER, "all.toml"))
    clip = clips.progressive(tmp_path_factory.mktemp("clips") / "p.mp4", seconds=5, size="320x180")
    return Published(services, publish(services, putting(services), clip, NAME))


def attributes(line: str) -> dict[str, str]:
    """The attribute list of RFC 8216, 4.2."""
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line)}


def test_each_codec_is_made_named_exactly_and_read_back_by_ffprobe(published: Published, tmp_path: Path) -> None:
    made = {each.name: each.codecs for each in published.record.renditions}
    assert list(made) == ["180p", "180p-hevc", "180p-av1", "90p"]
    assert made["180p"].startswith("avc1.64")
    assert re.fullmatch(r"hvc1\.1\.6\.L\d+\.90", made["180p-hevc"])
    assert re.fullmatch(r"av01\.0\.\d\dM\.08", made["180p-av1"])
    assert published.record.hls
    for name, tag, codec in [("180p-hevc", "hvc1", "hevc"), ("180p-av1", "av01", "av1"), ("180p", "avc1", "h264")]:
        folder = urljoin(published.record.hls, f"{name}/")
        playlist = package.read_media_playlist(published.read(folder + "index.m3u8").decode())
        whole = tmp_path / f"{name}.mp4"
        whole.write_bytes(
            b"".join(
                published.read(folder + each) for each in (playlist.init, *(name for name, _ in playlist.segments))
            )
        )
        shown = "stream=codec_name,codec_tag_string,width,height,nb_read_packets"
        command = [
            str(clips.FFPROBE),
            "-v",
            "error",
            "-count_packets",
            "-show_entries",
            shown,
            "-of",
            "json",
            str(whole),
        ]
        (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
        assert (stream["codec_name"], stream["codec_tag_string"]) == (codec, tag)
        assert (stream["width"], stream["height"], stream["nb_read_packets"]) == (320, 180, "125")


def test_the_progressive_file_is_h264_whatever_else_is_made(published: Published) -> None:
    (mp4,) = published.record.mp4
    assert (mp4.width, mp4.codecs.split(",")[0][:4], mp4.codecs.split(",")[1]) == (320, "avc1", "mp4a.40.2")


def test_cmaf_segments_are_one_fragment_that_begins_with_a_key_frame_and_follows_the_last(published: Published) -> None:
    assert published.record.hls
    for name in ["180p", "180p-hevc", "180p-av1", "90p", "audio"]:
        folder = urljoin(published.record.hls, f"{name}/")
        playlist = package.read_media_playlist(published.read(folder + "index.m3u8").decode())
        init = published.read(folder + playlist.init)
        brands = next(body for kind, body in boxes.boxes(init) if kind == "ftyp")
        assert b"cmfc" in brands
        header = boxes.read_header(init)
        fragments = [boxes.read_fragment(published.read(folder + each), header) for each, _ in playlist.segments]
        assert all(each.begins_with_key_frame for each in fragments)
        assert fragments[0].decode_time == 0
        for earlier, later in itertools.pairwise(fragments):
            assert later.decode_time == earlier.decode_time + earlier.duration
        # An empty edit would be passed over by browsers, and sound and picture would part.
        assert -1024 <= fragments[0].start <= 0
        assert sum(each.samples for each in fragments) * (1 if name == "audio" else 0.04) == pytest.approx(
            5 * 48_000 / 1024 if name == "audio" else 5, abs=3
        )


def test_apple_authoring_5_1_all_attributes_of_a_variant_are_given(published: Published) -> None:
    assert published.record.hls
    main = published.read(published.record.hls).decode()
    variants = [attributes(line) for line in main.splitlines() if line.startswith("#EXT-X-STREAM-INF:")]
    assert len(variants) == 4
    for each in variants:
        assert {"BANDWIDTH", "AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE", "CODECS", "AUDIO"} <= each.keys()
        assert int(each["BANDWIDTH"]) >= int(each["AVERAGE-BANDWIDTH"])


def test_apple_authoring_6_1_i_frame_playlists_are_there_and_each_range_decodes_to_one_picture(
    published: Published, tmp_path: Path
) -> None:
    assert published.record.hls
    main = published.read(published.record.hls).decode()
    tricks = [attributes(line) for line in main.splitlines() if line.startswith("#EXT-X-I-FRAME-STREAM-INF:")]
    assert [each["URI"] for each in tricks] == [f"{each.name}/iframes.m3u8" for each in published.record.renditions]
    for trick in tricks:
        assert "mp4a" not in trick["CODECS"]
        address = urljoin(published.record.hls, trick["URI"])
        text = published.read(address).decode()
        assert "#EXT-X-I-FRAMES-ONLY" in text
        assert text.endswith("#EXT-X-ENDLIST\n")
        durations = [float(found) for found in re.findall(r"#EXTINF:([\d.]+),", text)]
        (target,) = re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text)
        assert sum(durations) == pytest.approx(5, abs=0.05)
        assert max(durations) < int(target) + 0.5
        ranges = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text)
        assert len(ranges) == len(durations) == 3
        init = published.read(urljoin(address, re.findall(r'#EXT-X-MAP:URI="(.+)"', text)[0]))
        rates = []
        for (size, offset, segment), duration_s in zip(ranges, durations, strict=True):
            cut = published.read(urljoin(address, segment))[int(offset) :][: int(size)]
            assert len(cut) == int(size)
            one = tmp_path / "one.mp4"
            one.write_bytes(init + cut)
            command = [str(clips.FFMPEG), "-v", "error", "-i", str(one), "-frames:v", "1", "-f", "rawvideo", "pipe:1"]
            picture = subprocess.run(command, capture_output=True, check=False).stdout
            width, height = map(int, trick["RESOLUTION"].split("x"))
            assert len(picture) == width * height * 3 // 2
            rates.append(int(size) * 8 / duration_s)
        assert int(trick["BANDWIDTH"]) == pytest.approx(max(rates), rel=0.01)


def test_rfc_8216_4_3_3_1_no_segment_is_longer_than_the_target_duration_when_rounded(published: Published) -> None:
    assert published.record.hls
    for name in ["180p", "90p", "audio"]:
        text = published.read(urljoin(published.record.hls, f"{name}/index.m3u8")).decode()
        (target,) = re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text)
        assert all(float(found) < int(target) + 0.5 for found in re.findall(r"#EXTINF:([\d.]+),", text))
        assert "#EXT-X-VERSION:7" in text


def test_every_segment_of_the_dash_manifest_is_there_and_lasts_as_long_as_it_says(published: Published) -> None:
    assert published.record.dash
    assert published.record.dash.endswith("/dash/main.mpd")
    root = ElementTree.fromstring(published.read(published.record.dash).decode())  # noqa: S314 # our own
    base = urljoin(published.record.dash, root.findtext(f"{MPD}BaseURL") or "")
    names = []
    for each in root.iter(f"{MPD}Representation"):
        names.append(each.get("id"))
        template = each.find(f"{MPD}SegmentTemplate")
        assert template is not None
        read = [template.get("initialization", "").replace("$RepresentationID$", each.get("id", ""))]
        header = boxes.read_header(published.read(urljoin(base, read[0])))
        assert int(template.get("timescale", "")) == header.timescale
        time, number = 0, int(template.get("startNumber", ""))
        for line in template.iter(f"{MPD}S"):
            time = int(line.get("t", time))
            for _ in range(1 + int(line.get("r", "0"))):
                address = template.get("media", "").replace("$RepresentationID$", each.get("id", ""))
                segment = published.read(urljoin(base, address.replace("$Number%05d$", f"{number:05d}")))
                assert max(0, boxes.read_fragment(segment, header).start) == time
                time += int(line.get("d", ""))
                number += 1
        assert time / header.timescale == pytest.approx(5, abs=0.05)
    assert names == ["180p", "90p", "180p-hevc", "180p-av1", "audio"]

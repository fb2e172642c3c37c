"""The way of a clip that is only heard: its own ladder, a waveform or the cover as its poster, no storyboard."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tasks.errors import SourceRejected
from tasks.media import package
from tasks.media.source import SoundSource
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline.examine import probe
from tasks.pipeline.examine_sound import listen
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.pipeline.published import Put, levels

TONE = "sine=frequency=997:sample_rate=48000:duration=5,volume=0.8,aformat=channel_layouts=stereo"
QUIET_THEN_LOUD = "aevalsrc='0.5*sin(2*PI*500*t)*gt(t,2.5)':sample_rate=48000:duration=5"
DASH = "{urn:mpeg:dash:schema:mpd:2011}"


def published(services: Services, put: Put, name: str, source: Path, *, pictures_first: bool = True) -> ClipRecord:
    key = f"clips/{name}{source.suffix}"
    put(key, source)
    ingest(services, key)
    if pictures_first:
        thumbnails(services, name)
    transcode(services, name)
    record = services.clips.get(name)
    assert record is not None
    return record


def body(services: Services, record: ClipRecord, url: str | None) -> bytes:
    assert url is not None
    return services.store.get(services.settings.media_bucket, f"clips/{record.name}/{url}").body


def probed(path: Path) -> dict[str, list[dict[str, str]]]:
    command = [str(clips.FFPROBE), "-v", "error", "-show_streams", "-of", "json", str(path)]
    answer: dict[str, list[dict[str, str]]] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return answer


def _rates(playlist: str) -> list[tuple[str, str]]:
    return re.findall(r"BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+)", playlist)


def columns(still: bytes, path: Path) -> list[float]:
    """How bright the left and the right half of a picture are, 0 to 255."""
    path.write_bytes(still)
    command = [str(clips.FFMPEG), "-v", "error", "-i", str(path), "-vf", "scale=2:1:flags=area,format=gray"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return [float(value) for value in raw]


def test_sound_alone_becomes_a_clip_with_its_own_ladder_and_its_waveform(
    services: Services, put: Put, tmp_path: Path
) -> None:
    source = clips.make(tmp_path / "a.wav", "-f", "lavfi", "-i", QUIET_THEN_LOUD)
    record = published(services, put, "120312_TIENG1", source)
    assert record.state is ClipState.READY, record.failure
    assert record.source.video is None
    assert record.source.duration_s == pytest.approx(5, abs=0.05)
    assert (record.mp4, record.renditions, record.storyboard) == ((), (), None)
    assert not record.lacks_pictures
    assert record.sound[0].loudness is not None

    main = body(services, record, record.hls).decode()
    variant = r'#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="([^"]+)"\n(.+)'
    assert re.findall(variant, main) == [
        (*_rates(main)[number], "mp4a.40.2", f"audio-{rate}k/index.m3u8") for number, rate in enumerate((128, 64))
    ]
    (fast_peak, fast), (_, slow) = (map(int, each) for each in _rates(main))
    assert fast_peak >= fast > slow
    base = (record.hls or "").rpartition("/")[0]
    for rate in (128, 64):
        media = package.read_media_playlist(body(services, record, f"{base}/audio-{rate}k/index.m3u8").decode())
        assert media.is_complete
        assert media.duration_s == pytest.approx(5, abs=0.1)

    manifest = ElementTree.fromstring(body(services, record, record.dash))  # noqa: S314 # our own
    sets = manifest.findall(f".//{DASH}AdaptationSet")
    assert [each.get("contentType") for each in sets] == ["audio"]
    assert len(sets[0].findall(f"{DASH}Representation")) == 2

    (file,) = record.audio
    assert file.type == "audio/mp4"
    m4a = tmp_path / "fetched.m4a"
    m4a.write_bytes(body(services, record, file.url))
    assert m4a.stat().st_size == file.size_bytes
    (stream,) = probed(m4a)["streams"]
    assert (stream["codec_name"], stream["profile"]) == ("aac", "LC")
    assert float(stream["duration"]) == pytest.approx(5, abs=0.1)

    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == (1280, 720)
    assert {each.type for each in record.poster.sources} == {"image/avif", "image/webp", "image/jpeg"}
    quiet, loud = columns(body(services, record, record.poster.url), tmp_path / "poster.jpg")
    assert loud > quiet + 20


@pytest.mark.parametrize("kind", ["jpg", "bmp", "gif", "webp", "tiff"])
def test_the_cover_is_the_poster_where_there_is_one(services: Services, put: Put, tmp_path: Path, kind: str) -> None:
    cover = clips.make(tmp_path / f"c.{kind}", "-f", "lavfi", "-i", "color=red:size=500x500", "-frames:v", "1")
    source = clips.make(
        tmp_path / "a.mp3",
        *("-f", "lavfi", "-i", TONE, "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy"),
        *("-disposition:v", "attached_pic"),
    )
    record = published(services, put, f"120312_TIENG{kind}", source, pictures_first=False)
    assert record.state is ClipState.READY, record.failure
    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == (500, 500)
    red = columns(body(services, record, record.poster.url), tmp_path / "poster.jpg")
    assert red == pytest.approx([76, 76], abs=10)


def test_a_cover_that_cannot_be_decoded_gives_way_to_the_waveform(services: Services, put: Put, tmp_path: Path) -> None:
    cover = clips.make(tmp_path / "c.png", "-f", "lavfi", "-i", "testsrc=size=200x200", "-frames:v", "1")
    source = clips.make(
        tmp_path / "a.m4a",
        *("-f", "lavfi", "-i", TONE, "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy"),
        *("-disposition:v", "attached_pic"),
    )
    data = source.read_bytes()
    # Its head says what it is; what follows is gone.
    start = data.index(b"IDAT")
    source.write_bytes(data[:start] + bytes(2000) + data[start + 2000 :])
    record = published(services, put, "120312_TIENG3", source)
    assert record.state is ClipState.READY, record.failure
    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == (1280, 720)


@pytest.mark.parametrize(("file", "codec"), [("a.aac", "aac"), ("a.wma", "wmav2")])
def test_sound_whose_length_no_container_tells_exactly_is_published_with_its_true_length(
    services: Services, put: Put, tmp_path: Path, file: str, codec: str
) -> None:
    source = clips.make(tmp_path / file, "-f", "lavfi", "-i", TONE, "-c:a", codec)
    record = published(services, put, f"sound in {file[2:]}", source)
    assert record.state is ClipState.READY, record.failure
    assert record.source.duration_s == pytest.approx(5, abs=0.15)
    assert {warning.code for warning in record.warnings} <= {"name_unconventional", "loudness_missed"}


@pytest.mark.parametrize(
    ("file", "codec"),
    [
        ("a.ac3", "ac3"),
        ("a.aiff", "pcm_s16be"),
        ("a.caf", "alac"),
        ("a.eac3", "eac3"),
        ("a.flac", "flac"),
        ("a.mp2", "mp2"),
        ("a.oga", "libvorbis"),
        ("a.opus", "libopus"),
        ("a.w64", "pcm_s24le"),
    ],
)
def test_the_formats_of_recorders_and_archives_are_heard(
    services: Services, tmp_path: Path, file: str, codec: str
) -> None:
    source = clips.make(tmp_path / file, "-f", "lavfi", "-i", TONE, "-c:a", codec)
    assert keys.extension(file) in keys.CLIP_EXTENSIONS
    source.rename(tmp_path / SOURCE_FILE)
    found = probe(services, tmp_path)
    assert isinstance(found, SoundSource)
    (fact,) = listen(services, tmp_path, found, services.ladder.audio).facts
    assert fact.loudness is not None
    assert fact.loudness.integrated_lufs == pytest.approx(-23, abs=1)


def test_every_language_is_in_the_group_of_every_bit_rate(services: Services, put: Put, tmp_path: Path) -> None:
    source = clips.make(
        tmp_path / "a.mka",
        *("-f", "lavfi", "-i", TONE, "-f", "lavfi", "-i", TONE.replace("997", "440"), "-map", "0", "-map", "1"),
        *("-c:a", "flac", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=vie"),
    )
    record = published(services, put, "120312_TIENG4", source)
    assert record.state is ClipState.READY, record.failure
    text = body(services, record, record.hls).decode()
    assert re.findall(r'GROUP-ID="([^"]+)",NAME="[^"]+",LANGUAGE="(\w+)",DEFAULT=(\w+)', text) == [
        ("sound-128k", "vi", "YES"),
        ("sound-64k", "vi", "YES"),
        ("sound-128k", "en", "NO"),
        ("sound-64k", "en", "NO"),
    ]
    assert text.count("#EXT-X-STREAM-INF:") == 2
    manifest = ElementTree.fromstring(body(services, record, record.dash))  # noqa: S314 # our own
    assert [each.get("lang") for each in manifest.findall(f".//{DASH}AdaptationSet")] == ["vi", "en"]


def test_a_file_with_neither_picture_nor_sound_is_refused(services: Services, put: Put, tmp_path: Path) -> None:
    captions = tmp_path / "c.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:02,000\nXin chào\n")
    source = clips.make(tmp_path / "a.mkv", "-i", str(captions))
    with pytest.raises(SourceRejected):
        published(services, put, "120312_TIENG5", source, pictures_first=False)
    record = services.clips.get("120312_TIENG5")
    assert record is not None
    assert record.state is ClipState.FAILED
    assert record.failure is not None
    assert record.failure.code == "no_video"
    assert "neither a picture nor sound" in record.failure.message


def test_noise_that_calls_itself_sound_is_refused(services: Services, put: Put, tmp_path: Path) -> None:
    source = tmp_path / "a.mp3"
    source.write_bytes(bytes(range(256)) * 200)
    put("clips/120312_TIENG6.mp3", source)
    ingest(services, "clips/120312_TIENG6.mp3")
    thumbnails(services, "120312_TIENG6")
    record = services.clips.get("120312_TIENG6")
    assert record is not None
    assert record.state is ClipState.FAILED
    assert record.failure is not None
    assert record.failure.code in ("unreadable", "undecodable")


def test_immersive_sound_in_several_streams_is_heard_whole(services: Services, put: Put, tmp_path: Path) -> None:
    # The streams as IAMF has them: front left and right, those behind, the centre, the low frequencies.
    tones = (300, 500, 2000, 3000, 1000, 60)
    inputs = [
        word
        for hertz in tones
        for word in ("-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration=4")
    ]
    graph = "[0][1]join=map=0.0-FL|1.0-FR[a];[2][3]join=map=0.0-FL|1.0-FR[b];[4]anull[c];[5]anull[d]"
    maps = [word for name in "abcd" for word in ("-map", f"[{name}]")]
    ids = [word for number in range(4) for word in ("-streamid", f"{number}:{number}")]
    element = "type=iamf_audio_element:id=1:st=0:st=1:st=2:st=3:audio_element_type=channel,layer=ch_layout=5.1(side)"
    mix = "type=iamf_mix_presentation:id=3:stg=0:annotations=en-us=Mix,submix=parameter_id=100:parameter_rate=48000"
    mix += "|element=stg=0:parameter_id=100:annotations=en-us=Submix|layout=sound_system=stereo"
    groups = ("-stream_group", element, "-stream_group", mix)
    source = clips.make(tmp_path / "a.mp4", *inputs, "-filter_complex", graph, *maps, *groups, "-c:a", "libopus", *ids)
    record = published(services, put, "120312_TIENG7", source)
    assert record.state is ClipState.READY, record.failure
    assert [track.layout for track in record.source.audio] == [
        "2 channels (FL+FR)",
        "2 channels (SL+SR)",
        "1 channels (FC)",
        "1 channels (LFE)",
    ]
    assert [sound.tracks for sound in record.sound] == [(1, 2, 3, 4)]
    made = tmp_path / "made.m4a"
    made.write_bytes(body(services, record, record.audio[0].url))
    left, right, behind, _, centre, low = levels(made, *tones)
    assert right[1] == pytest.approx(left[0], rel=0.05)
    assert centre == pytest.approx((0.7071 * left[0], 0.7071 * left[0]), rel=0.05)
    assert behind == pytest.approx((0.7071 * left[0], 0), rel=0.05, abs=0.005)
    assert low == pytest.approx((0, 0), abs=0.005)

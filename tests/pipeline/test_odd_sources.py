"""Sources that are odd in their containers: narrow crops, no length, attached pictures beside a picture that moves."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tasks.errors import SourceRejected
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.adapters.test_mending import squeezed
from tests.pipeline.published import Published, Put, messages, publish

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


def test_a_stream_without_container_is_published_with_its_true_length(
    services: Services, put: Put, tmp_path: Path
) -> None:
    raw = clips.make(tmp_path / "raw.h264", *PICTURE, *H264)
    source = raw.rename(tmp_path / "raw.mpg")
    record = publish(services, put, source, "raw")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert record.mp4[0].size_bytes
    assert record.storyboard is not None


def test_what_was_sent_live_and_tells_no_length_is_published_with_it(
    services: Services, put: Put, tmp_path: Path
) -> None:
    live = ("-c:a", "libopus", "-live", "1")
    source = clips.make(tmp_path / "live.mkv", *PICTURE, *SOUND, *H264, *live)
    record = publish(services, put, source, "live")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("ending", ["mkv", "flv"])
def test_what_begins_hours_after_its_clock_did_is_published_with_its_true_length(
    services: Services, put: Put, tmp_path: Path, ending: str
) -> None:
    coded = (*H264, "-c:a", "aac", "-output_ts_offset", "80000")
    untold = ("-flvflags", "no_duration_filesize") if ending == "flv" else ()
    source = clips.make(tmp_path / f"late.{ending}", *PICTURE, *SOUND, *coded, *untold)
    record = publish(services, put, source, f"late {ending}")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert "truncated" not in {each.code for each in record.warnings}


def test_a_picture_that_begins_long_after_the_sound_is_published_in_step(
    services: Services, put: Put, tmp_path: Path
) -> None:
    late = ("-itsoffset", "8", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3")
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=11")
    source = clips.make(tmp_path / "a.ts", *late, *sound, *H264, "-c:a", "mp2")
    made = Published(services, put, source, tmp_path)
    assert made.record.source.video is not None
    assert made.record.source.video.width == 320
    assert made.record.poster is not None
    assert made.record.source.duration_s == pytest.approx(11, abs=0.2)
    seen = messages(made.mp4, "-map", "0:v", "-vf", "freezedetect=n=0.003:d=5")
    ended_s = re.search(r"freeze_end: ([\d.]+)", seen)
    assert ended_s is not None
    assert float(ended_s[1]) == pytest.approx(8, abs=0.1)


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


def on_its_own_clock(path: Path, start_s: int, length_s: int) -> bytes:
    """A transport stream whose clock begins there."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={length_s}")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={length_s}")
    return clips.make(path, *picture, *sound, *H264, "-c:a", "mp2", "-output_ts_offset", str(start_s)).read_bytes()


@pytest.mark.parametrize(
    ("starts_s", "length_s"),
    # A step of less than ten seconds ffmpeg takes for a gap, and fills it.
    [((0, 0), 11), ((0, 20_000), 3), ((20_000, 0), 3), ((30, 0), 3)],
)
def test_recordings_that_were_joined_are_one_clip_of_their_length(
    services: Services, put: Put, tmp_path: Path, starts_s: tuple[int, int], length_s: int
) -> None:
    source = tmp_path / "joined.ts"
    parts = [on_its_own_clock(tmp_path / f"{number}.ts", at_s, length_s) for number, at_s in enumerate(starts_s)]
    source.write_bytes(b"".join(parts))
    record = publish(services, put, source, f"joined {starts_s}")
    assert record.source.duration_s == pytest.approx(2 * length_s, abs=0.2)
    assert "truncated" not in {warning.code for warning in record.warnings}
    assert record.poster is not None
    assert record.poster.time_s < 2 * length_s
    assert record.storyboard is not None
    assert record.storyboard.interval_s <= 2


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


def codes(record: ClipRecord) -> set[str]:
    return {each.code for each in record.warnings}


def with_pictures_dropped(path: Path, count: int) -> None:
    """Empty the last chunks of pictures of an AVI; what was in them becomes unused."""
    data = bytearray(path.read_bytes())
    index = data.rindex(b"idx1")
    entries = range(index + 8, index + 8 + struct.unpack_from("<I", data, index + 4)[0], 16)
    pictures = [place for place in entries if data[place : place + 4] == b"00dc"]
    movie = data.index(b"movi")
    for entry in pictures[-count:]:
        place, size = struct.unpack_from("<II", data, entry + 8)
        struct.pack_into("<I4sI", data, movie + place + 4, 0, b"JUNK", size - 8)
        struct.pack_into("<I", data, entry + 12, 0)
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_the_last_picture_is_shown_as_long_as_pictures_were_dropped(
    services: Services, put: Put, tmp_path: Path, codec: str
) -> None:
    source = clips.make(tmp_path / "a.avi", *PICTURE, *SOUND, "-c:v", codec, "-c:a", "pcm_s16le")
    with_pictures_dropped(source, 40)
    made = Published(services, put, source, tmp_path)
    assert not {"truncated", "picture_ends_early"} & made.codes()
    assert len(re.findall(r" n: *\d+ ", messages(made.mp4, "-map", "0:v", "-vf", "showinfo"))) == 75
    # One that is cut off is not made longer.
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    assert "truncated" in codes(publish(services, put, source, f"dropped and cut {codec}"))


def with_packets_emptied(path: Path, count: int) -> None:
    """Empty the last packets of Theora in an Ogg file of which each page has one packet (RFC 3533)."""
    data = path.read_bytes()
    pages: list[bytes] = []
    while data:
        laces = data[27 : 27 + data[26]]
        size = 27 + len(laces) + sum(laces)
        pages.append(data[:size])
        data = data[size:]
    serial = next(page[14:18] for page in pages if b"theora" in page[:64])
    pictures = [number for number, page in enumerate(pages) if page[14:18] == serial]
    for number in pictures[-count:]:
        page = bytearray(pages[number][:26]) + bytes((1, 0))
        page[22:26] = bytes(4)
        remainder = 0
        for byte in page:
            remainder ^= byte << 24
            for _ in range(8):
                remainder = (remainder << 1 ^ (0x04C11DB7 if remainder >> 31 else 0)) & 0xFFFFFFFF
        page[22:26] = remainder.to_bytes(4, "little")
        pages[number] = bytes(page)
    path.write_bytes(b"".join(pages))


def test_the_last_picture_is_shown_as_long_as_it_is_repeated(services: Services, put: Put, tmp_path: Path) -> None:
    coded = ("-c:v", "libtheora", "-c:a", "libvorbis", "-ar", "44100", "-page_duration", "1")
    source = clips.make(tmp_path / "a.ogv", *PICTURE, *SOUND, *coded)
    with_packets_emptied(source, 30)
    made = Published(services, put, source, tmp_path)
    assert not {"truncated", "picture_ends_early"} & made.codes()
    assert len(re.findall(r" n: *\d+ ", messages(made.mp4, "-map", "0:v", "-vf", "showinfo"))) == 75


def test_an_index_that_is_damaged_so_that_the_sound_ends_early_is_told_of(
    services: Services, put: Put, tmp_path: Path
) -> None:
    source = clips.make(tmp_path / "a.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac")
    assert "sound_ends_early" not in codes(publish(services, put, source, "sound to its end"))
    # Of the sound's samples, whose table is the last one, all but the first ones lose their sizes.
    content = bytearray(source.read_bytes())
    count = content.rindex(b"stsz") + 12
    struct.pack_into(">I", content, count, struct.unpack_from(">I", content, count)[0] // 6)
    source.write_bytes(content)
    record = publish(services, put, source, "sound ends early")
    (message,) = (each.message for each in record.warnings if each.code == "sound_ends_early")
    assert re.match(r"The sound ends at 0:0[01], while the picture goes on to 0:03\.", message)


def test_sound_that_goes_on_behind_the_picture_counts_in_a_stream(services: Services, put: Put, tmp_path: Path) -> None:
    longer = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=12")
    source = clips.make(tmp_path / "a.ts", *PICTURE, *longer, *H264, "-c:a", "mp2")
    record = publish(services, put, source, "sound goes on")
    assert record.source.duration_s == pytest.approx(12, abs=0.2)
    (message,) = (each.message for each in record.warnings if each.code == "picture_ends_early")
    assert "The picture ends at 0:03, while the sound goes on to 0:12." in message


@pytest.mark.parametrize(("file", "codec"), [("a.mp4", "aac"), ("a.mov", "pcm_s16le")])
def test_the_whole_part_of_a_file_that_was_laid_out_beforehand_is_published(
    services: Services, put: Put, tmp_path: Path, file: str, codec: str
) -> None:
    # A transfer that broke off at a quarter: the index is there, and the rest is zeros.
    source = clips.make(tmp_path / file, *PICTURE, *SOUND, *H264, "-c:a", codec, "-movflags", "+faststart")
    data = source.read_bytes()
    media = data.index(b"mdat") + 8
    kept = media + (len(data) - media) // 4
    source.write_bytes(data[:kept] + bytes(len(data) - kept))
    record = publish(services, put, source, f"laid out {file[-3:]}")
    assert "truncated" in {warning.code for warning in record.warnings}
    assert record.poster is not None


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


def test_an_encrypted_file_is_refused_as_such(services: Services, put: Put, tmp_path: Path) -> None:
    key = [*("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")]
    key += ["-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]
    put("clips/encrypted.mp4", clips.make(tmp_path / "a.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac", *key))
    ingest(services, "clips/encrypted.mp4")
    with pytest.raises(SourceRejected, match="encrypted"):
        transcode(services, "encrypted")
    record = services.clips.get("encrypted")
    assert record is not None
    assert record.failure is not None
    assert record.failure.code == "encrypted"


def test_captions_that_go_on_behind_the_clip_do_not_count_in_its_length(
    services: Services, put: Put, tmp_path: Path
) -> None:
    captions = tmp_path / "c.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:30,000\nXin chào\n", encoding="utf-8")
    source = clips.make(tmp_path / "a.mkv", *PICTURE, *SOUND, "-i", str(captions), *H264, "-c:a", "aac")
    record = publish(services, put, source, "long captions")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert len(record.captions) == 1

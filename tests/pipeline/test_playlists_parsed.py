"""The playlists as an independent parser reads them: what was published is all there, and nothing is misunderstood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import m3u8
import pytest

from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.published import publish

SECONDS = 5
WORDS = "1\n00:00:01,000 --> 00:00:02,000\nXin chào\n"


@pytest.fixture(scope="module")
def record(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ClipRecord:
    """A clip of two rungs, two languages and captions."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "words.srt").write_text(WORDS, encoding="utf-8")
    tones = [argument for hertz in (440, 880) for argument in ("-f", "lavfi", "-i", f"sine={hertz}:duration={SECONDS}")]
    source = clips.make(
        folder / "a.mkv",
        *("-f", "lavfi", "-i", f"testsrc2=size=960x540:rate=25:duration={SECONDS}", *tones),
        *("-i", str(folder / "words.srt"), "-map", "0", "-map", "1", "-map", "2", "-map", "3"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=vie", "-metadata:s:a:1", "language=eng", "-metadata:s:s:0", "language=vie"),
    )

    def put(key: str, content: Path | bytes) -> str:
        body = content.read_bytes() if isinstance(content, Path) else content
        return services.store.put(services.settings.incoming_bucket, key, body, content_type="video/x-matroska")

    return publish(services, put, source, "parsed")


def read(services: Services, record: ClipRecord, url: str) -> Any:
    key = urljoin(f"clips/{record.name}/", url)
    return m3u8.loads(services.store.get(services.settings.media_bucket, key).body.decode(), uri=url)


def sized(services: Services, record: ClipRecord, url: str) -> int:
    key = urljoin(f"clips/{record.name}/", url)
    return len(services.store.get(services.settings.media_bucket, key).body)


def listed(main: Any) -> Iterator[str]:
    """Every media playlist of segments."""
    yield from (each.uri for each in main.playlists)
    yield from (each.uri for each in main.media)


def test_the_multivariant_playlist_tells_what_was_made(services: Services, record: ClipRecord) -> None:
    assert record.hls
    main = read(services, record, record.hls)
    assert main.is_variant
    assert main.is_independent_segments
    told = [(*each.stream_info.resolution, each.stream_info.frame_rate) for each in main.playlists]
    assert told == [(each.width, each.height, each.frame_rate) for each in record.renditions]
    assert len(main.iframe_playlists) == len(record.renditions)
    for each, rendition in zip(main.playlists, record.renditions, strict=True):
        assert rendition.codecs in each.stream_info.codecs
        assert each.stream_info.average_bandwidth <= each.stream_info.bandwidth
        assert {medium.type for medium in each.media} == {"AUDIO", "SUBTITLES"}
    heard = [medium for medium in main.media if medium.type == "AUDIO"]
    assert {medium.language for medium in heard} == {sound.language for sound in record.sound}
    assert [medium.default for medium in heard].count("YES") == 1


def test_every_media_playlist_is_whole_and_lasts_as_long_as_the_clip(services: Services, record: ClipRecord) -> None:
    assert record.hls
    for uri in listed(read(services, record, record.hls)):
        url = urljoin(record.hls, uri)
        media = read(services, record, url)
        assert media.is_endlist, url
        assert sum(each.duration for each in media.segments) == pytest.approx(SECONDS, abs=0.1), url
        assert max(round(each.duration) for each in media.segments) <= media.target_duration, url
        for each in media.segments:
            assert sized(services, record, urljoin(url, each.uri)), each.uri


def test_every_range_of_an_i_frame_playlist_lies_in_its_segment(services: Services, record: ClipRecord) -> None:
    assert record.hls
    for each in read(services, record, record.hls).iframe_playlists:
        url = urljoin(record.hls, each.uri)
        media = read(services, record, url)
        assert media.is_i_frames_only
        for picture in media.segments:
            length, offset = map(int, picture.byterange.split("@"))
            assert 0 < length <= sized(services, record, urljoin(url, picture.uri)) - offset

"""Fetching everything that a record names: playlists and storyboards are followed, and every fault is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote

import pytest

from tasks.records.clip_facts import Mp4, Poster, SourceFacts, Storyboard
from tasks.records.clip_record import ClipRecord, ClipState
from workers.demo.fetch import fetch_everything, references

NAME = "120320_OHAI1 Đê"
FILES = {
    "clip.json": b"{}",
    "v1/hls/main.m3u8": b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio/index.m3u8"\n'
    b"#EXT-X-STREAM-INF:BANDWIDTH=1\n360p/index.m3u8\n",
    "v1/hls/360p/index.m3u8": b'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4,\n00000.m4s\n#EXTINF:4,\n00001.m4s\n',
    "v1/hls/360p/init.mp4": b"init",
    "v1/hls/360p/00000.m4s": b"one",
    "v1/hls/360p/00001.m4s": b"two",
    "v1/hls/audio/index.m3u8": b'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4,\n00000.m4s\n',
    "v1/hls/audio/init.mp4": b"init",
    "v1/hls/audio/00000.m4s": b"sound",
    "v1/mp4/720p.mp4": b"film" * 100_000,
    "v1/poster.jpg": b"still",
    "v1/storyboard.vtt": b"WEBVTT\n\n00:00.000 --> 00:02.000\nsheet-0.jpg#xywh=0,0,160,90\n",
    "v1/sheet-0.jpg": b"tiles",
}


class Media(BaseHTTPRequestHandler):
    """Serves `files`; those in ``short`` with one byte less than promised."""

    files: ClassVar[dict[str, bytes]] = {}
    short: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        path = unquote(self.path).removeprefix(f"/media/clips/{NAME}/")
        body = self.files.get(path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-1] if path in self.short else body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Media, "files", dict(FILES))
    monkeypatch.setattr(Media, "short", set())
    with ThreadingHTTPServer(("127.0.0.1", 0), Media) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def record() -> ClipRecord:
    return ClipRecord(
        name=NAME,
        version="v1",
        state=ClipState.READY,
        updated_at=datetime(2020, 12, 3, tzinfo=UTC),
        source=SourceFacts(key=f"clips/{NAME}.mp4", etag="e", size_bytes=1),
        hls="v1/hls/main.m3u8",
        mp4=(Mp4(url="v1/mp4/720p.mp4", width=1280, height=720, bitrate_bps=1, size_bytes=400_000, codecs="avc1"),),
        poster=Poster(url="v1/poster.jpg", width=1280, height=720, time_s=1),
        storyboard=Storyboard(vtt="v1/storyboard.vtt", images=("v1/sheet-0.jpg",), interval_s=2),
    )


def test_every_file_is_fetched_once(gateway: str, record: ClipRecord) -> None:
    fetched = fetch_everything(gateway, [record])
    assert fetched.faults == ()
    assert fetched.files == len(FILES)
    assert fetched.size_bytes == sum(map(len, FILES.values()))


@pytest.mark.parametrize("missing", [name for name in FILES if name != "clip.json"])
def test_whatever_is_missing_is_named(gateway: str, record: ClipRecord, missing: str) -> None:
    del Media.files[missing]
    [fault] = fetch_everything(gateway, [record]).faults
    assert fault.endswith(f"/{missing}: HTTP 404")


def test_an_empty_and_a_short_file_are_faults(gateway: str, record: ClipRecord) -> None:
    Media.files["v1/hls/360p/init.mp4"] = b""
    Media.short.add("v1/mp4/720p.mp4")
    faults = fetch_everything(gateway, [record]).faults
    assert [fault.rsplit("/", 1)[-1] for fault in faults] == [
        "720p.mp4: 399999 of 400000 bytes came",
        "init.mp4: empty",
    ]


def test_a_record_that_names_too_little_is_a_fault(gateway: str, record: ClipRecord) -> None:
    faults = fetch_everything(gateway, [record.evolve(hls=None, mp4=(), poster=None)]).faults
    assert faults == tuple(f"{NAME}: its record names no {what}" for what in ("HLS playlist", "MP4", "poster"))


def test_a_gateway_that_is_away_is_a_fault_for_each_file(record: ClipRecord) -> None:
    fetched = fetch_everything("http://127.0.0.1:1", [record])
    assert fetched.size_bytes == 0
    assert len(fetched.faults) == fetched.files == 6


def test_addresses_are_relative_to_the_file_that_names_them() -> None:
    playlist = '#EXTM3U\n#EXT-X-MAP:URI="../init.mp4"\n#EXTINF:4,\na b.m4s\n'
    assert list(references("http://host/media/x/y/index.m3u8?t=1", playlist)) == [
        "http://host/media/x/y/a b.m4s",
        "http://host/media/x/init.mp4",
    ]
    assert list(references("http://host/film.mp4", playlist)) == []

"""A clip that went the whole way, fetched back, and what ffmpeg measures of its sound."""

from __future__ import annotations

import math
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from tasks.media import encode
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips

Put = Callable[[str, Path | bytes], str]

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=4")

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2")


def putting(services: Services) -> Put:
    """What puts an upload into the incoming bucket, for a fixture of a whole module."""

    def put(key: str, upload: Path | bytes) -> str:
        body = upload if isinstance(upload, bytes) else upload.read_bytes()
        return services.store.put(services.settings.incoming_bucket, key, body, content_type="application/octet-stream")

    return put


def publish(services: Services, put: Put, source: Path, name: str) -> ClipRecord:
    """The record of a clip that went all the way under that name."""
    key = f"clips/{name}{source.suffix}"
    put(key, source)
    ingest(services, key)
    thumbnails(services, name)
    transcode(services, name)
    record = services.clips.get(name)
    assert record is not None
    assert record.state is ClipState.READY, record.failure
    return record


def codes(record: ClipRecord) -> set[str]:
    """The codes of its warnings."""
    return {each.code for each in record.warnings}


class Published:
    """A clip that went the whole way, its files fetched into a folder."""

    def __init__(self, services: Services, put: Put, source: Path, folder: Path) -> None:
        name = f"s{abs(hash(str(source)))}"
        record = publish(services, put, source, name)
        self.record: ClipRecord = record
        self._services, self._name, self._folder = services, name, folder
        self.main = self._fetch(record.hls or "").read_text()
        self.mp4 = self._fetch(record.mp4[0].url)

    def track(self, name: str) -> Path:
        """A rendition's media playlist, its segments beside it."""
        base = (self.record.hls or "").rpartition("/")[0]
        playlist = self._fetch(f"{base}/{name}/{encode.MEDIA_PLAYLIST}")
        text = playlist.read_text()
        for file in re.findall(r'URI="([^"]+)"', text) + [line for line in text.splitlines() if line[:1] not in "#"]:
            self._fetch(f"{base}/{name}/{file}")
        return playlist

    def codes(self) -> set[str]:
        return {notice.code for notice in self.record.warnings}

    def _fetch(self, url: str) -> Path:
        path = self._folder / "published" / url
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket = self._services.settings.media_bucket
        path.write_bytes(self._services.store.get(bucket, f"clips/{self._name}/{url}").body)
        return path


def messages(path: Path, *arguments: str) -> str:
    """What ffmpeg says of our own file."""
    command = [str(clips.FFMPEG), "-nostdin", "-hide_banner", "-nostats", "-copyts", "-i", str(path), *arguments]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True, timeout=60)
    return done.stderr


def loudness(path: Path) -> tuple[float, float]:
    """Integrated LUFS and true peak in dBTP."""
    told = messages(path, "-map", "0:a:0", "-af", "ebur128=peak=true:framelog=quiet")
    figures = [re.findall(pattern, told)[-1] for pattern in (r"I:\s+(\S+) LUFS", r"Peak:\s+(\S+) dBFS")]
    return float(figures[0]), float(figures[1])


def levels(path: Path, *hertz: int) -> list[tuple[float, float]]:
    """The amplitude of each frequency, left and right, over the third second (Goertzel)."""
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-ss", "2", "-t", "1", "-i", str(path), "-map", "0:a:0"]
    raw = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True, timeout=60).stdout
    samples = struct.unpack(f"<{len(raw) // 4}f", raw)
    return [(_amplitude(samples[::2], each), _amplitude(samples[1::2], each)) for each in hertz]


def _amplitude(samples: tuple[float, ...], hertz: int) -> float:
    turn = 2 * math.cos(2 * math.pi * hertz / 48000)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    return 2 * math.sqrt(max(0.0, one * one + two * two - turn * one * two)) / len(samples)

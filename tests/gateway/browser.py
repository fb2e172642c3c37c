"""Pages under watch in a real Chromium, and clips for them to play."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tests import clips
from tests.gateway import samples

SECONDS = 6
_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}


@contextmanager
def watched(browser: Browser, host: str, **options: object) -> Iterator[Page]:
    """A page in a context of its own; at its end it has shown no error, and has asked nobody but the host."""
    context = browser.new_context(**options)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(host) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []


def publish_media(store: ObjectStore, bucket: str, name: str, *, hue: int = 0) -> None:
    """Encode a short clip with sound, and publish its HLS, MP4 and poster where `samples.ready_clip` says."""
    with tempfile.TemporaryDirectory(prefix="newsreel-clip-") as folder:
        _encode(Path(folder), hue)
        for path in sorted(Path(folder).rglob("*.*")):
            key = keys.version_prefix(name, samples.VERSION) + path.relative_to(folder).as_posix()
            store.upload(bucket, key, path, content_type=_TYPES[path.suffix], cache_control=keys.CACHE_IMMUTABLE)


def _encode(folder: Path, hue: int) -> None:
    (folder / "hls").mkdir()
    (folder / "mp4").mkdir()
    run = [str(clips.FFMPEG), "-nostdin", "-loglevel", "error"]
    picture = f"gradients=size=640x360:rate=25:duration={SECONDS}:speed=0.02:seed={hue}:nb_colors=3,format=yuv420p"
    subprocess.run(
        [
            *run,
            *("-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac", "-ac", "2"),
            *("-movflags", "+faststart", "mp4/video.mp4"),
        ],
        cwd=folder,
        check=True,
        timeout=120,
    )
    subprocess.run(
        [
            *(*run, "-i", "mp4/video.mp4", "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"),
            *("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4"),
            *("-hls_segment_filename", "hls/segment_%03d.m4s", "-master_pl_name", "master.m3u8", "hls/video.m3u8"),
        ],
        cwd=folder,
        check=True,
        timeout=120,
    )
    subprocess.run([*run, "-ss", "1", "-i", "mp4/video.mp4", "-frames:v", "1", "poster.jpg"], cwd=folder, check=True)

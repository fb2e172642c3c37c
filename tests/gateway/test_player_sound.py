"""The player in a real Chromium with a clip that is only heard: it plays over its poster, without a picture's menus."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, expect

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import watched

pytestmark = pytest.mark.browser

NAME = "120312_TIENG1"


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("sound")
    run = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-f", "lavfi"]
    tone = ["-i", "sine=frequency=440:sample_rate=48000:duration=6", "-ac", "2", "-c:a", "aac"]
    hls = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]
    hls += ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", "%05d.m4s"]
    subprocess.run([*run, *tone, *hls, "index.m3u8"], cwd=folder, check=True, timeout=60)
    subprocess.run([*run, *tone, "audio.m4a"], cwd=folder, check=True, timeout=60)
    wave = ["-i", "color=0x111827:size=640x360", "-frames:v", "1", "poster.jpg"]
    subprocess.run([*run, *wave], cwd=folder, check=True, timeout=60)
    prefix = keys.version_prefix(NAME, samples.VERSION)
    main = b'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=90000,CODECS="mp4a.40.2"\naudio-64k/index.m3u8\n'
    store.put(buckets.media, f"{prefix}hls/main.m3u8", main, content_type="application/vnd.apple.mpegurl")
    _put(store, buckets.media, f"{prefix}hls/audio-64k/", [*folder.glob("*.m4s"), folder / "init.mp4"], "video/mp4")
    _put(store, buckets.media, f"{prefix}hls/audio-64k/", [folder / "index.m3u8"], "application/vnd.apple.mpegurl")
    _put(store, buckets.media, f"{prefix}mp4/", [folder / "audio.m4a"], "audio/mp4")
    _put(store, buckets.media, prefix, [folder / "poster.jpg"], "image/jpeg")
    file = {"url": f"{samples.VERSION}/mp4/audio.m4a", "type": "audio/mp4", "bitrate_bps": 69_000}
    audio = [{**file, "size_bytes": (folder / "audio.m4a").stat().st_size, "codecs": "mp4a.40.2"}]
    facts = {"hls": f"{samples.VERSION}/hls/main.m3u8", "mp4": [], "audio": audio}
    samples.publish(store, buckets.media, samples.ready_clip(NAME, **facts))


def _put(store: ObjectStore, bucket: str, prefix: str, files: list[Path], kind: str) -> None:
    for path in files:
        store.upload(bucket, prefix + path.name, path, content_type=kind, cache_control=keys.CACHE_IMMUTABLE)


@pytest.mark.parametrize("has_hls", [True, False])
def test_sound_alone_plays_over_its_poster(
    launch_chromium: Callable[..., Browser], gateway: str, has_hls: bool
) -> None:
    with watched(launch_chromium(), gateway) as page:
        if not has_hls:
            page.add_init_script(
                "HTMLMediaElement.prototype.canPlayType = type => type.includes('mpegurl') ? '' : 'maybe'"
            )
        page.goto(f"{gateway}/embed/{NAME}?lang=en")
        page.locator("newsreel-clip .start").click(timeout=20_000)
        deadline = time.monotonic() + 30
        while page.locator("video").evaluate("video => video.currentTime") < 0.5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        played = page.locator("video").evaluate("video => video.currentSrc")
        assert played.endswith("/hls/main.m3u8" if has_hls else "/mp4/audio.m4a")
        expect(page.get_by_role("img", name=f"A picture from {NAME}")).to_be_visible()
        spins = "stage => getComputedStyle(stage, '::after').visibility"
        assert page.locator("newsreel-clip .stage").evaluate(spins) == "hidden"
        assert page.locator("video").evaluate("video => getComputedStyle(video).opacity") == "0"

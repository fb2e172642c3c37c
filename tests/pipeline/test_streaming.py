"""A clip can be played while it is being encoded."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tasks.adapters.object_store import NoSuchObject
from tasks.media import package
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipState
from tests import clips
from tests.pipeline.test_clip_way import Put

NAME = "120320_GROW1"


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A transport stream is never published by copy, whose playlist would be complete at once.
    return clips.progressive(tmp_path_factory.mktemp("clips") / "long.ts", seconds=14, size="1280x720")


def playlists(services: Services, hls: str) -> dict[str, package.MediaPlaylist]:
    """Every media playlist that the multivariant one names, read now."""

    def read(url: str) -> str:
        return services.store.get(services.settings.media_bucket, f"clips/{NAME}/{url}").body.decode()

    main = read(hls)
    urls = [line for line in main.splitlines() if line and not line.startswith("#")]
    urls += re.findall(r'TYPE=AUDIO.*URI="([^"]+)"', main)
    return {url: package.read_media_playlist(read(urljoin(hls, url))) for url in urls}


def test_a_clip_is_playable_before_it_is_ready_and_no_playlist_names_what_is_not_there(
    services: Services, put: Put, long_clip: Path
) -> None:
    put(f"clips/{NAME}.mp4", long_clip)
    ingest(services, f"clips/{NAME}.mp4")
    thumbnails(services, NAME)
    worker = threading.Thread(target=transcode, args=(services, NAME))
    worker.start()
    seen: list[tuple[str, int, bool]] = []
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        record = services.clips.get(NAME)
        assert record is not None
        if record.hls is not None:
            for url, playlist in playlists(services, record.hls).items():
                folder = urljoin(f"clips/{NAME}/{record.hls}", url).rpartition("/")[0]
                for name in [playlist.init, *(name for name, _ in playlist.segments)]:
                    try:
                        services.store.head(services.settings.media_bucket, f"{folder}/{name}")
                    except NoSuchObject:
                        pytest.fail(f"{url} names {name}, which is not there ({record.state})")
                seen.append((record.state, len(playlist.segments), playlist.is_complete))
        if record.state.is_final:
            break
        time.sleep(0.1)
    worker.join()
    growing = [count for state, count, complete in seen if state == ClipState.PLAYABLE and not complete]
    assert growing, "the clip was never playable while it was being encoded"
    assert min(growing) < max(count for _, count, _ in seen)
    assert seen[-1][0] == ClipState.READY
    assert seen[-1][2]
    record = services.clips.get(NAME)
    assert record is not None
    assert record.timings.playable_at is not None
    assert record.timings.ready_at is not None
    assert record.timings.playable_at < record.timings.ready_at

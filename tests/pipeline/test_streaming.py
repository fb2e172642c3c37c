"""A clip can be played while it is being encoded."""

from __future__ import annotations

import re
import threading
import time
from fractions import Fraction
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tasks.adapters.object_store import NoSuchObject
from tasks.errors import TemporarilyUnavailable
from tasks.media import encode, package
from tasks.media.encode import Run
from tasks.media.ladder import PlannedRung
from tasks.pipeline.ingest import ingest
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import Stream
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipState
from tests import clips
from tests.pipeline.published import Put

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
    deadline = time.monotonic() + 150
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


def test_what_a_fast_copy_has_made_goes_up_in_steps_and_readers_are_told_even_if_that_fails_once(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = PlannedRung(
        name="original", width=64, height=36, frame_rate=Fraction(25), crf=0, max_bitrate_bps=1, codec="h264"
    )
    folder = tmp_path / encode.OUTPUT / encode.HLS / rung.name
    folder.mkdir(parents=True)
    names = [f"{number:05d}.m4s" for number in range(20)]
    for name in ("init.mp4", *names):
        (folder / name).write_bytes(name.encode())
    listed = "".join(f"#EXTINF:2.0,\n{name}\n" for name in names)
    text = f'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n{listed}#EXT-X-ENDLIST\n'
    (folder / encode.MEDIA_PLAYLIST).write_text(text, encoding="utf-8")
    told: list[int] = []

    def become_playable(stream: Stream) -> None:
        told.append(1)
        if len(told) == 1:
            raise TemporarilyUnavailable("store_unavailable", "The object store can't be reached.", "no answer")
        stream._is_announced = True

    monkeypatch.setattr(Stream, "_become_playable", become_playable)
    monkeypatch.setattr(package, "growing_playlist", lambda *_: "#EXTM3U\n")
    stream = Stream(services, tmp_path, "120320_STEPS1", "edition", Lease(services, "120320_STEPS1", "somebody"))
    stream.follow_original(Run(arguments=(), rungs=(rung,)), lambda: False)

    def published_segments() -> int:
        key = f"clips/120320_STEPS1/edition/{encode.HLS}/{rung.name}/{encode.MEDIA_PLAYLIST}"
        seen = services.store.get(services.settings.media_bucket, key).body.decode()
        return len(package.read_media_playlist(seen).segments)

    with pytest.raises(TemporarilyUnavailable):
        stream.advance()
    assert published_segments() == 3
    assert stream.advance()
    assert published_segments() == 11
    assert len(told) == 2
    assert stream.advance()
    assert published_segments() == 19
    assert not stream.advance()
    assert published_segments() == 20
    assert len(told) == 2

"""A clip can be played while it is being encoded."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pytest

from tasks.adapters.object_store import NoSuchObject
from tasks.errors import TemporarilyUnavailable
from tasks.media import encode, package
from tasks.media.encode import Run
from tasks.media.ladder import PlannedRung
from tasks.media.package import MediaPlaylist
from tasks.media.sound.programmes import Programme
from tasks.media.source import AudioStream
from tasks.pipeline.ingest import ingest
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import Stream
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipState
from tests import clips
from tests.pipeline.published import Put
from tests.pipeline.test_original_copy import ladder

NAME = "120320_GROW1"


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    # Not by copy, which is over in an instant.
    services = ladder(services, copy_max_bitrate_bps=0)
    put(f"clips/{NAME}.mp4", long_clip)
    ingest(services, f"clips/{NAME}.mp4")
    thumbnails(services, NAME)
    worker = threading.Thread(target=transcode, args=(services, NAME))
    worker.start()
    seen: list[tuple[str, int, bool]] = []
    deadline = time.monotonic() + 250
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


RUNG: Final = PlannedRung(
    name="original", width=64, height=36, frame_rate=Fraction(25), crf=0, max_bitrate_bps=1, codec="h264"
)
TRACK: Final = AudioStream(index=1, codec="aac", channels=2, sample_rate=48000, language=None)
COPY: Final = Run(arguments=(), rungs=(RUNG,), sound=(Programme(name="original-audio", tracks=(TRACK,)),))


def lay(workspace: Path, track: str, durations_s: Sequence[float], *, is_ended: bool = False) -> None:
    """Write a playlist of such segments, as a run does that has come so far."""
    folder = workspace / encode.OUTPUT / encode.HLS / track
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:05d}.m4s" for number in range(len(durations_s))]
    for name in ("init.mp4", *names):
        (folder / name).write_bytes(name.encode())
    listed = "".join(f"#EXTINF:{duration_s},\n{name}\n" for name, duration_s in zip(names, durations_s, strict=True))
    text = f'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n{listed}' + "#EXT-X-ENDLIST\n" * is_ended
    (folder / encode.MEDIA_PLAYLIST).write_text(text, encoding="utf-8")


class Shown:
    """A stream of a copied original, and what its readers have."""

    def __init__(self, services: Services, workspace: Path, name: str) -> None:
        self._services, self._prefix = services, f"clips/{name}/edition/"
        self.stream = Stream(services, workspace, name, "edition", Lease(services, name, "somebody"))

    def playlist(self, track: str) -> MediaPlaylist:
        key = f"{self._prefix}{encode.HLS}/{track}/{encode.MEDIA_PLAYLIST}"
        body = self._services.store.get(self._services.settings.media_bucket, key).body
        return package.read_media_playlist(body.decode())

    def tracks(self) -> set[str]:
        media = self._services.store.list(self._services.settings.media_bucket, f"{self._prefix}{encode.HLS}/")
        return {each.key.split("/")[-2] for each in media if each.key.endswith(encode.MEDIA_PLAYLIST)}


@pytest.fixture
def shown(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    monkeypatch.setattr(Stream, "_become_playable", lambda stream: setattr(stream, "_is_announced", True))
    monkeypatch.setattr(package, "growing_playlist", lambda *_: "#EXTM3U\n")
    return Shown(services, tmp_path, f"120320_{tmp_path.name[-8:]}")


def test_a_copy_that_is_given_up_ends_where_readers_have_it(shown: Shown, tmp_path: Path) -> None:
    lay(tmp_path, "original", [2, 2])
    lay(tmp_path, "original-audio", [2] * 12)
    shown.stream.follow_original(COPY, lambda: False)
    shown.stream.advance()
    assert shown.playlist("original").duration_s == 4
    # Whoever plays it is not left with sound alone.
    assert shown.playlist("original-audio").duration_s == 4
    lay(tmp_path, "original", [2, 2, 23])
    lay(tmp_path, "original-audio", [2] * 14)
    shown.stream.forget_original(COPY)
    shown.stream.advance()
    for track in ("original", "original-audio"):
        assert shown.playlist(track).duration_s == 4
        assert shown.playlist(track).is_complete
    shown.stream.complete()
    assert shown.playlist("original").duration_s == 4


def test_what_becomes_unfit_while_it_is_being_sent_is_not_sent(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, "original", [2, 2])
    lay(tmp_path, "original-audio", [2, 2])
    shown.stream.follow_original(COPY, lambda: False)
    shown.stream.advance()
    lay(tmp_path, "original", [2, 2, 23])
    grown = Stream._grown

    def given_up_meanwhile(stream: Stream, original: Run | None) -> dict[Path, str]:
        found = grown(stream, original)
        stream.forget_original(COPY)
        return found

    monkeypatch.setattr(Stream, "_grown", given_up_meanwhile)
    shown.stream.advance()
    assert shown.playlist("original").duration_s == 4
    assert shown.playlist("original").is_complete


@pytest.mark.parametrize("is_unfit", [True, False])
def test_a_copy_that_nobody_was_shown_leaves_nothing(shown: Shown, tmp_path: Path, is_unfit: bool) -> None:
    lay(tmp_path, "original", [23])
    lay(tmp_path, "original-audio", [2] * 12)
    if is_unfit:
        shown.stream.follow_original(COPY, lambda: True)
        shown.stream.advance()
    else:
        shown.stream.forget_original(COPY)
        shown.stream.follow_original(COPY, lambda: False)
    shown.stream.complete()
    assert not shown.tracks()


def test_sound_that_goes_on_behind_its_picture_is_shown_once_that_has_ended(shown: Shown, tmp_path: Path) -> None:
    lay(tmp_path, "original", [2, 2], is_ended=True)
    lay(tmp_path, "original-audio", [2] * 5, is_ended=True)
    shown.stream.follow_original(COPY, lambda: False)
    while shown.stream.advance():
        pass
    assert shown.playlist("original-audio").duration_s == 10
    assert shown.playlist("original-audio").is_complete


def test_what_a_fast_copy_has_made_goes_up_in_steps_and_readers_are_told_even_if_that_fails_once(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, RUNG.name, [2.0] * 20, is_ended=True)
    told: list[int] = []

    def become_playable(stream: Stream) -> None:
        told.append(1)
        if len(told) == 1:
            raise TemporarilyUnavailable("store_unavailable", "The object store can't be reached.", "no answer")
        stream._is_announced = True

    monkeypatch.setattr(Stream, "_become_playable", become_playable)
    monkeypatch.setattr(package, "growing_playlist", lambda *_: "#EXTM3U\n")
    stream = Stream(services, tmp_path, "120320_STEPS1", "edition", Lease(services, "120320_STEPS1", "somebody"))
    stream.follow_original(Run(arguments=(), rungs=(RUNG,)), lambda: False)

    def published_segments() -> int:
        key = f"clips/120320_STEPS1/edition/{encode.HLS}/{RUNG.name}/{encode.MEDIA_PLAYLIST}"
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

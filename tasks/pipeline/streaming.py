"""Streaming: files are uploaded while ffmpeg still writes them; with the first segments the clip turns playable.

ffmpeg writes each segment and playlist under a temporary name and renames it when it is whole, so what a playlist names
is there. A playlist goes up after the segments it names, and the multivariant playlist after all others: at no moment
does a reader find a name without its file. The same addresses serve the finished clip.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.process import Stopped
from tasks.errors import LeaseLost, TemporarilyUnavailable
from tasks.media import encode, package
from tasks.media.encode import Run
from tasks.media.ladder import PlannedRung
from tasks.media.sound import sound_only
from tasks.media.sound.programmes import Programme
from tasks.media.sound.sound_only import SoundRendition
from tasks.pipeline import finish
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.version_files import UPLOADS_AT_A_TIME, VersionFiles
from tasks.records import lifecycle

log: Final = structlog.get_logger()
# Until there is something to play somebody waits for it.
_SOON_S: Final = 0.05
_POLL_S: Final = 0.25
_NAMES_OTHERS: Final = (".m3u8", ".mpd")
_UNFINISHED: Final = ".tmp"


class Stream:
    """What readers are shown of one version: `advance` while it grows, `complete` when everything is made.

    It is told of the runs that fill the workspace when what they make may be shown. Readers have the copied original,
    where there is one, until all is complete; else the rungs that have begun, once it is known what is to be heard
    with them.
    """

    def __init__(self, services: Services, folder: Path, name: str, edition: str, lease: Lease) -> None:
        self._services = services
        self._files = VersionFiles(services, folder, name, edition, lease)
        self._name = name
        self._edition = edition
        self._lease = lease
        self._original: Run | None = None
        self._is_unfit: Callable[[], bool] = lambda: False
        self._forgotten: Run | None = None
        self._pictures: list[Run] = []
        self._sound: tuple[Programme, ...] | None = None
        self._heard: tuple[SoundRendition, ...] = ()
        self._is_shown = False
        self._is_announced = False
        self._shows_ladder = False
        self._shown: tuple[PlannedRung, ...] = ()

    def follow(self, run: Run) -> None:
        """A run that encodes pictures begins."""
        self._pictures.append(run)

    def follow_original(self, run: Run, is_unfit: Callable[[], bool]) -> None:
        """The run that copies the source's own video has begun, unless it was forgotten already.

        It is, as soon as what there is of it ``is_unfit`` to be shown.
        """
        self._original, self._is_unfit = run, is_unfit
        # Another thread may forget it at this very moment.
        if self._forgotten is not None:
            self._original = None

    def forget_original(self, run: Run) -> None:
        """The copy failed: the ladder will be shown, and whoever plays the copy comes to its end."""
        self._forgotten = run
        self._original = None

    def follow_only_sound(self, run: Run, renditions: Sequence[SoundRendition]) -> None:
        """The run begins that makes an audio-only clip."""
        self._sound, self._heard = run.sound, tuple(renditions)

    def follow_sound(self, programmes: tuple[Programme, ...]) -> None:
        """The run that makes the sound begins; with no programmes, there is no sound."""
        self._sound = programmes

    def advance(self) -> bool:
        """Send segments that are whole, then the playlists that name them; with the first of all, tell readers.

        So many at a time that no playlist stands still for long. Returns whether some are left for the next time.
        """
        original = self._original
        grown = self._grown(original)
        # Asked after the playlists were read: whatever is in them has been looked at then.
        if original is not None and (self._original is not original or self._is_unfit()):
            self.forget_original(original)
            grown = self._grown(None)
        self._end_forgotten()
        self._files.send([file for path, text in grown.items() for file in _named(path, text)])
        for path, text in grown.items():
            self._files.put_playlist(path, text)
        self._show()
        return bool(self._grown(self._original))

    def complete(self) -> None:
        """Send what is left: media first, then the playlists; the multivariant one and the DASH manifest last.

        Raises:
            LeaseLost: the work must end.
            TemporarilyUnavailable: the store failed.
        """
        self._end_forgotten()
        unshown = [self._files.playlist(track).parent for track in self._forgotten.tracks] if self._forgotten else []
        # A run that was ended, as a copy may be, leaves behind what it had not finished.
        files = sorted(
            path
            for path in self._files.root.rglob("*")
            if path.is_file() and path.suffix != _UNFINISHED and path.parent not in unshown
        )
        playlists = [path for path in files if path.suffix in _NAMES_OTHERS]
        self._files.send([path for path in files if path.suffix not in _NAMES_OTHERS], report=True)
        last = [path for path in playlists if path.stem == Path(package.MULTIVARIANT).stem]

        def put(path: Path) -> None:
            self._files.put_playlist(path, path.read_text(encoding="utf-8"), is_final=True)

        with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
            list(pool.map(put, [path for path in playlists if path not in last]))
        for path in last:
            put(path)

    @property
    def is_shown(self) -> bool:
        """Whether readers have something to play."""
        return self._is_shown

    def _grown(self, original: Run | None) -> dict[Path, str]:
        """The playlists that have grown, the copied original's among them, each with what may be sent of it next."""
        runs = [run for run in (original, *self._pictures) if run is not None]
        tracks = [*(track for run in runs for track in run.tracks), *(each.name for each in self._sound or ())]
        until_s = dict.fromkeys(tracks, math.inf)
        if original is not None:
            # What is sent ahead of its picture would go on behind it, if the copy is given up.
            picture_s = min(self._files.made_s(rung.name) for rung in original.rungs)
            until_s |= dict.fromkeys((programme.name for programme in original.sound), picture_s)
        return {
            path: text
            for track in tracks
            if (text := self._files.unsent(track, is_first=not self._is_shown, until_s=until_s[track]))
            and (path := self._files.playlist(track))
        }

    def _end_forgotten(self) -> None:
        for track in self._forgotten.tracks if self._forgotten is not None else ():
            self._files.end(track)

    def _show(self) -> None:
        """Name in the multivariant playlist what can be played by now, if that is more than before."""
        if self._heard:
            if not self._is_announced and self._files.has_begun([each.track.name for each in self._heard]):
                self._put_main(sound_only.growing_playlist(self._heard))
            return
        # The task's own thread may forget it at any moment.
        original = None if self._shows_ladder else self._original
        if original is not None and (self._is_shown or self._files.has_begun(original.tracks)):
            rungs, programmes = original.rungs, original.sound
        elif self._sound is not None:
            begun = [run for run in self._pictures if self._files.has_begun(run.tracks)]
            rungs, programmes = tuple(rung for run in begun for rung in run.rungs), self._sound
        else:
            return
        tracks = [rung.name for rung in rungs] + [programme.name for programme in programmes]
        if self._is_shown and not self._is_announced:
            self._become_playable()
        if not rungs or rungs == self._shown or not self._files.has_begun(tracks):
            return
        highest_first = sorted(rungs, key=lambda rung: -rung.height)
        inits = {rung.name: self._files.init_of(rung.name) for rung in rungs}
        self._put_main(package.growing_playlist(highest_first, programmes, inits))
        self._shown, self._shows_ladder = rungs, original is None or rungs != original.rungs

    def _put_main(self, text: str) -> None:
        self._files.put_playlist(self._files.root / encode.HLS / package.MULTIVARIANT, text)
        self._is_shown = True
        if not self._is_announced:
            self._become_playable()

    def _become_playable(self) -> None:
        url = f"{self._edition}/{encode.HLS}/{package.MULTIVARIANT}"
        self._services.clips.update(
            self._name,
            lambda record: lifecycle.become_playable(record, owner=self._lease.owner, now=utc_now(), hls=url),
        )
        self._is_announced = True
        log.info("playable", clip=self._name, edition=self._edition)
        finish.announce(self._services, self._name)


@contextmanager
def beside_the_encode(stream: Stream, lease: Lease) -> Iterator[None]:
    """Advance the stream in a thread of its own until the block ends.

    A store that fails meanwhile does not end the encode: what could not be sent is sent by `Stream.complete`. Whatever
    else goes wrong there ends the block's work.

    Raises:
        whatever was not foreseen of the stream.
    """
    done = threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        pause_s = _SOON_S
        while not done.wait(pause_s):
            try:
                is_behind = stream.advance()
                pause_s = 0.0 if is_behind else _POLL_S if stream.is_shown else _SOON_S
            except LeaseLost:
                lease.stop.set()
                return
            except TemporarilyUnavailable as error:
                pause_s = _POLL_S
                log.warning("not streamed yet", code=error.code, detail=error.detail)
            except Exception as error:
                log.exception("streaming failed")
                failures.append(error)
                lease.stop.set()
                return

    thread = threading.Thread(target=run, name="stream", daemon=True)
    thread.start()
    try:
        yield
    except (LeaseLost, Stopped):
        if not failures:
            raise
    finally:
        done.set()
        thread.join()
    if failures:
        raise failures[0]


def _named(playlist: Path, text: str) -> Iterator[Path]:
    media = package.read_media_playlist(text)
    for name in (media.init, *(name for name, _ in media.segments)):
        yield playlist.parent / name

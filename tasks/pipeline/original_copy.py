"""The original, copied: the source's own video as it is, if players accept it, so that nobody waits for an encode."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from functools import partial
from typing import Final

import structlog

from tasks.adapters.ffmpeg import Urgency
from tasks.adapters.machine import usable_cores
from tasks.adapters.process import Stopped
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import direct, encode
from tasks.media.direct import Direct
from tasks.media.ladder import PlannedRung
from tasks.media.progress import Progress
from tasks.media.sound import coded_sound
from tasks.media.sound.programmes import Programme
from tasks.media.source import Source
from tasks.media.threads import sound_pace
from tasks.pipeline import examine_sound, packaging, picture_runs, uploaded
from tasks.pipeline.copied_segments import CopiedSegments, copied_s
from tasks.pipeline.job import Job
from tasks.pipeline.streaming import Stream
from tasks.pipeline.together import LinkedStop, Together
from tasks.records.keys import ORIGINAL

log: Final = structlog.get_logger()
_LISTENED_TO_S: Final = 2.0


class _UnfitError(Exception):
    """Players could not show it, or not well."""


class OriginalCopy:
    """The copy of one version, made beside the caller's work.

    It begins by what the file says of itself, while that is still being measured, and is shown to nobody before.
    """

    def __init__(self, job: Job, stream: Stream, beside: Together, *, lasts_s: float) -> None:
        """Nothing is begun yet; the clip lasts so many seconds."""
        self._stop = LinkedStop(beside.stop)
        self._job = job.until(self._stop)
        self._stream = stream
        self._beside = beside
        self._planned: Direct | None = None
        self._is_given_up = False
        self._segments = CopiedSegments(job.output / encode.HLS / ORIGINAL, is_short=lasts_s <= direct.SHORT_S)
        self._made: Future[PlannedRung | None] | None = None

    def begin(self, source: Source) -> None:
        """Begin to copy, if players accept such video."""
        planned = self._plan(source)
        if planned is not None:
            self._planned = planned
            self._made = self._beside.submit(lambda _: self._make(source, planned))

    def settle(self, source: Source) -> None:
        """The picture has been measured: show the copy, remove it, or begin it after all.

        Raises:
            process.Stopped: the work around it had to end.
            As `Arriving.whole`, if the upload does not come; OSError: the disk failed.
        """
        is_wanted = self._plan(source) is not None
        if is_wanted and self._planned is None:
            self.begin(source)
        if self._planned is None:
            return
        if is_wanted:
            self._stream.follow_original(self._planned.run, lambda: self._segments.fault() is not None)
            return
        log.info("not copied", scan=source.video.scan)
        self._stop.set()
        self.finish()
        for track in self._planned.run.tracks:
            shutil.rmtree(self._job.output / encode.HLS / track, ignore_errors=True)
        self._planned = self._made = None

    @property
    def urgency_behind(self) -> Urgency:
        """How urgent the ladder is: less, where as far as is known the copy plays, or will soon."""
        is_on_its_way = self._planned is not None and not self._is_given_up
        return Urgency.LADDER_BEHIND_COPY if is_on_its_way else Urgency.ENCODE

    def rung(self) -> PlannedRung | None:
        """The rung of the ladder that the copy is, or None; waits for the copy if that is not known beforehand.

        Raises:
            As `settle`.
        """
        may_stand = self._planned is not None and self._planned.stands_for is not None
        return self._made.result() if may_stand and self._made is not None else None

    def finish(self) -> None:
        """Wait for its end.

        Raises:
            As `settle`.
        """
        if self._made is not None:
            self._made.result()

    def _plan(self, source: Source) -> Direct | None:
        # A second attempt leaves alone what the first has uploaded.
        if self._job.work.attempts > 1:
            return None
        settings = self._job.services.settings
        plan = partial(
            direct.plan_direct,
            source,
            self._job.ladder,
            size_bytes=self._job.work.source.size_bytes,
            max_pixels=settings.max_pixels,
            pace=sound_pace(settings.encode_cores or usable_cores(), source.video.pixels),
        )
        planned = plan()
        if planned is None or direct.tells_the_same(uploaded.parameter_sets_of(self._job, source), source):
            return planned
        return plan(tells_the_same=False)

    def _make(self, source: Source, planned: Direct) -> PlannedRung | None:
        try:
            return self._copy(source, planned)
        except (SourceRejected, TemporarilyUnavailable) as error:
            # The encode will tell what is wrong with it, if anything is.
            log.info("not copied", code=error.code, detail=error.detail)
            self._give_up(planned)
        except _UnfitError as error:
            log.info("not copied", reason=str(error))
            self._give_up(planned)
        except Stopped:
            if self._beside.stop.is_set():
                raise
        return None

    def _give_up(self, planned: Direct) -> None:
        self._is_given_up = True
        self._stream.forget_original(planned.run)

    def _copy(self, source: Source, planned: Direct) -> PlannedRung | None:
        if any(self._is_coded(source, programme) for programme in planned.run.sound):
            raise _UnfitError("its sound is no PCM")
        # An index tells that beforehand; of what has none, the copy itself.
        if source.duration_s > direct.SHORT_S and direct.has_index(source):
            gap_s = uploaded.key_frame_gap_s(self._job, source)
            if gap_s is None or gap_s > direct.LONGEST_SEGMENT_S:
                raise _UnfitError("its key frames are too far apart")

        def watch(progress: Progress) -> None:
            if fault := self._segments.fault(copied_s(progress, source.video)):
                raise _UnfitError(fault)

        watch(picture_runs.run(self._job, source, planned.run, Urgency.FIRST, on_progress=watch))
        is_rung = planned.stands_for is not None and packaging.complies(
            self._job.output / encode.HLS, planned, self._job.ladder
        )
        return planned.rung if is_rung else None

    def _is_coded(self, source: Source, programme: Programme) -> bool:
        """Whether the PCM is coded audio (noise); the copy is played before all of it is measured."""
        if not coded_sound.is_uncompressed_pair(programme):
            return False
        job, share = self._job, uploaded.share_of(source, _LISTENED_TO_S)
        return examine_sound.is_coded(
            job.services,
            job.folder,
            programme,
            urgency=Urgency.FIRST,
            stop=job.stop,
            feed=job.upload.part(share),
            first_s=_LISTENED_TO_S,
        )

"""Making the storyboard: its sheets of key frames, or of all frames where those are few, put up with the WebVTT."""

from __future__ import annotations

from typing import Final

from tasks.adapters.ffmpeg import Urgency, is_of_the_upload
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import storyboard
from tasks.media.source import Source
from tasks.media.storyboard import Board
from tasks.pipeline import picture_files, uploaded
from tasks.pipeline.job import Job
from tasks.records.clip_facts import Storyboard

# To decode more than that for a storyboard takes too long, where key frames alone give none.
_LONGEST_WHOLE_S: Final = 1800.0


def make(job: Job, source: Source) -> Storyboard:
    """Make the sheets, unless the search for the poster has left them, and put them up.

    Raises:
        SourceRejected: no picture can be decoded (``undecodable``).
        TemporarilyUnavailable: as `Ffmpeg.run`.
        process.Stopped: the job was stopped.
    """
    job.upload.whole(job.stop, is_patient=True)
    board = storyboard.lay_out(source, job.ladder)
    is_left, seen = bool(picture_files.sheets(job)), picture_files.seen(job)
    if not (is_left and storyboard.has_every_tile(board, seen)):
        gap_s = uploaded.key_frame_gap_s(job, source)
        if not (is_left and storyboard.is_dense(board, gap_s) and storyboard.lacks_the_last(board, seen)):
            picture_files.remove_sheets(job)
            _run(job, source, gap_s)
    return _publish(job, source, board)


def _run(job: Job, source: Source, gap_s: float | None) -> None:
    timeout_s = 600 + source.duration_s
    for is_whole in (False, True):
        plan = storyboard.plan_storyboard(
            source, job.ladder, key_frame_gap_s=gap_s, max_pixels=job.max_pixels, is_whole=is_whole
        )
        try:
            job.services.ffmpeg.run(
                job.folder, plan.arguments, timeout_s=timeout_s, urgency=Urgency.UNHURRIED, stop=job.stop
            )
        except (SourceRejected, TemporarilyUnavailable) as error:
            if not (plan.key_frames_only and is_of_the_upload(error)):
                raise
            picture_files.remove_sheets(job)
        if not plan.key_frames_only or source.duration_s > _LONGEST_WHOLE_S:
            return
        # Feeds that are refreshed line by line mark frames as keys that are not whole by themselves: none comes out.
        if _goes_through(job, source, plan.board) if plan.is_dense else picture_files.sheets(job):
            return
        picture_files.remove_sheets(job)


def _goes_through(job: Job, source: Source, board: Board) -> bool:
    return bool(picture_files.sheets(job)) and storyboard.goes_through(board, source, picture_files.seen(job))


def _publish(job: Job, source: Source, board: Board) -> Storyboard:
    sheets = picture_files.sheets(job)
    if not sheets:
        raise SourceRejected("undecodable", "No picture in this file could be decoded.", "no storyboard tile")
    text = storyboard.storyboard_vtt(board, len(sheets), source.duration_s)
    (job.output / storyboard.VTT).write_text(text, encoding="utf-8")
    images = [f"{storyboard.FOLDER}/{sheet.name}" for sheet in sheets]
    for path in [*images, storyboard.VTT]:
        picture_files.upload(job, path)
    version = job.work.version
    return Storyboard(
        vtt=f"{version}/{storyboard.VTT}",
        images=tuple(f"{version}/{path}" for path in images),
        interval_s=board.interval_s,
    )

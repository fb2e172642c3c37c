"""Verification: what was made is compared with the plan before anybody may see it, and reported in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import timing
from tasks.media.faults import clock
from tasks.media.ladder import PlannedRung
from tasks.media.progress import Progress
from tasks.media.sound.programmes import Programme
from tasks.media.source import Recording, Source
from tasks.records.base import Notice, Value

# Segments begin and end on frames, sound on AAC blocks of 21 ms: so much is rounding, more is a fault.
_TOLERANCE_S: Final = 0.25
_TOLERANCE_FRAMES: Final = 2
_SHORT: Final = 0.95
# Programmes fade out, and recorders stop one track after the other.
_FAR_BEHIND_S: Final = 2.0


class Measured(Value):
    """A finished rendition, by its files and its playlist: pixels, frames, seconds."""

    width: int
    height: int
    frames: int
    duration_s: float
    is_complete: bool


def verify_rendition(rung: PlannedRung, measured: Measured, encoded_frames: int) -> None:
    """Check one rendition against the plan; ``encoded_frames`` is how many ffmpeg says it encoded.

    Raises:
        TemporarilyUnavailable: it is not what was planned (``encoder_output_damaged``); ffmpeg can exit 0 all the same.
    """
    expected_frames = measured.duration_s * float(rung.frame_rate)
    faults = []
    if (measured.width, measured.height) != (rung.width, rung.height):
        faults.append(f"{measured.width}×{measured.height} instead of {rung.width}×{rung.height}")
    if not measured.is_complete:
        faults.append("its playlist was not closed")
    # Pictures are counted, since the sound may well be longer or shorter than they are.
    if abs(measured.frames - encoded_frames) > _TOLERANCE_FRAMES:
        faults.append(f"{measured.frames} frames instead of {encoded_frames}")
    if abs(measured.frames - expected_frames) > _TOLERANCE_FRAMES:
        faults.append(f"{measured.frames} frames in {measured.duration_s:.2f} s")
    if faults:
        raise TemporarilyUnavailable(
            "encoder_output_damaged", "The encoder made a damaged file.", f"{rung.name}: {'; '.join(faults)}"
        )


def judge_length(source: Recording, encoded_s: float) -> tuple[Notice, ...]:
    """Compare the decoded length with that in the container.

    Raises:
        SourceRejected: nothing was decoded (``undecodable``).
    """
    if encoded_s <= 0:
        raise SourceRejected("undecodable", "Nothing in this file could be decoded; it is damaged. Upload it again.")
    promised_s = (isinstance(source, Source) and source.video.duration_s) or source.duration_s
    least_s = promised_s - timing.unsure_s(source.container, source.start_s)
    if promised_s and encoded_s < least_s * _SHORT and least_s - encoded_s > _TOLERANCE_S:
        return (
            Notice(
                code="truncated",
                message=f"Only {encoded_s:.1f} of {promised_s:.1f} seconds could be read; the upload looks cut off.",
            ),
        )
    return ()


def judge_ends(picture_s: float, sounds_s: Sequence[float]) -> tuple[Notice, ...]:
    """Notices if picture or sound ends long before the other; ``sounds_s`` are the lengths of each programme.

    A damaged index ends one of them without a word, and so does a second recording that was joined to the first.
    """
    if not sounds_s:
        return ()
    notices = []
    if _is_far_behind(picture_s, max(sounds_s)):
        message = (
            f"The picture ends at {clock(picture_s)}, while the sound goes on to {clock(max(sounds_s))}. "
            "Check the file, or upload it again."
        )
        notices.append(Notice(code="picture_ends_early", message=message))
    if _is_far_behind(min(sounds_s), picture_s):
        which = "The sound" if len(sounds_s) == 1 else "The sound of one language"
        message = (
            f"{which} ends at {clock(min(sounds_s))}, while the picture goes on to {clock(picture_s)}. "
            "Check the file, or upload it again."
        )
        notices.append(Notice(code="sound_ends_early", message=message))
    return tuple(notices)


def _is_far_behind(one_s: float, other_s: float) -> bool:
    return one_s < other_s * _SHORT and other_s - one_s > _FAR_BEHIND_S


def judge_damage(encoded: Progress) -> tuple[Notice, ...]:
    """A notice of pictures that could not be decoded correctly; the clip is published all the same."""
    if not encoded.damaged:
        return ()
    count = min(encoded.damaged, encoded.frames)
    message = (
        f"At least {count} of this clip's {encoded.frames} pictures are damaged. Look at it before you publish it, or "
        "upload it again."
    )
    return (Notice(code="damaged", message=message),)


def true_length_s(source: Recording, made_s: float) -> float:
    """The length of the recording in seconds; ``made_s``, what was encoded of it, may be more than it claims.

    Growing files claim less than they hold, and so do joined recordings whose clocks restart. Others may tell the time
    at which they end.
    """
    unsure_s = timing.unsure_s(source.container, source.start_s)
    is_told_the_end = unsure_s > _TOLERANCE_S and made_s > source.duration_s - unsure_s - _TOLERANCE_S
    return made_s if is_told_the_end or made_s > source.duration_s + _TOLERANCE_S else source.duration_s


def audio_notice(programmes: Sequence[Programme]) -> tuple[Notice, ...]:
    """A notice if the clip has no sound; it is published all the same."""
    return () if programmes else (Notice(code="no_audio", message="This clip has no sound."),)

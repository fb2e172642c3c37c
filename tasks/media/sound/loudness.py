"""Loudness after EBU R 128: ffmpeg's measurements of each programme, and the gain to the ladder's target.

Integrated loudness and range are those of EBU Tech 3341 and 3342, the true peak that of ITU-R BS.1770. The same run of
ffmpeg counts full-scale samples and compares the sides, so that faults of the recording can be told in plain words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import ffmpeg

from tasks.media.ladder import AudioRung
from tasks.media.opening import unprobed
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme
from tasks.media.source import Recording
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.steady import steady
from tasks.records.base import Notice, Value

# The gate of ITU-R BS.1770 never opens below this; ffmpeg writes it where nothing was heard.
_GATE_LUFS: Final = -70.0
_MOST_ERRORS: Final = 0.67
# More gain than this lifts the room's noise, not the voice.
_MOST_GAIN_DB: Final = 20.0
# Missing the target by less is not heard: R 128 itself allows half a unit.
_NEAR_LU: Final = 0.5
_LOUD_LUFS: Final = -10.0
_QUIET_LUFS: Final = -35.0
_DEAD_DB: Final = -70.0
_ALIVE_DB: Final = -50.0
_FLOOR_DB: Final = -120.0
# Samples at full scale, of a thousand, in runs: music mastered to the brim stays below, a clipped recording does not.
_CLIPPED: Final = 1.0
_FULL_SCALE_DB: Final = -0.1
_RUN_DB: Final = 6.0
# AAC moves the peaks: by nothing measurable in speech and music, by 1 dB in tones that begin within a sample.
_AAC_HEADROOM_DB: Final = 0.5
# The sum of both sides is this much weaker than either: the correlation is below -0.8.
_CANCELLED_DB: Final = 10.0
_SIDES: Final = ("left", "right")


class Side(Value):
    """A channel over the whole programme: level in dBFS, how many of a thousand samples are cut off at full scale."""

    rms_db: float
    cut_off: float = 0.0


class Measured(Value):
    """One programme: LUFS, LU, dBTP; the levels of left, right and of their sum halved; how many samples a side has."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    sides: tuple[Side, ...] = ()
    samples: int = 0

    @property
    def is_gated(self) -> bool:
        """Whether the gate never opened: there is silence, or less than the 0.4 s that a measurement takes."""
        return self.integrated_lufs <= _GATE_LUFS

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing but silence."""
        return self.is_gated and all(side.rms_db <= _DEAD_DB for side in self.sides)


def plan_measure(
    source: Recording,
    programmes: Sequence[Programme],
    rung: AudioRung,
    *,
    max_pixels: int,
    first_s: float | None = None,
) -> tuple[str, ...]:
    """Arguments of a run that decodes only these programmes of the source, mixes them as for publishing, and measures.

    With ``first_s`` it ends after so many seconds of the clip.
    """
    options = input_options(max_pixels=max_pixels) | unprobed(source)
    options |= {} if first_s is None else {"t": f"{first_s:g}"}
    clip = ffmpeg.input(SOURCE_FILE, **options)
    outputs = []
    for number, programme in enumerate(programmes):
        stream = mixed(clip, programme, rung).filter(f"ebur128@{number}", peak="true", framelog="quiet")
        # The third channel is the sum of both sides, halved. 16 bits bring what lies above full scale back to it.
        stream = stream.filter("pan", "3.0|c0<c0|c1<c1|c2<c0+c1").filter(
            "aformat", sample_fmts="s16", sample_rates=rung.sample_rate
        )
        measures = "Peak_level+RMS_level+Flat_factor+Peak_count"
        stream = stream.filter(f"astats@{number}", measure_perchannel=measures, measure_overall="Number_of_samples")
        outputs.append(stream)
    output = ffmpeg.output(*outputs, "-", format="null")
    # The figures are messages of the level "info".
    head = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "info", "-progress", "pipe:1"]
    # Of a track of which less can be heard nothing is: others may be whole.
    head += ["-max_error_rate", f"{_MOST_ERRORS:g}"]
    return (*head, *steady(output.get_args(), programmes, rung))


def read_measured(messages: str) -> Mapping[int, Measured]:
    """The figures in ffmpeg's messages, by the programme's place in `plan_measure`; incomplete ones are left out."""
    found: dict[int, Measured] = {}
    for summary in re.finditer(r"\[ebur128@(\d+) @[^\]]*\] Summary:(.*?Peak:\s+\S+ dBFS)", messages, re.DOTALL):
        number, figures = int(summary.group(1)), summary.group(2)
        integrated, loudness_range, peak = (
            _figure(rf"{name}:\s+(\S+) {unit}", figures)
            for name, unit in (("I", "LUFS"), ("LRA", "LU"), ("Peak", "dBFS"))
        )
        if integrated is not None and loudness_range is not None and peak is not None:
            found[number] = Measured(
                integrated_lufs=max(integrated, _GATE_LUFS),
                range_lu=loudness_range,
                true_peak_dbtp=peak,
                sides=_sides(number, messages),
                samples=round(_figure(r"Number of samples: (\S+)", _told_of(number, messages)) or 0),
            )
    return found


def gain_for(measured: Measured, rung: AudioRung) -> tuple[float, tuple[Notice, ...]]:
    """The linear gain in dB for this programme, and what an editor should know if the target is out of reach.

    The true peak stays below the ladder's, silence is never amplified, and without a target nothing is changed.
    """
    if rung.loudness_lufs is None or measured.is_gated:
        return 0.0, ()
    wanted = rung.loudness_lufs - measured.integrated_lufs
    room = rung.true_peak_dbtp - _AAC_HEADROOM_DB - measured.true_peak_dbtp
    gain_db = round(min(wanted, room, _MOST_GAIN_DB), 2)
    missed = wanted - gain_db
    if missed <= _NEAR_LU:
        return gain_db, ()
    reason = "its peaks would be cut off" if room < _MOST_GAIN_DB else "its noise would be heard"
    reached = measured.integrated_lufs + gain_db
    return gain_db, (
        Notice(
            code="loudness_missed",
            message=f"The sound is at {reached:.1f} LUFS, {missed:.1f} LU below the target: any louder and {reason}.",
        ),
    )


def judge(measured: Measured, programme: Programme) -> tuple[Notice, ...]:
    """Notices of what is wrong with the recording, in plain words."""
    if measured.is_silent:
        return (Notice(code="silent", message="The sound track is silent from beginning to end."),)
    notices = []
    loudness = measured.integrated_lufs
    if loudness > _LOUD_LUFS:
        notices.append(Notice(code="too_loud", message=f"The recording is very loud ({loudness:.1f} LUFS)."))
    if loudness < _QUIET_LUFS and not measured.is_gated:
        notices.append(Notice(code="too_quiet", message=f"The recording is very quiet ({loudness:.1f} LUFS)."))
    if len(measured.sides) < 3:
        return tuple(notices)
    left, right, total = measured.sides
    for name, side, other in zip(_SIDES, (left, right), (right, left), strict=True):
        if side.rms_db <= _DEAD_DB and other.rms_db >= _ALIVE_DB:
            notices.append(Notice(code="channel_dead", message=f"The {name} channel carries no sound."))
    # Sums of channels that are each in order may pass full scale before the gain; that is no fault of the recording.
    if not programme.is_downmixed and max(left.cut_off, right.cut_off) >= _CLIPPED:
        notices.append(Notice(code="clipped", message="The recording was too loud: its peaks are clipped."))
    weaker = min(left.rms_db, right.rms_db)
    if weaker >= _ALIVE_DB and total.rms_db < weaker - _CANCELLED_DB:
        notices.append(
            Notice(
                code="out_of_phase",
                message="Left and right cancel each other out: phones will play almost nothing. Check the wiring.",
            )
        )
    return tuple(notices)


def _sides(number: int, messages: str) -> tuple[Side, ...]:
    text = _told_of(number, messages)
    samples = _figure(r"Number of samples: (\S+)", text)
    sides = []
    for channel in text.partition("Overall")[0].split("Channel: ")[1:]:
        rms, peak, run, count = (
            _figure(rf"{name}: (\S+)", channel)
            for name in ("RMS level dB", "Peak level dB", "Flat factor", "Peak count")
        )
        if rms is None or peak is None or run is None or count is None or not samples:
            return ()
        is_cut = peak >= _FULL_SCALE_DB and run >= _RUN_DB
        sides.append(Side(rms_db=rms, cut_off=1000 * count / samples if is_cut else 0.0))
    return tuple(sides)


def _told_of(number: int, messages: str) -> str:
    return "\n".join(re.findall(rf"^\[astats@{number} @[^\]]*\] (.*)$", messages, re.MULTILINE))


def _figure(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    try:
        number = float(found.group(1)) if found else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else max(number, _FLOOR_DB)

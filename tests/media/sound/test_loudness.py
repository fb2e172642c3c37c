"""Reading what ffmpeg measured, and the gain that follows from it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.ladder import AudioRung
from tasks.media.sound.loudness import Measured, Side, gain_for, judge, plan_measure, read_measured
from tasks.media.sound.programmes import Programme
from tests import clips
from tests.media.sound.test_programmes import track
from tests.media.test_encode import SMALL

WEB = AudioRung(bitrate_bps=128_000, loudness_lufs=-16.0)
STEREO = Programme(tracks=(track(1, 2),))
SURROUND = Programme(tracks=(track(1, 6, layout="5.1"),))
MESSAGES = """[aac @ 0x1] some complaint
[astats@1 @ 0x7f2b20040cc0] Channel: 1
[astats@1 @ 0x7f2b20040cc0] Peak level dB: 0.000000
[astats@1 @ 0x7f2b20040cc0] RMS level dB: -12.535081
[astats@1 @ 0x7f2b20040cc0] Flat factor: 18.000000
[astats@1 @ 0x7f2b20040cc0] Peak count: 9600
[astats@1 @ 0x7f2b20040cc0] Channel: 2
[astats@1 @ 0x7f2b20040cc0] Peak level dB: -inf
[astats@1 @ 0x7f2b20040cc0] RMS level dB: -inf
[astats@1 @ 0x7f2b20040cc0] Flat factor: 86.800000
[astats@1 @ 0x7f2b20040cc0] Peak count: 48000
[astats@1 @ 0x7f2b20040cc0] Channel: 3
[astats@1 @ 0x7f2b20040cc0] Peak level dB: -6.020000
[astats@1 @ 0x7f2b20040cc0] RMS level dB: -18.550000
[astats@1 @ 0x7f2b20040cc0] Flat factor: 18.000000
[astats@1 @ 0x7f2b20040cc0] Peak count: 9600
[astats@1 @ 0x7f2b20040cc0] Overall
[astats@1 @ 0x7f2b20040cc0] Number of samples: 48000
[ebur128@0 @ 0x7f2b20038080] Summary:

  Integrated loudness:
    I:         -70.0 LUFS
    Threshold:   0.0 LUFS

  Loudness range:
    LRA:         0.0 LU
    Threshold:   0.0 LUFS
    LRA low:     0.0 LUFS
    LRA high:    0.0 LUFS

  True peak:
    Peak:       -inf dBFS
[ebur128@1 @ 0x7f2b20038081] Summary:

  Integrated loudness:
    I:         -19.0 LUFS
    Threshold: -29.0 LUFS

  Loudness range:
    LRA:         1.6 LU
    Threshold: -38.7 LUFS
    LRA low:   -19.9 LUFS
    LRA high:  -18.3 LUFS

  True peak:
    Peak:        0.3 dBFS
[out#0/null @ 0x5565bbde7fc0] video:0KiB audio:1969KiB
"""


def measured(integrated: float, peak: float, *sides: Side) -> Measured:
    return Measured(integrated_lufs=integrated, range_lu=3.0, true_peak_dbtp=peak, sides=sides)


def test_the_figures_are_read_as_ffmpeg_writes_them() -> None:
    found = read_measured(MESSAGES)
    assert found[0] == Measured(integrated_lufs=-70.0, range_lu=0.0, true_peak_dbtp=-120.0)
    assert found[1] == Measured(
        integrated_lufs=-19.0,
        range_lu=1.6,
        true_peak_dbtp=0.3,
        sides=(Side(rms_db=-12.535081, cut_off=200.0), Side(rms_db=-120.0), Side(rms_db=-18.55)),
        samples=48_000,
    )
    assert [notice.code for notice in judge(found[0], STEREO)] == ["silent"]
    assert [notice.code for notice in judge(found[1], STEREO)] == ["channel_dead", "clipped"]
    assert "right" in judge(found[1], STEREO)[0].message


def test_a_summary_that_is_cut_off_is_left_out() -> None:
    assert set(read_measured(MESSAGES[: MESSAGES.index("0.3 dBFS")])) == {0}


@given(st.text(alphabet="[]ebur128astats@0 x:SummaryPeakdBFSLUI-.n\n", max_size=300))
def test_no_message_breaks_the_reader(text: str) -> None:
    read_measured(text)
    read_measured(MESSAGES.replace("-19.0", text))


@pytest.mark.parametrize(
    ("integrated", "peak", "gain_db", "is_missed"),
    [
        (-23.0, -12.0, 7.0, False),
        (-10.0, 0.0, -6.0, False),
        (-23.0, -6.0, 4.5, True),
        (-16.3, -1.5, 0.0, False),
        (-16.0, 2.0, -3.5, True),
        (-50.0, -40.0, 20.0, True),
        (-70.0, -60.0, 0.0, False),
    ],
)
def test_the_gain_is_what_the_peaks_and_the_noise_leave_room_for(
    integrated: float, peak: float, gain_db: float, is_missed: bool
) -> None:
    gain, notices = gain_for(measured(integrated, peak), WEB)
    assert gain == pytest.approx(gain_db)
    assert [notice.code for notice in notices] == ["loudness_missed"] * is_missed


def test_without_a_target_the_sound_is_left_as_it_is() -> None:
    assert gain_for(measured(-40.0, -30.0), AudioRung(bitrate_bps=128_000)) == (0.0, ())


@given(st.floats(-69, 5), st.floats(-60, 12))
def test_no_gain_lifts_the_peaks_above_the_ladders(integrated: float, peak: float) -> None:
    gain_db, _ = gain_for(measured(integrated, peak), WEB)
    assert peak + gain_db <= WEB.true_peak_dbtp
    assert gain_db <= 20


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        (measured(-20, -3), []),
        (measured(-8, -1), ["too_loud"]),
        (measured(-38, -20), ["too_quiet"]),
        (measured(-20, -3, Side(rms_db=-20), Side(rms_db=-20), Side(rms_db=-23)), []),
        (measured(-20, -3, Side(rms_db=-20), Side(rms_db=-20), Side(rms_db=-40)), ["out_of_phase"]),
        (measured(-20, -3, Side(rms_db=-90), Side(rms_db=-20), Side(rms_db=-26)), ["channel_dead"]),
        (measured(-70, -30, Side(rms_db=-40), Side(rms_db=-40), Side(rms_db=-40)), []),
        (measured(-70, -90, Side(rms_db=-95), Side(rms_db=-95), Side(rms_db=-95)), ["silent"]),
    ],
)
def test_faults_are_told_apart(figures: Measured, codes: list[str]) -> None:
    assert [notice.code for notice in judge(figures, STEREO)] == codes


def test_a_downmix_that_passes_full_scale_is_no_fault_of_the_recording() -> None:
    sides = (Side(rms_db=-12, cut_off=5), Side(rms_db=-12, cut_off=5), Side(rms_db=-12))
    assert [notice.code for notice in judge(measured(-14, 3, *sides), STEREO)] == ["clipped"]
    assert judge(measured(-14, 3, *sides), SURROUND) == ()


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_what_is_heard_is_as_long_as_it_is_at_any_rate_of_the_ladder(tmp_path: Path, sample_rate: int) -> None:
    clips.make(tmp_path / "source", "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=2", "-ac", "2", "-f", "wav")
    rung = WEB.model_copy(update={"sample_rate": sample_rate})
    arguments = plan_measure(SMALL, (Programme(tracks=(track(0, 2),)),), rung, max_pixels=1)
    ran = subprocess.run(
        [clips.FFMPEG, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert read_measured(ran.stderr)[0].samples == pytest.approx(2 * sample_rate, abs=64)


def test_only_the_programmes_tracks_are_decoded_and_each_is_measured() -> None:
    arguments = plan_measure(SMALL, (STEREO, Programme(tracks=(track(3),))), WEB, max_pixels=1)
    graph = arguments[arguments.index("-filter_complex") + 1]
    assert "ebur128@0=framelog=quiet:peak=true" in graph
    assert "ebur128@1=framelog=quiet:peak=true" in graph
    assert [graph.count(f"[0:{index}]") for index in range(4)] == [0, 1, 0, 1]
    assert arguments[-3:] == ("-f", "null", "-")

"""What a drone notes down of itself is told from what somebody says."""

from __future__ import annotations

import pytest

from tasks.media.captions.selection import CaptionTrack, published
from tasks.media.captions.telemetry import is_telemetry
from tasks.media.captions.webvtt import Cue

ROWS = {
    "bracketed": (
        "SrtCnt : 7, DiffTime : 33ms\n2023-08-06 10:00:00.123\n[iso: 110] [shutter: 1/800.0] [fnum: 2.8] [ev: 0] "
        "[color_md : default] [focal_len: 24.00] [latitude: 10.77653] [longitude: -106.70098]"
    ),
    "indoors": "FrameCnt: 1, DiffTime: 16ms\n[iso : 400] [shutter : 1/60.0] [latitude: ] [longtitude: ]",
    "in one line": "F/2.8, SS 320, ISO 100, EV 0, DZOOM 1.0, GPS (106.7009, 10.7765, 20), D 12.3m, H 5.2m, H.S 0.0m/s",
    "of old": "HOME(106.7009,10.7765) 2018.05.12 10:20:30\nGPS(106.7009,10.7765,19) BAROMETER:0.2\nISO:100 Shutter:60",
}
SPOKEN = (
    "Ở độ cao 120 mét, phi công mất liên lạc.",
    "We shot this at ISO 800, f/2.8.",
    "F-16 và 2 chiếc khác đã cất cánh lúc 5:30.",
    "Home 2, guests 1 at half time.",
)


def cues(*texts: str) -> tuple[Cue, ...]:
    return tuple(Cue(start_s=at, end_s=at + 1, text=text) for at, text in enumerate(texts))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_rows_of_measures_are_not_published(row: str) -> None:
    assert is_telemetry(cues(row, row))
    assert published([(CaptionTrack(index=2, codec="mov_text"), cues(row, row))]) == ()


def test_words_are_published_whatever_they_speak_of() -> None:
    assert not is_telemetry(())
    assert not is_telemetry(cues(*SPOKEN))
    assert not is_telemetry(cues(ROWS["bracketed"], *SPOKEN))
    assert len(published([(CaptionTrack(index=2, codec="mov_text"), cues(*SPOKEN))])) == 1


def test_words_beside_the_measures_are_the_default() -> None:
    drone = CaptionTrack(index=2, codec="mov_text", is_default=True)
    (made,) = published([(drone, cues(*ROWS.values())), (CaptionTrack(index=3, codec="mov_text"), cues(*SPOKEN))])
    assert made.is_default
    assert len(made.cues) == len(SPOKEN)

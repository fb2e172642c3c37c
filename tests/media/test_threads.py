"""How many threads each part of an encode gets."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tasks.adapters.machine import usable_cores
from tasks.media.encoders import encoder_options
from tasks.media.ladder import PlannedRung
from tasks.media.source import VideoStream
from tasks.media.threads import ALL_THREADS, Threads, threads_for
from tests.media.test_ladder import VIDEO

RUNG = PlannedRung(name="360p", width=640, height=360, frame_rate=Fraction(25), crf=24, max_bitrate_bps=800_000)


HEAVY = replace(VIDEO, codec="hevc", pixel_format="yuv420p10le")


@pytest.mark.parametrize(
    ("cores", "threads"),
    [
        (1, Threads(decoder=2, filters=1, encoder=2)),
        (2, Threads(decoder=2, filters=1, encoder=2)),
        (8, Threads(decoder=8, filters=4, encoder=8)),
        (64, Threads(decoder=8, filters=32, encoder=16)),
    ],
)
def test_threads_follow_the_cores_within_what_helps(cores: int, threads: Threads) -> None:
    assert threads_for(cores, HEAVY, 8_000_000) == threads


@pytest.mark.parametrize(
    ("cores", "video", "bitrate_bps", "decoder"),
    [
        pytest.param(2, VIDEO, 14e6, 1, id="HD"),
        pytest.param(4, VIDEO, 14e6, 4, id="HD on more cores"),
        pytest.param(2, replace(VIDEO, codec="mpeg2video"), 14e6, 2, id="a codec whose threads cost nothing"),
        pytest.param(2, VIDEO, 100e6, 2, id="as cameras record it"),
        pytest.param(2, replace(VIDEO, pixel_format="yuv422p10le"), 14e6, 2, id="as studios record it"),
        pytest.param(2, replace(VIDEO, frame_rate=Fraction(50)), 14e6, 2, id="50 pictures a second"),
        pytest.param(2, replace(VIDEO, coded_width=3840, coded_height=2160), 14e6, 2, id="UHD"),
    ],
)
def test_what_one_thread_decodes_soon_enough_gets_one_on_few_cores(
    cores: int, video: VideoStream, bitrate_bps: float, decoder: int
) -> None:
    assert threads_for(cores, video, bitrate_bps).decoder == decoder


def test_ffmpeg_is_told_of_each_and_of_none_that_it_is_to_choose() -> None:
    some = Threads(decoder=2, filters=1, encoder=3)
    assert some.of_decoder == {"threads": 2}
    assert some.of_filters == ("-filter_complex_threads", "1")
    assert (ALL_THREADS.of_decoder, ALL_THREADS.of_filters) == ({}, ())
    hevc = RUNG.model_copy(update={"codec": "hevc"})
    told = encoder_options([RUNG, RUNG, hevc], preset="veryfast", gop=50, threads=some)
    assert {key: value for key, value in told.items() if key.startswith("threads")} == {
        "threads:v:0": 3,
        "threads:v:1": 1,
    }
    assert not [key for key in encoder_options([RUNG], preset="veryfast", gop=50) if key.startswith("threads")]


@pytest.mark.parametrize(
    ("told", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_containers_share_of_the_cores_counts(tmp_path: Path, told: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(told)
    own = len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path) == (own if cores is None else min(own, cores))
    assert usable_cores(tmp_path / "none") == own

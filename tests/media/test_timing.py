"""The frame rate."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.timing import claimed_rate, divided_rate, is_length_told, measured_rate

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("average", "nominal", "interlaced", "rate", "sure"),
    [
        (Fraction(25), Fraction(25), False, Fraction(25), True),
        (NTSC, NTSC, False, NTSC, True),
        (Fraction(60000, 1001), Fraction(60000, 1001), False, Fraction(60000, 1001), True),
        (Fraction(120), Fraction(120), False, Fraction(120), True),
        # A rounded duration next to the container's own word.
        (Fraction(6372000, 212521), NTSC, False, NTSC, True),
        (Fraction(2490, 100), Fraction(25), False, Fraction(25), True),
        # A constant rate that is no standard keeps its every frame.
        (Fraction(2500, 83), Fraction(2500, 83), False, Fraction(2500, 83), True),
        (Fraction(20), Fraction(20), False, Fraction(20), True),
        # Fields counted as frames.
        (Fraction(50), Fraction(50), True, Fraction(25), True),
        (Fraction(60000, 1001), Fraction(60000, 1001), True, NTSC, True),
        (Fraction(25), Fraction(50), True, Fraction(25), False),
        # Contradictions, silence and nonsense are measured.
        (Fraction(25, 2), Fraction(25), True, Fraction(25, 2), False),
        (Fraction(547500, 19019), NTSC, False, Fraction(547500, 19019).limit_denominator(1001), False),
        (None, Fraction(60000, 1001), False, Fraction(60000, 1001), False),
        (Fraction(90000), Fraction(25), False, Fraction(25), False),
        (None, None, False, Fraction(25), False),
    ],
)
def test_the_containers_claims_count_where_they_agree(
    average: Fraction | None, nominal: Fraction | None, interlaced: bool, rate: Fraction, sure: bool
) -> None:
    assert claimed_rate(average, nominal, interlaced=interlaced) == (rate, sure)


def steady(step_s: float, frames: int, *, without: tuple[int, ...] = (), clock_s: float = 1e-6) -> list[float]:
    return [round(frame * step_s / clock_s) * clock_s for frame in range(frames) if frame not in without]


@pytest.mark.parametrize(
    ("times_s", "claimed", "nominal", "rate"),
    [
        # XAVC whose average counts fields, cut off after a few frames.
        ([0.08, 0.0, 0.04, 0.2, 0.12, 0.16, 0.32], Fraction(25, 2), Fraction(25), Fraction(25)),
        # A phone that left frames out.
        (steady(1001 / 30000, 150, without=(2, 9, 40, 41, 90)), Fraction(28787, 1000), NTSC, NTSC),
        # Millisecond clocks (Matroska, FLV).
        (steady(1001 / 30000, 300, clock_s=0.001), Fraction(29), None, NTSC),
        (steady(1 / 60, 300, clock_s=0.001), Fraction(1000), None, Fraction(60)),
        (steady(0.04, 200, clock_s=0.001), Fraction(25, 2), Fraction(1000), Fraction(25)),
        # A screen captured about twice a second, and a camera of 8 to 25.
        ([0, 0.35, 1.0, 1.52, 1.96, 2.7, 2.93, 3.43, 4.2], Fraction(2), Fraction(120), Fraction(25)),
        (
            [0, 1.997, 2.035, 2.097, 2.193, 2.312, 2.437, 2.548, 2.672, 2.772, 2.887, 2.998, 3.123, 3.228],
            Fraction(37, 5),
            Fraction(600),
            Fraction(25),
        ),
        ([0, 0.03, 0.09, 0.22, 0.3, 0.45, 0.48, 0.6, 0.75, 0.8], Fraction(37, 5), Fraction(600), Fraction(25)),
        # Too few to tell.
        ([0.0], Fraction(60000, 1001), Fraction(60000, 1001), Fraction(60000, 1001)),
        ([], Fraction(7), None, Fraction(7)),
        ([1.0, 1.0, 1.0], Fraction(25), Fraction(90000), Fraction(25)),
    ],
)
def test_packet_times_decide_where_the_claims_differ(
    times_s: list[float], claimed: Fraction, nominal: Fraction | None, rate: Fraction
) -> None:
    assert measured_rate(times_s, claimed, nominal) == rate


@given(st.lists(st.floats(-1e6, 1e6), max_size=50))
def test_any_times_give_a_rate_that_can_be_encoded(times_s: list[float]) -> None:
    assert 1 <= measured_rate(times_s, Fraction(25), None) <= 240


@pytest.mark.parametrize(
    ("container", "start_s", "duration_s", "is_told"),
    [
        ("mov,mp4,m4a,3gp,3g2,mj2", 80_000, "90000", True),
        ("mov,mp4,m4a,3gp,3g2,mj2", 0, None, False),
        ("matroska,webm", 0.021, "4", True),
        # From a live stream: what is told may be the time of the end.
        ("matroska,webm", 80_000, "80004", False),
        ("mpegts", 80_000, "60", True),
    ],
)
def test_a_length_is_believed_where_the_container_can_know_it(
    container: str, start_s: float, duration_s: str | None, is_told: bool
) -> None:
    form: dict[str, object] = {"format_name": container, "start_time": str(start_s)}
    form |= {"duration": duration_s} if duration_s is not None else {}
    assert is_length_told(form) == is_told


@pytest.mark.parametrize(
    ("rate", "most", "shown"),
    [
        (Fraction(25), 30, Fraction(25)),
        (Fraction(50), 30, Fraction(25)),
        (Fraction(60000, 1001), 30, NTSC),
        (Fraction(120), 30, Fraction(30)),
        (Fraction(90), 30, Fraction(30)),
        (Fraction(75), 30, Fraction(25)),
        (Fraction(2500, 83), 30, Fraction(2500, 83)),
        (Fraction(50), 60, Fraction(50)),
    ],
)
def test_a_fast_source_is_shown_at_the_largest_whole_fraction(rate: Fraction, most: float, shown: Fraction) -> None:
    assert divided_rate(rate, most) == shown


@pytest.mark.parametrize("clock", [90_000, 1000])
@pytest.mark.parametrize(("rate", "film"), [("60000/1001", "24000/1001"), ("60", "24")])
def test_film_that_is_flagged_to_be_pulled_down_keeps_its_rate(rate: str, film: str, clock: int) -> None:
    fields = accumulate([0, *(3, 2) * 60])
    times = [round(number / float(Fraction(rate)) * clock) / clock for number in fields]
    assert measured_rate(times, Fraction(30000, 1001), Fraction(rate)) == Fraction(film)
    assert measured_rate([*times[:40], *times[42:]], Fraction(30000, 1001), Fraction(rate)) == Fraction(film)
    # With some video behind it, the rate at which that moves.
    video = [times[-1] + 2 * number / float(Fraction(rate)) for number in range(1, 60)]
    assert measured_rate([*times, *video], Fraction(30000, 1001), Fraction(rate)) == Fraction(rate) / 2


@pytest.mark.parametrize("without", ["one in nine", "those of the reference pictures"])
def test_film_keeps_its_rate_where_not_every_picture_has_a_time(without: str) -> None:
    # As in programme streams, in which the last of three reference pictures has none, say.
    kept = [place for place in range(240) if (place % 9 != 4 if without == "one in nine" else place % 3 != 2)]
    fields = [*accumulate([0, *(3, 2) * 120])]
    times = [fields[place] * 1001 / 60000 for place in kept]
    assert measured_rate(times, NTSC, Fraction(60000, 1001)) == Fraction(24000, 1001)


@pytest.mark.parametrize("missing", [1000, 4])
@pytest.mark.parametrize("video", [60, 100, 400])
def test_between_film_all_frames_of_the_video_are_shown(video: int, missing: int) -> None:
    fields = [*accumulate([0, *(3, 2) * 100, *(2,) * video, *(3, 2) * 100])]
    times = [count * 1001 / 60000 for place, count in enumerate(fields) if (place + 1) % missing]
    assert measured_rate(times, NTSC, Fraction(60000, 1001)) == NTSC

"""“Did you mean”."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.news.suggest import edit_distance, suggest


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("120320_OHIA1", "120320_OHAI1"),
        ("120320_OHAI2", "120320_OHAI1"),
        ("031220_OHAI1", "120320_OHAI1"),
        ("120420_OHAI1", "120320_OHAI1"),
        ("120320_OHAI", "120320_OHAI1"),
        ("le_khai_mac", "lễ_khai_mạc"),
    ],
)
def test_a_slip_another_take_or_another_order_of_the_date_finds_the_clip(written: str, meant: str) -> None:
    assert suggest(written, ["110119_XYZ9", meant]) == (meant,)


@pytest.mark.parametrize("other", ["120320_BHOA1", "010101_OHAI1", "120420_OHIA2"])
def test_what_differs_in_more_than_one_way_is_not_meant(other: str) -> None:
    assert suggest("120320_OHAI1", [other]) == ()


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_the_distance_is_the_same_both_ways_and_stops_at_its_limit(one: str, other: str) -> None:
    assert edit_distance(one, other, 3) == edit_distance(other, one, 3) <= 4
    assert (edit_distance(one, other, 3) == 0) == (one == other)

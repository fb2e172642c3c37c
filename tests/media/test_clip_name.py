"""Clip names."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.clip import ClipName, parse_clip_name


@pytest.mark.parametrize(
    ("stem", "air_date", "slug", "take"),
    [
        ("120320_OHAI1", date(2020, 12, 3), "OHAI", 1),
        ("120320_OTHANH3", date(2020, 12, 3), "OTHANH", 3),
        ("120320_ohai12", date(2020, 12, 3), "OHAI", 12),
        ("022920_LEAP", date(2020, 2, 29), "LEAP", None),
        ("010199_A-B_C2", date(2099, 1, 1), "A-B_C", 2),
    ],
)
def test_a_conventional_name_tells_date_slug_and_take(stem: str, air_date: date, slug: str, take: int | None) -> None:
    assert parse_clip_name(stem) == ClipName(name=stem, air_date=air_date, slug=slug, take=take)


@pytest.mark.parametrize(
    "stem",
    ["", "OHAI1", "130120_A1", "022919_A1", "1203_OHAI1", "120320OHAI1", "120320_", "120320_1", "120320_A1 copy"],
)
def test_any_other_name_has_no_parts(stem: str) -> None:
    assert parse_clip_name(stem) == ClipName(name=stem)


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.from_regex(r"[A-Z]{1,12}", fullmatch=True),
    st.none() | st.integers(0, 999),
)
def test_what_the_convention_writes_it_reads(air_date: date, slug: str, take: int | None) -> None:
    stem = f"{air_date:%m%d%y}_{slug}{'' if take is None else take}"
    assert parse_clip_name(stem) == ClipName(name=stem, air_date=air_date, slug=slug, take=take)


@given(st.text())
def test_no_name_is_refused_and_all_are_composed(stem: str) -> None:
    clip = parse_clip_name(stem)
    assert clip.name == unicodedata.normalize("NFC", stem)
    assert clip.is_conventional == (clip.slug is not None)

"""Date lines as portals print them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.news.dateline import read_dateline

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
OLDEST = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NEWEST = datetime(2099, 12, 31, tzinfo=UTC).replace(tzinfo=None)


def published(line: str, zone: ZoneInfo = HANOI) -> str | None:
    found = read_dateline(line, zone=zone)
    assert found is not None
    assert found.has_date
    return found.published_at


@pytest.mark.parametrize(
    "line",
    [
        "Thứ 5, 03.12.2020 | 18:00:30",
        "Thứ năm, 3/12/2020 - 18:00:30",
        "Thứ Năm, ngày 03-12-2020, 18:00:30 (GMT+7)",
        "THỨ 5, 03.12.20 18:00:30",
        "2020-12-03T18:00:30+07:00",
        "2020-12-03T11:00:30Z",
        "2020/12/03 18:00:30",
        "18:00:30 | 03/12/2020",
        "18:00:30, Thứ năm, ngày 3 tháng 12 năm 2020",
        "Cập nhật lúc 06:00:30 PM ngày 03/12/2020",
        "Ngày đăng: 03/12/2020 06:00:30 CH",
    ],
)
def test_every_form_of_the_date_gives_the_same_moment_with_the_newsrooms_offset(line: str) -> None:
    assert published(line) == "2020-12-03T18:00:30+07:00"


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("Chủ nhật, 06.12.2020 | 07:05", "2020-12-06T07:05:00+07:00"),
        ("07:05 Chủ nhật, 06.12.2020", "2020-12-06T07:05:00+07:00"),
        ("CN, 06.12.2020 | 7h05", "2020-12-06T07:05:00+07:00"),
        ("6/12/2020, 7 giờ 05 phút", "2020-12-06T07:05:00+07:00"),
        ("29.02.2024 | 12:30 AM", "2024-02-29T00:30:00+07:00"),
    ],
)
def test_seconds_may_be_missing_and_hours_written_in_words(line: str, moment: str) -> None:
    assert published(line) == moment


def test_the_offset_is_that_of_the_newsrooms_zone_on_that_day() -> None:
    assert published("03.07.2020 | 18:00", ZoneInfo("Europe/Berlin")) == "2020-07-03T18:00:00+02:00"
    assert published("03.12.2020 | 18:00", ZoneInfo("Europe/Berlin")) == "2020-12-03T18:00:00+01:00"


def test_a_date_without_a_time_counts_from_midnight_and_says_so() -> None:
    found = read_dateline("Thứ 5, 03.12.2020", zone=HANOI)
    assert found is not None
    assert found.published_at == "2020-12-03T00:00:00+07:00"
    assert found.notice is not None
    assert found.notice.code == "time_missing"


@pytest.mark.parametrize(
    "line",
    ["45.13.2020 | 18:00", "30.02.2021", "03.12.2020 | 25:00", "0000-01-01", "9999-12-31", "3.12.2020 8:00 +99:00"],
)
def test_a_date_that_does_not_exist_gives_none_and_a_notice(line: str) -> None:
    found = read_dateline(line, zone=HANOI)
    assert found is not None
    assert found.published_at is None
    assert found.notice is not None
    assert found.notice.code == "date_not_understood"


@pytest.mark.parametrize(
    ("line", "views"),
    [
        ("192 lượt xem", 192),
        ("1.234 lượt xem", 1234),
        ("1,234,567 views", 1234567),
        ("Lượt xem: 192", 192),
        ("Thứ 5, 03.12.2020 | 18:00:30 | 192 lượt xem", 192),
        ("Thứ 5, 03.12.2020 | 18:00:30 192 lượt xem", 192),
    ],
)
def test_views_are_a_number_with_or_without_separators(line: str, views: int) -> None:
    found = read_dateline(line, zone=HANOI)
    assert found is not None
    assert found.views == views


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Thứ 5",
        "Hội nghị khai mạc lúc 18:00 ngày 03.12.2020",
        "Bài viết có 192 lượt xem trong ngày đầu",
        "Ngày 3 tháng 12, nước rút khỏi chân đê.",
        "Quyết định 03/12/2020/QĐ-UBND",
        "Video: 120320_OHAI1.mp4",
    ],
)
def test_a_line_that_says_more_than_the_date_is_no_date_line(line: str) -> None:
    assert read_dateline(line, zone=HANOI) is None


@given(st.text(alphabet="0123456789:./-+ |thứngàyhqpmzgt,", max_size=60))
def test_any_line_is_read_without_an_error(line: str) -> None:
    read_dateline(line, zone=HANOI)


@given(st.datetimes(min_value=OLDEST, max_value=NEWEST))
def test_a_portals_date_line_comes_back_as_the_time_it_was_printed_from(moment: datetime) -> None:
    line = f"{moment:%d.%m.%Y | %H:%M:%S}"
    assert published(line) == f"{moment:%Y-%m-%dT%H:%M:%S}+07:00"

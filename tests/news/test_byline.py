"""Which last lines of an article are its byline."""

from __future__ import annotations

import pytest

from tests.news.articles import LEDE, SECOND, kinds, parse


@pytest.mark.parametrize(
    "byline",
    [
        "Phạm Ngọc",
        "Nguyễn Hình - Thanh Thủy",
        "Nguyễn Hình, Thanh Thủy và Lê Minh Anh",
        "PV",
        "Nhóm PV",
        "CTV Minh Hà",
        "Theo TTXVN",
        "Theo baovinhsa.vn",
        "Nguồn: Báo điện tử của tỉnh",
        "Tin, ảnh: Nguyễn Văn A",
        "Bài và ảnh: Thu Lam",
        "Tin - Ảnh: Thu Lam",
        "Thu Lam (tổng hợp)",
    ],
)
@pytest.mark.parametrize("below", ["", "\n\n  • Từ khóa\nChợ gạo mới\nChợ gạo mới", "\n\nVideo: A9.mp4"])
def test_the_credit_on_the_last_line_is_the_byline_and_no_paragraph(byline: str, below: str) -> None:
    article = parse(LEDE, SECOND, f"{byline} {below}")
    assert article.byline == byline
    assert kinds(article) == [("body", LEDE), ("body", SECOND)]


def test_labelled_credits_on_several_lines_make_one_byline() -> None:
    assert parse(LEDE, "Nguyễn Hình\nẢnh: Thanh Thủy").byline == "Nguyễn Hình, Ảnh: Thanh Thủy"
    assert parse(LEDE, "Tin: Nguyễn Hình\nVideo: Minh Đức").byline == "Tin: Nguyễn Hình, Video: Minh Đức"


@pytest.mark.parametrize(
    "last",
    [
        "Quang cảnh hội nghị",
        "Ông Trần Quang Hải",
        "Ảnh: quang cảnh hội nghị",
        "Theo kế hoạch của tỉnh",
        "Tin vui cho bà con",
        "“Chúng tôi sẽ làm được”",
        "Hết.",
        SECOND,
    ],
)
def test_a_caption_or_a_sentence_at_the_end_is_no_byline(last: str) -> None:
    article = parse(LEDE, last)
    assert article.byline == ""
    assert kinds(article)[-1][1] == last


def test_names_in_mid_story_are_no_byline() -> None:
    article = parse(LEDE, "Phạm Ngọc", SECOND)
    assert article.byline == ""
    assert kinds(article)[1] == ("caption", "Phạm Ngọc")

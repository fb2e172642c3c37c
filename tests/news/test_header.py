"""What of an article's beginning is its title, its date and its views."""

from __future__ import annotations

import pytest

from tasks.errors import SourceRejected
from tasks.news.article import parse_article
from tests.news.articles import HANOI, LEDE, SECOND, codes, kinds, parse


def test_title_date_and_views_are_told_apart_from_the_text() -> None:
    article = parse(LEDE)
    assert article.title == "Đắp đê trước mùa mưa"
    assert article.published_at == "2020-12-03T18:00:30+07:00"
    assert article.views == 192
    assert article.lede == LEDE
    assert kinds(article) == [("body", LEDE)]
    assert article.warnings == ()


@pytest.mark.parametrize(
    "header",
    [
        "Thứ 5, 03.12.2020 | 18:00:30\nĐắp đê\n\n192 lượt xem\n\n",
        "Đắp đê\n192 lượt xem | 03/12/2020 18:00:30\n",
        "\n\n Đắp đê\u00a0\n\n18:00:30 03-12-2020\n1.234 lượt xem",
    ],
)
def test_date_and_views_may_stand_in_any_order_around_the_title(header: str) -> None:
    article = parse(LEDE, header=f"{header}\n")
    assert (article.title, article.published_at) == ("Đắp đê", "2020-12-03T18:00:30+07:00")
    assert kinds(article) == [("body", LEDE)]


def test_the_date_may_follow_the_lede_but_a_date_further_down_is_text() -> None:
    after_lede = parse(LEDE, "03.12.2020 | 18:00", SECOND, header="Đắp đê\n\n")
    assert after_lede.published_at == "2020-12-03T18:00:00+07:00"
    further_down = parse(LEDE, SECOND, "03.12.2020 | 18:00", SECOND, header="Đắp đê\n\n")
    assert further_down.published_at is None
    assert ("caption", "03.12.2020 | 18:00") in kinds(further_down)
    assert codes(further_down) == ["date_missing"]


def test_of_two_dates_the_first_counts() -> None:
    article = parse(LEDE, header="Đắp đê\n03.12.2020 | 18:00\nCập nhật: 04.12.2020 | 09:00\n\n")
    assert article.published_at == "2020-12-03T18:00:00+07:00"
    assert kinds(article) == [("body", LEDE)]


def test_a_date_that_does_not_exist_is_told_and_is_no_paragraph() -> None:
    article = parse(LEDE, header="Đắp đê\n45.13.2020 | 18:00\n\n")
    assert article.published_at is None
    assert codes(article) == ["date_not_understood"]
    assert kinds(article) == [("body", LEDE)]


def test_a_first_line_too_long_for_a_title_is_text() -> None:
    long_lede = f"{LEDE} " * 8 + "Hết."
    article = parse(header=long_lede)
    assert article.title == ""
    assert article.lede == long_lede
    assert codes(article) == ["title_missing", "date_missing"]


def test_a_title_alone_is_an_article_and_a_warning() -> None:
    article = parse(header="Đắp đê trước mùa mưa")
    assert article.title == "Đắp đê trước mùa mưa"
    assert article.paragraphs == ()
    assert article.lede == ""
    assert "text_missing" in codes(article)


@pytest.mark.parametrize(
    "text", ["", " \n\t\n", "\ufeff\u200b\u00a0", "----\n***\n…", "Thứ 5, 03.12.2020 | 18:00", "• Từ khóa\nĐắp đê"]
)
def test_an_article_without_text_is_rejected(text: str) -> None:
    with pytest.raises(SourceRejected) as rejected:
        parse_article(text, zone=HANOI)
    assert rejected.value.code == "article_empty"

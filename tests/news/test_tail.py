"""What stands below an article's text, and is no part of it."""

from __future__ import annotations

import pytest

from tests.news.articles import LEDE, SECOND, codes, kinds, owners, parse


def test_what_follows_the_keywords_line_is_related_and_never_a_paragraph() -> None:
    article = parse(LEDE, "Thu Lam", "  • Từ khóa\nChợ gạo mới\nChợ gạo mới", "Từ ba giờ sáng, đò đã cập bến...")
    assert kinds(article) == [("body", LEDE)]
    assert article.byline == "Thu Lam"
    assert article.keywords == ()
    assert article.related == ("Chợ gạo mới", "Chợ gạo mới", "Từ ba giờ sáng, đò đã cập bến...")


@pytest.mark.parametrize(
    "tail",
    [
        "Từ khóa: đê điều, lúa thơm, trường học",
        "• TỪ KHOÁ : đê điều; lúa thơm; trường học",
        "Tags: đê điều, lúa thơm, trường học",
        "  • Từ khóa\nđê điều, lúa thơm, trường học",
        "  • Từ khóa\n• đê điều\n• lúa thơm\n• trường học",
        "  • Từ khóa\n#đê điều #lúa thơm #trường học",
    ],
)
def test_keywords_are_read_beside_their_marker_or_below_it(tail: str) -> None:
    article = parse(LEDE, f"{tail}\nChợ gạo mới bên bến đò Bến Lụa")
    assert article.keywords == ("đê điều", "lúa thơm", "trường học")
    assert article.related == ("Chợ gạo mới bên bến đò Bến Lụa",)


def test_a_sentence_about_keywords_is_text() -> None:
    line = "Từ khóa “đê điều” được tìm nhiều nhất trong tuần."
    assert kinds(parse(LEDE, line)) == [("body", LEDE), ("body", line)]


def test_a_box_of_related_stories_ends_the_story_only_when_no_reference_follows() -> None:
    assert parse(LEDE, "Tin liên quan", "Chợ gạo mới").related == ("Chợ gạo mới",)
    in_mid_story = parse(LEDE, "Tin liên quan", "Chợ gạo mới", SECOND, "Video: A1.mp4")
    assert in_mid_story.related == ()
    assert owners(in_mid_story) == {"A1": SECOND}


def test_a_reference_below_the_keywords_is_passed_over_with_a_warning() -> None:
    article = parse(LEDE, "• Từ khóa", "Video: A1.mp4")
    assert article.references == ()
    assert codes(article) == ["reference_in_tail"]

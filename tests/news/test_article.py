"""What each line of an article is taken for."""

from __future__ import annotations

import textwrap

import pytest

from tasks.news.article import parse_article
from tasks.news.text import one_line
from tests.news.articles import CAPTION, HANOI, LEDE, SECOND, codes, kinds, owners, parse


@pytest.mark.parametrize(
    "line",
    [
        SECOND,
        "Đê đã xong!",
        "Bao giờ đê xong?",
        "Ông Hải nói:",
        "Kênh bồi lắng, trạm bơm quá tuổi,…",
        "Kênh bồi lắng, trạm bơm quá tuổi...",
        "Kho thóc được xây ở ba xã ven sông./.",
        "“Được rồi!”",
        "“Chúng tôi sẽ làm được”",
        "Ông Hải nói: “Chúng tôi sẽ làm được”",
        "Đê đã xong (theo Ban Quản lý đê điều.)",
        "- Đắp cao 5 km đê tả ngạn",
        "• Nạo vét kênh số 4",
        "Đê dài " * 40,
    ],
)
def test_what_ends_a_sentence_is_speech_an_item_or_long_is_body(line: str) -> None:
    assert kinds(parse(LEDE, line, SECOND))[1] == ("body", one_line(line))


@pytest.mark.parametrize(
    "line",
    [
        CAPTION,
        "Ông Trần Quang Hải, Giám đốc Sở Nông nghiệp, phát biểu tại hội nghị",
        "Lễ phát động phong trào “Lúa vàng”",
        "Ông Hải (bên phải) kiểm tra đê",
        "Bà con đắp đê. Ảnh: Minh Đức",
        "Bà con đắp đê (Ảnh: TTXVN)",
        "Ảnh: Minh Đức.",
    ],
)
def test_a_short_line_that_ends_no_sentence_is_a_caption(line: str) -> None:
    assert kinds(parse(LEDE, line, SECOND))[1] == ("caption", line)


@pytest.mark.parametrize("line", ["1. Việc đắp đê", "II. Giữ giống lúa", "a) Kênh số 4", "BA VIỆC TRƯỚC MÙA MƯA"])
def test_numbered_and_capital_lines_are_headings(line: str) -> None:
    assert kinds(parse(LEDE, line, SECOND))[1] == ("heading", line)


def test_a_caption_before_the_lede_is_not_the_lede() -> None:
    article = parse(CAPTION, LEDE)
    assert article.lede == LEDE
    assert kinds(article) == [("caption", CAPTION), ("body", LEDE)]


def test_the_only_line_of_an_article_is_its_body_even_without_a_full_stop() -> None:
    article = parse("Nước rút khỏi chân đê")
    assert kinds(article) == [("body", "Nước rút khỏi chân đê")]
    assert article.lede == "Nước rút khỏi chân đê"


def test_each_line_is_a_paragraph_with_or_without_blank_lines_between() -> None:
    assert kinds(parse(f"{LEDE}\n{CAPTION}\n{SECOND}")) == kinds(parse(LEDE, CAPTION, SECOND))


def test_lines_of_a_text_wrapped_at_one_width_are_joined() -> None:
    paragraphs = [
        f"{LEDE} {SECOND} Nước rút khỏi chân đê từ sáng sớm, bà con trở lại đồng. {LEDE}",
        SECOND * 3,
        LEDE,
    ]
    wrapped = "\n\n".join("\n".join(textwrap.wrap(paragraph, 60)) for paragraph in paragraphs)
    wrapped = wrapped.replace(f"\n\n{LEDE}", f"\nVideo: 120320_OHAI1.mp4\n\n{LEDE}")
    article = parse(wrapped)
    assert [text for _, text in kinds(article)] == paragraphs
    assert owners(article) == {"120320_OHAI1": paragraphs[1]}


def test_a_reference_belongs_to_the_body_paragraph_before_it() -> None:
    article = parse(LEDE, "Video: A1.mp4", SECOND, "Video: A2.mp4")
    assert owners(article) == {"A1": LEDE, "A2": SECOND}
    assert [kind for kind, _ in kinds(article)] == ["body", "body"]


def test_a_caption_or_a_heading_between_does_not_take_the_reference() -> None:
    article = parse(LEDE, CAPTION, "Video: A1.mp4", SECOND, "1. Việc đắp đê", "Video: A2.mp4", LEDE)
    assert owners(article) == {"A1": LEDE, "A2": SECOND}


def test_a_reference_before_the_first_paragraph_belongs_to_none() -> None:
    before_text = parse("Video: A1.mp4", CAPTION, "Video: A2.mp4", LEDE)
    assert owners(before_text) == {"A1": None, "A2": None}
    before_title = parse(LEDE, header="Video: A1.mp4\nĐắp đê\n\n")
    assert before_title.title == "Đắp đê"
    assert owners(before_title) == {"A1": None}


def test_several_references_in_a_line_and_in_lines_keep_their_order() -> None:
    article = parse(LEDE, "Video: A2.mp4, A1.mp4\nClip: A3.mp4")
    assert [each.name for each in article.references] == ["A2", "A1", "A3"]


def test_a_labelled_line_that_names_no_clip_stays_in_the_text_with_a_warning() -> None:
    article = parse(LEDE, "Video: Toàn cảnh hội nghị", SECOND)
    assert article.references == ()
    assert kinds(article)[1] == ("caption", "Video: Toàn cảnh hội nghị")
    assert codes(article) == ["reference_not_understood"]


def test_references_alone_are_an_article_without_a_text() -> None:
    article = parse_article("Video: A1.mp4", zone=HANOI)
    assert owners(article) == {"A1": None}
    assert {"title_missing", "text_missing"} <= set(codes(article))

"""Whatever an article holds, it is read or rejected, and its parts fit together."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.news.article import ParsedArticle, parse_article
from tasks.news.text import normalise, one_line, with_vietnamese_d
from tests.news.articles import HANOI, HEADER, LEDE, parse

bodies = st.from_regex(r"[A-ZĐÊ][a-zđêửạ ,]{0,60}[.!?…:]", fullmatch=True).map(one_line)
captions = st.from_regex(r"[A-ZĐ][a-zđêửạ]{2,10} [a-zđêửạ]{2,20}", fullmatch=True)
references = st.from_regex(r"Video: 120320_[A-Z]{1,5}[1-9]\.mp4", fullmatch=True)
any_lines = st.one_of(
    bodies,
    captions,
    references,
    st.sampled_from(
        ["", "• Từ khóa", "Tin liên quan", "Phạm Ngọc", "03.12.2020", "192 lượt xem", "1. Đê", "Video: đê"]
    ),
    st.text(max_size=80),
)
any_text = st.lists(any_lines).map("\n".join)


@given(any_text)
@example("\u00d0")
def test_any_text_is_read_or_rejected_and_its_parts_fit_together(text: str) -> None:
    try:
        article = parse_article(text, zone=HANOI)
    except SourceRejected:
        return
    lines = {one_line(with_vietnamese_d(line)) for line in normalise(text).split("\n")}
    parts = [article.title, *article.related, *(paragraph.text for paragraph in article.paragraphs)]
    assert all(part in lines for part in parts if part)
    for reference in article.references:
        assert reference.paragraph is None or article.paragraphs[reference.paragraph].kind == "body"
    body = [paragraph.text for paragraph in article.paragraphs if paragraph.kind == "body"]
    assert article.lede == (body[0] if body else "")


@given(any_text)
def test_composed_and_decomposed_letters_and_any_line_end_give_the_same_article(text: str) -> None:
    variants = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text).replace("\n", "\r\n")]
    outcomes: list[ParsedArticle | str] = []
    for variant in variants:
        try:
            outcomes.append(parse_article(variant, zone=HANOI))
        except SourceRejected as rejected:
            outcomes.append(rejected.code)
    assert outcomes == [outcomes[0]] * 3


@given(st.lists(st.one_of(bodies, captions, references), min_size=1))
def test_each_reference_goes_to_the_last_body_paragraph_above_it(lines: list[str]) -> None:
    # A body line first and last keeps byline and lone-caption rules out of this.
    lines = ["Đê đã xong.", *lines, "Lúa đã gặt."]
    article = parse(*lines)
    owner, expected = -1, []
    shown = [line for line in lines if not line.startswith("Video: ")]
    position = -1
    for line in lines:
        if line.startswith("Video: "):
            expected.append((line.removeprefix("Video: ").removesuffix(".mp4"), owner))
        else:
            position += 1
            owner = position if line.endswith((".", "!", "?", "…", ":")) else owner
    assert [paragraph.text for paragraph in article.paragraphs] == shown
    assert [(each.name, each.paragraph) for each in article.references] == expected


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        ".",
        "“",
        "Video: ",
        "Video: a.mp4 ",
        "03.12.2020 ",
        "Tin, ",
        "- ",
        "1.",
        "\u0301\u0323",
        "Ảnh: ",
        "A-",
    ],
)
def test_a_hostile_line_of_a_megabyte_ends(piece: str) -> None:
    for before in ("", f"{HEADER}{LEDE}\n", f"{HEADER}{LEDE}\n• Từ khóa: "):
        try:
            parse_article(before + piece * (1_000_000 // len(piece)), zone=HANOI)
        except SourceRejected as rejected:
            # A few pieces hold no letter at all; one refers to a clip thousands of times.
            assert rejected.code in {"article_empty", "article_too_long"}  # noqa: PT017


@pytest.mark.parametrize("line", ["Video: a1.mp4", "Video: a1.mp4" + ", a1.mp4" * 9])
def test_more_than_five_hundred_references_are_rejected(line: str) -> None:
    clips = line.count("a1")
    assert len(parse_article("\n".join([line] * (500 // clips)), zone=HANOI).references) == 500
    with pytest.raises(SourceRejected) as rejected:
        parse_article("\n".join([line] * (500 // clips + 1)), zone=HANOI)
    assert rejected.value.code == "article_too_long"


def test_a_file_of_a_million_lines_is_rejected() -> None:
    with pytest.raises(SourceRejected) as rejected:
        parse_article("Video: a1.mp4\n" * 1_000_000, zone=HANOI)
    assert rejected.value.code == "article_too_long"

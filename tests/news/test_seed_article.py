"""Whole articles: the newsroom's own, which is not in this repository, and the demo's."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.news.article import ParsedArticle, parse_article
from tasks.news.text import decode_article

REPOSITORY = Path(__file__).parents[2]
SEED = REPOSITORY / ".." / "shared" / "seed" / "article.txt"
DEMO = REPOSITORY / "workers" / "assets" / "demo_article.txt"


def read(path: Path) -> ParsedArticle:
    return parse_article(decode_article(path.read_bytes()), zone=ZoneInfo("Asia/Ho_Chi_Minh"))


def beginnings(article: ParsedArticle) -> dict[str, str]:
    return {
        each.name: article.paragraphs[each.paragraph].text for each in article.references if each.paragraph is not None
    }


@pytest.fixture(scope="module")
def seed() -> ParsedArticle:
    if not SEED.is_file():
        pytest.skip(
            "the newsroom's article is not in this repository; it is read at ../shared/seed/article.txt beside it"
        )
    return read(SEED)


def test_the_seeds_header_and_byline_are_read(seed: ParsedArticle) -> None:
    assert seed.title.startswith("Ban chấp hành Đảng bộ tỉnh")
    assert seed.title.endswith("một số nội dung quan trọng")
    assert seed.published_at == "2020-12-03T18:00:30+07:00"
    assert seed.views == 192
    assert seed.lede.startswith("Chiều nay, Ban chấp hành")
    assert seed.lede.endswith("một số nội dung quan trọng khác.")
    assert seed.byline == "Phạm Ngọc"
    assert seed.warnings == ()


def test_the_seeds_references_go_to_the_paragraphs_before_them(seed: ParsedArticle) -> None:
    expected = {
        "120320_OTHANH3": "Trên cơ sở kết quả đạt được năm 2020",
        "120320_OHAI1": "Phát biểu kết luận tại kỳ họp",
        "120320_OHAI2": "Trên cơ sở đó, đồng chí Bí thư",
        "120320_OHAI3": "Đồng chí Bí thư Tỉnh ủy đề nghị các đơn vị",
        "120320_OHAI4": "Bên cạnh đó, các sở",
    }
    found = beginnings(seed)
    assert list(found) == list(expected)
    assert all(found[name].startswith(text) for name, text in expected.items())


def test_the_seeds_captions_and_tail_are_no_body_paragraphs(seed: ParsedArticle) -> None:
    assert [paragraph.kind for paragraph in seed.paragraphs] == (
        ["body", "body", "caption", "body", "caption", "body", "body", "caption"] + ["body"] * 6
    )
    assert len(seed.related) == 3
    assert not {paragraph.text for paragraph in seed.paragraphs} & set(seed.related)


def test_the_demo_article_has_the_seeds_form_and_reads_without_a_warning() -> None:
    demo = read(DEMO)
    assert demo.published_at == "2020-12-03T18:00:30+07:00"
    assert demo.views == 192
    assert demo.byline == "Thu Lam"
    assert demo.warnings == ()
    assert [paragraph.kind for paragraph in demo.paragraphs] == (
        ["body", "body", "caption", "body", "caption", "body", "body", "caption"] + ["body"] * 6
    )
    assert len(demo.related) == 3
    speakers = {name: "Thành" if name == "120320_OTHANH3" else "Hải" for name in beginnings(demo)}
    assert list(speakers) == ["120320_OTHANH3", "120320_OHAI1", "120320_OHAI2", "120320_OHAI3", "120320_OHAI4"]
    assert all(speaker in beginnings(demo)[name] for name, speaker in speakers.items())


def test_the_demo_article_borrows_no_sentence_of_the_seed(seed: ParsedArticle) -> None:
    def runs(article: ParsedArticle) -> set[tuple[str, ...]]:
        texts = [article.title, *article.related, *(paragraph.text for paragraph in article.paragraphs)]
        words = [text.casefold().split() for text in texts]
        return {tuple(each[start : start + 5]) for each in words for start in range(len(each) - 4)}

    assert not runs(seed) & runs(read(DEMO))

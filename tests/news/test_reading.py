"""Articles in other formats than plain text: what is refused, and that hostile files end."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest

from tasks.errors import SourceRejected
from tasks.news.article import ParsedArticle
from tasks.news.reading import EXTENSIONS, read_article


def read(text: str, extension: str) -> ParsedArticle:
    return read_article(text.encode(), extension, zone=ZoneInfo("Asia/Ho_Chi_Minh"))


def test_an_unknown_extension_is_refused_with_those_that_are_taken() -> None:
    with pytest.raises(SourceRejected) as refused:
        read("x", "docx")
    assert refused.value.code == "unknown_extension"
    assert all(f".{each}" in refused.value.message for each in EXTENSIONS)


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"a": 1}', "{" * 100_000, "[" * 100_000, "1" * 10_000])
def test_json_that_is_no_news_item_is_refused(text: str) -> None:
    with pytest.raises(SourceRejected) as refused:
        read(text, "json")
    assert refused.value.code == "article_not_ninjs"


@pytest.mark.parametrize("extension", ["html", "md", "json"])
@pytest.mark.parametrize(
    "piece", ["<div>", "<p>x", "&lt;", "<!--", "<", "<a b=1 ", "> ", "[video ", "(Video: ", "`", "*a ", "- "]
)
def test_half_a_megabyte_of_anything_ends(piece: str, extension: str) -> None:
    text = piece * (500_000 // len(piece))
    try:
        read(json.dumps({"headline": "Đê", "body_html": text}) if extension == "json" else text, extension)
    except SourceRejected as rejected:
        assert rejected.code in {"article_empty", "article_too_long"}  # noqa: PT017


def test_entities_of_a_pages_own_are_not_expanded() -> None:
    kinds = '<!DOCTYPE p [<!ENTITY a "Video: A1.mp4"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    article = read(f"{kinds}<h1>Đê</h1><p>Nói &a; &f; xong.", "html")
    assert article.references == ()
    assert "root:" not in "".join(each.text for each in article.paragraphs)

"""A corpus of articles in many forms: `corpus/expected.json` says what is to be read in each."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.news.reading import read_article

CORPUS = Path(__file__).parent / "corpus"
EXPECTED = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))


def test_every_article_of_the_corpus_has_its_expectation() -> None:
    files = {each.name for each in CORPUS.iterdir()} - {"expected.json"}
    assert files == set(EXPECTED)
    assert len(files) >= 30


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_article_is_read_and_its_references_go_to_their_paragraphs(name: str) -> None:
    expected = EXPECTED[name]
    file = CORPUS / name
    article = read_article(file.read_bytes(), file.suffix[1:], zone=ZoneInfo("Asia/Ho_Chi_Minh"))
    assert article.title == expected["title"]
    texts = [None if each.paragraph is None else article.paragraphs[each.paragraph].text for each in article.references]
    assert [each.name for each in article.references] == [clip for clip, _ in expected["links"]]
    for text, (_, beginning) in zip(texts, expected["links"], strict=True):
        assert (text is None) == (beginning is None)
        assert (text or "").startswith(beginning or "")
    if "kinds" in expected:
        assert [each.kind for each in article.paragraphs] == expected["kinds"]
    for field in {"byline", "published_at", "keywords"} & expected.keys():
        value = getattr(article, field)
        assert (list(value) if field == "keywords" else value) == expected[field]

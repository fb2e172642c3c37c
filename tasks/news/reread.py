"""A published article's record → the article that it was made of: for when its newest upload can't be read."""

from __future__ import annotations

from tasks.news.article import ParsedArticle, ParsedParagraph, ParsedReference
from tasks.records.article_record import ArticleRecord


def as_parsed(record: ArticleRecord) -> ParsedArticle:
    """What the record's article says, with each reference under the paragraph that its line stood under.

    Building the record of it again, from the record and the clips as they are, changes what became of the clips alone.
    """
    places = {paragraph.id: index for index, paragraph in enumerate(record.paragraphs)}
    return ParsedArticle(
        title=record.title,
        published_at=record.published_at,
        views=record.views,
        lede=record.lede,
        byline=record.byline,
        keywords=record.keywords,
        paragraphs=tuple(ParsedParagraph(kind=each.kind, text=each.text) for each in record.paragraphs),
        references=tuple(
            ParsedReference(
                name=each.name, paragraph=places.get(each.stands_under) if each.stands_under is not None else None
            )
            for each in record.references
        ),
        related=(),
        warnings=tuple(each for each in record.warnings if each.code != "no_references"),
    )

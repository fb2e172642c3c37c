"""Articles that tests read, and what they look at in them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tasks.news.article import ParsedArticle, parse_article

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
HEADER = "Đắp đê trước mùa mưa\n\nThứ 5, 03.12.2020 | 18:00:30\n192 lượt xem\n\n"
LEDE = "Sáng nay, tỉnh Vĩnh Sa mở hội nghị về đê điều."
SECOND = "Ông Hải cho biết đê sẽ xong trước mùa mưa."
CAPTION = "Quang cảnh hội nghị"


def parse(*blocks: str, header: str = HEADER) -> ParsedArticle:
    return parse_article(header + "\n\n".join(blocks), zone=HANOI)


def kinds(article: ParsedArticle) -> list[tuple[str, str]]:
    return [(paragraph.kind, paragraph.text) for paragraph in article.paragraphs]


def owners(article: ParsedArticle) -> dict[str, str | None]:
    texts = [paragraph.text for paragraph in article.paragraphs]
    return {each.name: None if each.paragraph is None else texts[each.paragraph] for each in article.references}


def codes(article: ParsedArticle) -> list[str]:
    return [warning.code for warning in article.warnings]

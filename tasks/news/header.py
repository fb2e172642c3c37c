"""The head of an article: its title, and the lines with its date and views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tasks.news.blocks import Block, Metadata
from tasks.news.dateline import Dateline, read_dateline

_LONGEST_TITLE: Final = 300


def take_header(blocks: Sequence[Block], given: Metadata, zone: ZoneInfo) -> tuple[str, Dateline, tuple[Block, ...]]:
    """The title, what the date lines say, and the other blocks.

    The title is the given one, else the first block that is neither reference nor date line; date lines count up to the
    second block of text after it, the first date and the first views winning.
    """
    title = given.title
    texts = 0
    dateline = _given_date(given.published_at, zone)
    story: list[Block] = []
    for block in blocks:
        found = read_dateline(block.text, zone=zone) if texts < 3 and block.text else None
        if block.is_reference:
            story.append(block)
        elif found:
            dateline = _merged(dateline, found)
        else:
            texts += 1
            is_title = texts == 1 and not given.title and len(block.text) <= _LONGEST_TITLE
            if is_title:
                title = block.text
            if not (is_title or (given.title and block.text == given.title and texts <= 3)):
                story.append(block)
            elif block.clips:
                story.append(Block(text="", raw=block.raw, clips=block.clips))
    return title, dateline, tuple(story)


def _given_date(written: str, zone: ZoneInfo) -> Dateline:
    """The moment of an ISO 8601 date as a file's metadata give it; what is none counts as not given."""
    try:
        moment = datetime.fromisoformat(written)
        local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        return Dateline(has_date=True, published_at=local.isoformat(timespec="seconds"))
    except (ValueError, OverflowError):
        return Dateline()


def _merged(first: Dateline, second: Dateline) -> Dateline:
    dated = first if first.has_date else second
    return Dateline(
        has_date=dated.has_date,
        published_at=dated.published_at,
        views=second.views if first.views is None else first.views,
        notice=dated.notice,
    )

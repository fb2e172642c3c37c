"""Pages of teletext subtitles, as their descriptor tells them."""

from __future__ import annotations

from tasks.media.captions.teletext import Page, subtitle_pages


def test_pages_of_subtitles_are_told_with_their_languages_and_others_are_passed_over() -> None:
    told = bytes.fromhex("0900 1088 2989 1088 108a 1151 10")
    assert subtitle_pages(told, "fre,fre,eng,fre,ger") == (
        Page(number=888, language="fr", is_for_the_deaf=False),
        Page(number=189, language="en", is_for_the_deaf=True),
        Page(number=151, language=None, is_for_the_deaf=False),
    )


def test_where_nothing_is_told_there_are_none() -> None:
    assert subtitle_pages(b"", "") == ()

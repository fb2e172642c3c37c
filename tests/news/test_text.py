"""From bytes to clean lines."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.news.text import MAX_LINES, decode_article, lines_of, normalise

STORY = "Đê biển vững chãi, lúa trĩu bông, trường mới mở cửa.\nÔng Hải: “Được rồi!”\n"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\u2028"])
def test_every_encoding_form_and_line_end_gives_the_same_text(
    form: Literal["NFC", "NFD"], encoding: str, line_end: str
) -> None:
    body = unicodedata.normalize(form, STORY).replace("\n", line_end).encode(encoding)
    assert decode_article(body) == STORY


def test_big_endian_utf_16_is_read_by_its_mark() -> None:
    assert decode_article("\ufeffĐê".encode("utf-16-be")) == "Đê"


def test_windows_1258_with_its_combining_tone_marks_is_composed() -> None:
    # The code page has ê and ư, but tones only as marks that follow their letter.
    body = "Đê biê\u0309n vư\u0303ng cha\u0303i".encode("cp1258")
    assert decode_article(body) == "Đê biển vững chãi"


def test_a_damaged_byte_does_not_turn_a_utf_8_article_into_another_alphabet() -> None:
    body = STORY.encode() + b"\xff" + STORY.encode()
    assert decode_article(body) == f"{STORY}\ufffd{STORY}"


@pytest.mark.parametrize(
    "body",
    [
        b"text\0text",
        b"\x00\x00\x00\x18ftypmp42",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\x1f\x8b\x08\x08\xd1\x02\x03\x04",
        b"\x01\x02\x03\x04\x05",
        b"\xff\xfeodd",
        b"\xff\xfe\x00\xd8x\x00",
        "không có BOM".encode("utf-16-le"),
    ],
)
def test_binary_bytes_are_rejected_as_no_text(body: bytes) -> None:
    with pytest.raises(SourceRejected) as rejected:
        decode_article(body)
    assert rejected.value.code == "article_not_text"


def test_invisible_characters_vanish_and_strange_spaces_become_spaces() -> None:
    assert lines_of(normalise("\ufeffĐê\u00a0\u00a0biển\u200b\n \u00a0\u200b \nlúa\u00adgạo\u202e")) == (
        "Đê biển",
        "",
        "lúagạo",
    )


def test_a_text_of_too_many_lines_is_rejected() -> None:
    with pytest.raises(SourceRejected) as rejected:
        lines_of("a\n" * (MAX_LINES + 1))
    assert rejected.value.code == "article_too_long"


def test_blank_lines_do_not_count_as_length() -> None:
    assert [line for line in lines_of("\n" * MAX_LINES * 2 + "a") if line] == ["a"]


def test_a_megabyte_of_combining_marks_in_the_wrong_order_ends() -> None:
    assert len(normalise("a" + "\u0301\u0323" * 500_000)) <= 31


@given(st.binary())
def test_any_bytes_give_composed_text_or_a_rejection(body: bytes) -> None:
    try:
        text = decode_article(body)
    except SourceRejected:
        return
    assert unicodedata.is_normalized("NFC", text)
    assert not {"\0", "\r"} & set(text)
    assert normalise(text) == text


@given(st.text())
def test_utf_8_text_survives_reading_twice(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert normalise(unicodedata.normalize("NFD", text)) == once

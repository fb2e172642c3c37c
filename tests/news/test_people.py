"""Whom a slug stands for, and when nobody can say."""

from __future__ import annotations

import pytest

from tasks.news.people import speaker


@pytest.mark.parametrize(
    ("slug", "text", "name"),
    [
        ("OHAI", "Đồng chí Ngô Đông Hải, Bí thư Tỉnh ủy nhấn mạnh.", "Ngô Đông Hải"),
        ("OTHANH", "Ông Lê Công Thành Chủ tịch UBND tỉnh nói.", "Lê Công Thành"),
        ("BHOA", "Theo bà Nguyễn Thị Hoa, lớp học sẽ mở.", "Nguyễn Thị Hoa"),
        ("OCONGTHANH", "Ông Lê Công Thành nói.", "Lê Công Thành"),
        ("ODUC", "Ông Phạm Minh Đức nói.", "Phạm Minh Đức"),
    ],
)
def test_the_only_person_whom_the_slug_fits_is_named(slug: str, text: str, name: str) -> None:
    assert speaker(slug, [text], 0) == name


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("OHAI", "Ông Trần Văn Hải và ông Lê Minh Hải cùng nói."),
        ("OHAI", "Các đồng chí: Trần Văn Hải, Lê Minh Hải cùng dự."),
        ("OHAI", "Bà Trần Thị Hải nói."),
        ("BHOA", "Ông Nguyễn Hoa nói."),
        ("OHAI", "Đồng chí Bí thư Tỉnh ủy Quảng Hải nói."),
        ("OHAI", "Ông Hải nói."),
        ("OANH", "Ông Lê Tuấn Anh và bà Vũ Kim Oanh cùng nói."),
        ("LUHAI", "Ông Ngô Đông Hải nói."),
        ("", "Ông Ngô Đông Hải nói."),
    ],
)
def test_where_there_is_any_doubt_nobody_is_named(slug: str, text: str) -> None:
    assert speaker(slug, [text], 0) is None


def test_a_person_named_before_is_meant_where_the_paragraph_names_none_but_not_one_named_later() -> None:
    texts = ["Ông Ngô Đông Hải dự.", "Mưa đến muộn.", "Ông Trần Văn Thành nói."]
    assert speaker("OHAI", texts, 1) == "Ngô Đông Hải"
    assert speaker("OTHANH", texts, 1) is None

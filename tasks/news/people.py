"""Whom a slug stands for: ``OHAI`` is Ông (Mr) Hải, ``OTHANH`` Ông Thành, ``BHOA`` Bà (Mrs) Hoa.

A name is given only where nobody else can be meant; where there is any doubt, there is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Family names, as they are written; a capitalised word after "ông" that is none of them may be a place or an office.
_FAMILIES: Final = frozenset(
    (
        "An Âu Bạch Bạc Bàn Bế Bùi Cà Cao Cầm Châu Chu Chử Cù Cung Cấn Cồ Cổ Danh Diệp Doãn Dương Đái Đàm Đàng"
        " Đào Đặng Đậu Đinh Đoàn Đổng Đồng Đỗ Đới Điêu Giang Giàng Giáp Hà Hàn Hàng Hầu Hình Hoa Hoàng Hoàn Hồ"
        " Hồng Hứa Huỳnh Kha Khiếu Khổng Khuất Kiều Kim Kông Kpă La Lã Lại Lâm Lăng Lê Liêu Liễu Lò Lỗ Lộc Lục"
        " Lù Lữ Lương Lường Lưu Lý Lỳ Ma Mã Mạc Mạch Mai Mạnh Mẫn Mông Mùa Nghiêm Ngô Ngọ Ngụy Nguyễn Nhan"
        " Nhâm Nhữ Nìm Ninh Nông Phạm Phan Phí Phó Phùng Phương Quách Quan Quản Quàng Rmah Sầm Sùng Tạ"
        " Tăng Tẩn Thạch Thái Thân Thào Thẩm Thiều Thi Tiêu Tòng Tô Tôn Tống Trà Trang Trần Triệu Trịnh Trương"
        " Từ Tướng Ung Uông Ứng Văn Vàng Vạn Viên Vi Võ Vũ Vừ Vương Xa Xồng Y Yên"
    ).split()
)
_FAMILY: Final = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(_FAMILIES, key=len, reverse=True))})(?!\w)")
_MEN: Final = ("ông", "anh", "cụ ông")
_WOMEN: Final = ("bà", "chị", "cô", "cụ bà")
_EITHER: Final = ("đồng chí", "đ/c", "cụ", "thầy", "bác sĩ", "tiến sĩ", "giáo sư", "luật sư", "kỹ sư", "em")
_TITLE: Final = "|".join(sorted((*_MEN, *_WOMEN, *_EITHER), key=len, reverse=True))
_WORD: Final = r"[^\W\d_]+(?:['’][^\W\d_]+)?"
_TITLED: Final = re.compile(rf"(?<!\w)(?P<title>{_TITLE})\s(?P<words>{_WORD}(?:\s{_WORD}){{1,6}})", re.IGNORECASE)
# Where an office follows the name without a comma, its capital is not the name's.
_OFFICES: Final = frozenset(
    {
        "chủ tịch",
        "phó chủ",
        "phó bí",
        "phó giám",
        "phó trưởng",
        "phó tổng",
        "phó ban",
        "bí thư",
        "giám đốc",
        "tổng giám",
    }
    | {"tổng bí", "tổng biên", "trưởng ban", "trưởng phòng", "trưởng đoàn", "trưởng thôn", "ủy viên", "uỷ viên"}
    | {
        "bộ trưởng",
        "thứ trưởng",
        "hiệu trưởng",
        "viện trưởng",
        "đại biểu",
        "đại tá",
        "thượng tá",
        "trung tá",
        "thiếu tá",
    }
    | {"thiếu tướng", "trung tướng", "đại tướng", "nguyên chủ", "nguyên bí", "nguyên phó", "nguyên giám", "thường trực"}
)
_PREFIXES: Final = {"O": "man", "B": "woman"}
_MAX_WORDS: Final = 5


@dataclass(frozen=True)
class _Mention:
    """A full name in the text; ``sex`` is empty where its title leaves it open, or it has none."""

    name: str
    sex: str
    is_titled: bool


def speaker(slug: str, texts: Sequence[str], paragraph: int) -> str | None:
    """The full name of the person that the slug of a clip under that paragraph stands for, None where that is in doubt.

    It is the only person the paragraph names who fits; where it names none who fits, the only one whom the article
    has named up to there. A person fits whose given name, or the last words of whose name, follow the O or B of the
    slug, and whom the article calls nothing else than the letter says.
    """
    sex, rest = _PREFIXES.get(slug[:1].upper(), ""), _letters(slug[1:])
    if not sex or not rest:
        return None
    mentions = [[each for each in _mentions(text) if _fits(each, rest)] for text in texts[: paragraph + 1]]
    so_far = [each for found in mentions for each in found]
    # "OANH" may be Mr Anh, or somebody called Oanh.
    whole = _letters(slug)
    if any(_letters(each.name.split()[-1]) == whole for text in texts[: paragraph + 1] for each in _mentions(text)):
        return None
    for found in (mentions[paragraph] if paragraph < len(mentions) else [], so_far):
        names = {each.name.casefold() for each in found}
        if len(names) > 1:
            return None
        if names:
            return _certain([each for each in so_far if each.name.casefold() in names], sex)
    return None


def _certain(mentions: Sequence[_Mention], sex: str) -> str | None:
    titled = [each for each in mentions if each.is_titled]
    if not titled or any(each.sex not in ("", sex) for each in titled):
        return None
    return titled[0].name


def _fits(mention: _Mention, rest: str) -> bool:
    words = [_letters(word) for word in mention.name.split()]
    return any("".join(words[start:]) == rest for start in range(len(words)))


def _mentions(text: str) -> list[_Mention]:
    """The full names in a text, those with a title first."""
    text = unicodedata.normalize("NFC", text)
    found = []
    for match in _TITLED.finditer(text):
        title = match["title"].casefold()
        if name := _name(match["words"]):
            found.append(_Mention(name, "man" if title in _MEN else "woman" if title in _WOMEN else "", is_titled=True))
    # Lists give the title once ("các đồng chí: …"): those names can't be taken, but make another one doubtful.
    reached = 0
    for match in _FAMILY.finditer(text):
        # "Văn" in "Nguyễn Văn Hải" begins no other name.
        if match.start() >= reached and (name := _name(text[match.start() : match.start() + 80])):
            found.append(_Mention(name, "", is_titled=False))
            reached = match.start() + len(name)
    return found


def _name(words: str) -> str:
    """The full name that the words begin with, empty if they begin with none."""
    name: list[str] = []
    listed = re.match(rf"{_WORD}(?:\s{_WORD})*", words)
    split = listed[0].split() if listed else []
    for word, following in zip(split, [*split[1:], ""], strict=True):
        if not word[0].isupper() or f"{word} {following}".casefold() in _OFFICES:
            break
        name.append(word)
    is_name = 2 <= len(name) <= _MAX_WORDS and name[0] in _FAMILIES
    return " ".join(name) if is_name else ""


def _letters(word: str) -> str:
    """The word in capitals without accents: ``Đông`` → ``DONG``."""
    split = unicodedata.normalize("NFD", word).upper().replace("Đ", "D").replace("Ð", "D")
    return "".join(letter for letter in split if letter.isalpha())

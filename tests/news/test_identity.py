"""Paragraph ids that outlive an edit."""

from __future__ import annotations

import random
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.news.identity import carry_ids

DIKE = "Ban Quản lý đê điều cho biết tuyến đê tả ngạn dài 38 km cần được đắp cao thêm trước mùa mưa năm nay."
RICE = "Giống lúa thơm của xã vẫn cho 52 tạ một héc ta nhờ bà con biết giữ giống và giữ nước qua hai vụ hạn."
SCHOOL = "Trường tiểu học bên sông sẽ mở thêm ba lớp, trẻ con khỏi phải qua đò vào những ngày nước lớn nữa."
WORDS = "đê lúa sông trường mưa nước ruộng cầu chợ đò thóc làng xã thôn đồng kênh trạm máy đường hoa cây nhà".split()


def known(*texts: str) -> list[tuple[str, str]]:
    return list(zip(carry_ids((), texts), texts, strict=True))


def test_an_id_is_that_of_the_text_whatever_its_case_spaces_and_composition() -> None:
    (first,) = carry_ids((), ["Đê biển vững chãi"])
    assert first.startswith("p-")
    assert len(first) == 12
    assert carry_ids((), [unicodedata.normalize("NFD", " ĐÊ  biển\u00a0vững chãi ")]) == (first,)


def test_equal_paragraphs_are_numbered() -> None:
    first, other, second, third = carry_ids((), ["Lúa", "Đê", "lúa", "LÚA"])
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert other not in (first, second, third)


@given(st.lists(st.text()), st.integers(min_value=0), st.text())
def test_ids_are_unique_and_an_inserted_paragraph_leaves_the_others_ids(texts: list[str], place: int, new: str) -> None:
    before = carry_ids((), texts)
    assert len(set(before)) == len(texts)
    place %= len(texts) + 1
    if carry_ids((), [new])[0] in before:
        return
    after = carry_ids((), [*texts[:place], new, *texts[place:]])
    assert after[:place] + after[place + 1 :] == before


def test_moved_paragraphs_keep_their_ids() -> None:
    before = known(DIKE, RICE, SCHOOL)
    assert carry_ids(before, [SCHOOL, DIKE, RICE]) == (before[2][0], before[0][0], before[1][0])


def test_a_corrected_paragraph_keeps_its_id_and_a_new_one_beside_it_gets_its_own() -> None:
    before = known(DIKE, RICE)
    ids = carry_ids(before, [DIKE.replace("38 km", "39 km"), SCHOOL, RICE])
    assert (ids[0], ids[2]) == (before[0][0], before[1][0])
    assert ids[1] not in {each for each, _ in before}


def test_of_a_split_paragraph_one_part_keeps_the_id() -> None:
    ((paragraph_id, _),) = known(f"{DIKE} {RICE}")
    assert carry_ids([(paragraph_id, f"{DIKE} {RICE}")], [DIKE, RICE])[0] == paragraph_id


def test_a_rewritten_paragraph_is_a_new_one() -> None:
    before = known(DIKE)
    assert carry_ids(before, [RICE])[0] != before[0][0]


def test_where_two_could_be_meant_both_are_new() -> None:
    before = known(DIKE.replace("38", "10"))
    ids = carry_ids(before, [DIKE.replace("38", "11"), DIKE.replace("38", "12")])
    assert before[0][0] not in ids


def test_an_id_is_never_given_to_another_text_even_when_its_old_text_comes_back() -> None:
    corrected = DIKE.replace("38", "39")
    before = [(carry_ids((), [DIKE])[0], corrected)]
    ids = carry_ids(before, [corrected, DIKE])
    assert ids[0] == before[0][0]
    assert ids[1] not in (ids[0], "")
    assert len(set(ids)) == 2


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), max_size=8), st.data())
def test_ids_are_unique_and_the_same_text_keeps_them_in_any_order(texts: list[str], data: st.DataObject) -> None:
    before = known(*texts)
    shuffled = data.draw(st.permutations(before))
    ids = carry_ids(before, [text for _, text in shuffled])
    assert len(set(ids)) == len(ids)
    assert sorted(zip(ids, (text for _, text in shuffled), strict=True)) == sorted(before)


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_few_changed_words_never_give_a_paragraph_anothers_id(chance: random.Random) -> None:
    subjects = [f"{word}{number}" for number, word in enumerate(WORDS)]
    texts = [" ".join(chance.choices(WORDS, k=6) + [f"{each}{k}" for k in range(12)]) for each in subjects[:8]]
    before = known(*texts)
    edited = []
    for paragraph_id, text in chance.sample(before, len(before)):
        words = text.split()
        words[chance.randrange(len(words))] = "sửa"
        edited.append((paragraph_id, " ".join(words)))
    assert carry_ids(before, [text for _, text in edited]) == tuple(each for each, _ in edited)


def test_a_thousand_paragraphs_that_all_resemble_each_other_are_compared_in_time() -> None:
    texts = [f"Ông Hải nói rằng tuyến đê số {number} sẽ xong trước mùa mưa." for number in range(3000)]
    assert len(set(carry_ids(known(*texts), [text.replace("mưa", "lũ") for text in texts]))) == 3000

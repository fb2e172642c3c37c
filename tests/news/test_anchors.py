"""References after an edit: where their lines stand, unless that can't be what is meant."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.news.article import parse_article
from tasks.news.linking import build_record
from tasks.records.article_record import ArticleRecord, ReferenceState
from tests.news.test_linking import HANOI, HEADER, NOW, SOURCE, clip

P = "Ban Quản lý đê điều cho biết tuyến đê tả ngạn dài 38 km cần được đắp cao thêm trước mùa mưa năm nay."
Q = "Giống lúa thơm của xã vẫn cho 52 tạ một héc ta nhờ bà con biết giữ giống và giữ nước qua hai vụ hạn."
R = "Trường tiểu học bên sông sẽ mở thêm ba lớp, trẻ con khỏi phải qua đò vào những ngày nước lớn nữa."
N = "Sau giờ nghỉ, hội nghị bầu tổ giám sát gồm bảy người do các thôn cử ra từ tháng trước."
V = "Video: A1.mp4"


def link(*lines: str, before: ArticleRecord | None = None) -> ArticleRecord:
    parsed = parse_article(HEADER + "\n\n".join(lines), zone=HANOI)
    clips = {each.name.casefold(): (clip(each.name),) for each in parsed.references}
    return build_record(article_id="dike", source=SOURCE, parsed=parsed, clips=clips, now=NOW, previous=before)


def under(record: ArticleRecord) -> dict[str, str]:
    return {clip.name: paragraph.text for paragraph in record.paragraphs for clip in paragraph.clips}


def test_a_reference_quotes_its_paragraph_with_what_stands_around_it() -> None:
    (reference,) = link(P, Q, V, R).references
    assert reference.selector is not None
    assert (reference.selector.exact, reference.confidence) == (Q, 1)
    assert P.endswith(reference.selector.prefix)
    assert R.startswith(reference.selector.suffix)
    assert len(reference.selector.prefix) == len(reference.selector.suffix) == 32


def test_a_corrected_paragraph_keeps_its_clip_and_the_confidence_tells_of_the_edit() -> None:
    before = link(P, V, Q)
    after = link(P.replace("38", "39"), V, Q, before=before)
    assert after.references[0].paragraph == before.references[0].paragraph
    assert 0.8 < after.references[0].confidence < 1


def test_a_line_that_an_editor_moves_takes_its_clip_along() -> None:
    assert under(link(P, Q, V, before=link(P, V, Q))) == {"A1": Q}
    assert under(link(P, V, Q, before=link(P, Q, V))) == {"A1": P}


def test_a_paragraph_that_moves_without_its_line_keeps_its_clip_with_less_confidence() -> None:
    after = link(P, V, R, Q, before=link(P, Q, V, R))
    assert under(after) == {"A1": Q}
    assert after.references[0].confidence == 0.7
    assert under(link(P, V, R, Q, before=after)) == {"A1": Q}


def test_paragraphs_that_change_places_keep_their_own_clips() -> None:
    after = link(Q, V, P, "Video: B2.mp4", before=link(P, V, Q, "Video: B2.mp4"))
    assert under(after) == {"A1": P, "B2": Q}


def test_a_line_left_behind_by_a_deleted_paragraph_is_orphaned_and_shown_nowhere() -> None:
    before = link(P, Q, V, R)
    after = link(P, V, R, before=before)
    (reference,) = after.references
    assert (reference.state, reference.paragraph, reference.confidence) == (ReferenceState.ORPHANED, None, 0)
    assert reference.selector is not None
    assert reference.selector.exact == Q
    assert "taken out" in reference.message
    assert under(after) == {}
    assert link(P, V, R, before=after) == after


def test_an_orphan_finds_its_place_when_an_editor_moves_its_line() -> None:
    orphaned = link(P, V, R, before=link(P, Q, V, R))
    assert under(link(P, R, V, before=orphaned)) == {"A1": R}


def test_a_paragraph_merged_into_the_one_above_takes_its_clip_along() -> None:
    assert under(link(f"{P} {Q}", V, before=link(P, Q, V))) == {"A1": f"{P} {Q}"}


def test_a_rewritten_paragraph_keeps_the_line_below_it_with_half_the_confidence() -> None:
    after = link(P, N, V, before=link(P, Q, V))
    assert under(after) == {"A1": N}
    assert after.references[0].confidence == 0.5


def test_a_clip_that_a_paragraph_itself_names_is_never_taken_elsewhere() -> None:
    after = link("Ông nói (Video: A1.mp4) rồi về.", Q, P, before=link(P, V, Q, "Ông nói rồi về."))
    assert under(after) == {"A1": "Ông nói rồi về."}


SUBJECTS = "đê lúa trường cầu chợ đò kênh đường".split()


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_random_edits_never_yield_a_wrong_link(chance: random.Random) -> None:
    """Paragraphs move with and without their lines, go with and without them, are corrected, and new ones come."""
    own = {f"{name.upper()}{number}": name for number, name in enumerate(SUBJECTS, 1)}
    clips = {name: each for each, name in own.items()}
    text = {name: " ".join(f"{name}{k}" for k in range(14)) + "." for name in clips}
    body = [part for name in clips for part in (("p", name), ("v", name))]
    record: ArticleRecord | None = None
    history: list[str] = []
    for step in range(4):
        if step:
            match chance.choice("move drag delete drop correct insert".split()):
                case "move" | "drag" as how:
                    name = chance.choice([name for kind, name in body if kind == "p"])
                    moved = [each for each in body if each[1] == name and (how == "move" or each[0] == "p")]
                    before = [each for each in body if each[0] != "v"]
                    stood = body
                    body = [each for each in body if each not in moved]
                    at = chance.choice([at for at in range(len(body) + 1) if at == len(body) or body[at][0] == "p"])
                    body[at:at] = moved
                    if how == "drag" and [each for each in body if each[0] != "v"] == before:
                        # Past its own line only: that is how an editor moves the line.
                        body = stood
                case "delete" | "drop" as how if sum(kind == "p" for kind, _ in body) > 3:
                    name = chance.choice([name for kind, name in body if kind == "p"])
                    body = [each for each in body if each[1] != name or (how == "drop" and each[0] == "v")]
                case "correct":
                    name = chance.choice(list(clips))
                    words = text[name].split()
                    words[chance.randrange(len(words) - 1)] = "sửa"
                    text[name] = " ".join(words)
                case _:
                    body.insert(0, ("n", " ".join(f"mới{chance.random()}" for _ in range(6)) + "."))
        lines = [f"Video: {clips[x]}.mp4" if kind == "v" else text[x] if kind == "p" else x for kind, x in body]
        record = link(*lines, before=record)
        history.append(" ".join(name if kind == "p" else name.upper() if kind == "v" else "·" for kind, name in body))
        for name, paragraph in under(record).items():
            assert paragraph == text[own[name]], f"{name} went wrong: {history}"
        shown = {each.name for each in record.references if each.state is not ReferenceState.ORPHANED}
        assert shown == set(under(record))


def test_a_line_left_behind_that_comes_to_stand_above_its_own_paragraph_stays_with_it() -> None:
    one, two, three = ("đê " * 12 + ".", "lúa " * 12 + ".", "trường " * 12 + ".")
    record = link(one, "Video: A1.mp4", two, "Video: B2.mp4", three)
    record = link("Video: A1.mp4", two, "Video: B2.mp4", one, three, before=record)
    record = link(two, "Video: B2.mp4", "Video: A1.mp4", one, three, before=record)
    assert under(record)["A1"] == one

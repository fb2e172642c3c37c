"""The article record as a pure function of the article and the clips that exist."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from urllib.parse import unquote, urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.news.article import parse_article
from tasks.news.linking import build_record, failed_record, links_of
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState, ReferenceState
from tasks.records.base import Failure
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState, Work

NOW = datetime(2020, 12, 3, 11, 0, 30, tzinfo=UTC)
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
SOURCE = ArticleSource(key="articles/dike.txt", etag="e1", size_bytes=9)
HEADER = "Đắp đê\nThứ 5, 03.12.2020 | 18:00:30\n\n"
FACTS = SourceFacts(key="clips/a.mp4", etag="e2", size_bytes=1)


def clip(name: str, state: ClipState = ClipState.READY, **more: object) -> ClipRecord:
    fields = {"name": name, "state": state, "version": "v1", "source": FACTS, "updated_at": NOW, **more}
    return ClipRecord.model_validate(fields)


def link(text: str, *clips: ClipRecord) -> ArticleRecord:
    parsed = parse_article(HEADER + text, zone=HANOI)
    by_fold: dict[str, tuple[ClipRecord, ...]] = {}
    for each in clips:
        by_fold[keys.fold(each.name)] = (*by_fold.get(keys.fold(each.name), ()), each)
    return build_record(article_id="dike", source=SOURCE, parsed=parsed, clips=by_fold, now=NOW)


def shown(record: ArticleRecord) -> list[tuple[str, list[str]]]:
    return [(each.text, [clip.name for clip in each.clips]) for each in record.paragraphs]


def test_a_ready_clip_is_linked_under_its_paragraph_and_completes_the_article() -> None:
    record = link("Một.\nVideo: A1.mp4\nHai.", clip("A1"))
    assert record.state is ArticleState.COMPLETE
    assert shown(record) == [("Một.", ["A1"]), ("Hai.", [])]
    (reference,) = record.references
    assert (reference.state, reference.message) == (ReferenceState.LINKED, "")
    assert reference.paragraph == record.paragraphs[0].id
    assert record.paragraphs[0].clips[0].state is ClipState.READY
    assert record.warnings == ()
    assert (record.title, record.published_at, record.lede) == ("Đắp đê", "2020-12-03T18:00:30+07:00", "Một.")


@pytest.mark.parametrize(
    ("state", "expected", "message"),
    [
        (ClipState.RECEIVED, ReferenceState.WAITING, "A1 is being prepared."),
        (ClipState.PROCESSING, ReferenceState.WAITING, "A1 is being prepared."),
        (ClipState.PLAYABLE, ReferenceState.LINKED, ""),
        (ClipState.FAILED, ReferenceState.FAILED, "A1 could not be prepared."),
    ],
)
def test_a_clip_short_of_ready_is_shown_with_its_state_while_the_article_waits(
    state: ClipState, expected: ReferenceState, message: str
) -> None:
    record = link("Một.\nVideo: A1.mp4", clip("A1", state))
    assert record.state is ArticleState.WAITING
    assert (record.references[0].state, record.references[0].message) == (expected, message)
    assert record.paragraphs[0].clips[0].state is state


def test_a_failed_clips_own_words_are_the_references_message() -> None:
    failure = Failure(code="not_media", message="The file holds no video.")
    record = link("Một.\nVideo: A1.mp4", clip("A1", ClipState.FAILED, failure=failure))
    assert record.references[0].message == "The file holds no video."


def test_a_failed_new_upload_keeps_the_earlier_one_and_says_so() -> None:
    failure = Failure(code="not_media", message="The file holds no video.")
    upload = Work(version="v2", state=ClipState.FAILED, source=FACTS, failure=failure)
    record = link("Một.\nVideo: A1.mp4", clip("A1", next=upload))
    assert record.state is ArticleState.COMPLETE
    assert record.references[0].message == (
        "A newer upload of A1 failed; the earlier one is shown. The file holds no video."
    )


def test_a_clip_that_never_came_is_waited_for() -> None:
    record = link("Một.\nVideo: A1.mp4")
    assert record.state is ArticleState.WAITING
    assert record.references[0].state is ReferenceState.WAITING
    assert record.references[0].message == "No upload named A1 has arrived yet."
    assert record.paragraphs[0].clips == ()


def test_a_withdrawn_clip_is_not_shown() -> None:
    record = link("Một.\nVideo: A1.mp4", clip("A1", ClipState.WITHDRAWN))
    assert record.references[0].state is ReferenceState.WAITING
    assert record.references[0].message == "A1 has been withdrawn."
    assert record.paragraphs[0].clips == ()
    assert links_of(record) == {}


def test_a_name_written_exactly_wins_over_those_that_differ_in_case() -> None:
    record = link("Một.\nVideo: A1.mp4", clip("a1"), clip("A1"))
    assert shown(record) == [("Một.", ["A1"])]


def test_the_only_name_that_differs_in_case_is_taken() -> None:
    record = link("Một.\nVideo: Đê1.mp4", clip("ĐÊ1"))
    assert shown(record) == [("Một.", ["ĐÊ1"])]
    assert record.references[0].name == "Đê1"
    assert record.state is ArticleState.COMPLETE


def test_several_names_that_differ_in_case_are_for_an_editor_to_settle() -> None:
    record = link("Một.\nVideo: Aa1.mp4", clip("aa1"), clip("AA1"))
    (reference,) = record.references
    assert reference.state is ReferenceState.AMBIGUOUS
    assert reference.suggestions == ("AA1", "aa1")
    assert reference.message == "Several uploads match Aa1: AA1, aa1. Write one of these names exactly."
    assert record.state is ArticleState.WAITING
    assert record.paragraphs[0].clips == ()


def test_a_withdrawn_namesake_makes_nothing_ambiguous() -> None:
    record = link("Một.\nVideo: Aa1.mp4", clip("aa1"), clip("AA1", ClipState.WITHDRAWN))
    assert shown(record) == [("Một.", ["aa1"])]


def test_a_clip_is_shown_once_in_a_paragraph_however_often_it_is_named() -> None:
    record = link("Một.\nVideo: A1.mp4, a1.mp4\nVideo: A1.mp4\nHai.\nVideo: A1.mp4", clip("A1"))
    assert shown(record) == [("Một.", ["A1"]), ("Hai.", ["A1"])]
    assert links_of(record) == {"A1": tuple(paragraph.id for paragraph in record.paragraphs)}


def test_a_reference_before_the_text_is_shown_under_the_first_body_paragraph() -> None:
    record = link("Video: A1.mp4\nQuang cảnh\nMột.\nHai.", clip("A1"))
    assert shown(record) == [("Quang cảnh", []), ("Một.", ["A1"]), ("Hai.", [])]
    assert record.references[0].paragraph is None
    assert links_of(record) == {"A1": (record.paragraphs[1].id,)}


def test_references_without_any_text_are_listed_all_the_same() -> None:
    record = link("Video: A1.mp4", clip("A1"))
    assert record.paragraphs == ()
    assert record.references[0].state is ReferenceState.LINKED


def test_an_article_without_references_is_complete_and_says_so() -> None:
    record = link("Một.")
    assert record.state is ArticleState.COMPLETE
    assert [warning.code for warning in record.warnings] == ["no_references"]


def test_a_rejected_article_has_a_record_that_says_why() -> None:
    record = failed_record("dike", SOURCE, SourceRejected("article_not_text", "Not readable.", "0x00"), NOW)
    assert record.state is ArticleState.FAILED
    assert record.failure == Failure(code="article_not_text", message="Not readable.", detail="0x00")
    assert ArticleRecord.model_validate_json(record.to_json()) == record


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\\"), min_size=1))
@example("%41 #1?x=2+2 & “lúa”")
def test_the_url_of_a_clips_record_leads_to_it_whatever_its_name(text: str) -> None:
    name = keys.stem(f"clips/Đê {text}.mp4")
    parsed = parse_article(HEADER + "Một.\nVideo: A1.mp4", zone=HANOI)
    record = build_record(article_id="dike", source=SOURCE, parsed=parsed, clips={"a1": (clip(name),)}, now=NOW)
    url = record.paragraphs[0].clips[0].record
    assert url.isascii()
    absolute = urljoin("/" + keys.article_record("dike"), url)
    assert unquote(urlsplit(absolute).path) == "/" + keys.clip_record(name)


@given(
    st.lists(st.sampled_from(["A1", "a1", "B2", "b2", "C3"]), max_size=6),
    st.dictionaries(st.sampled_from(["A1", "a1", "B2", "b2", "C3"]), st.sampled_from(list(ClipState))),
    st.randoms(use_true_random=False),
)
def test_the_record_does_not_depend_on_the_order_in_which_clips_are_found(
    named: list[str], states: dict[str, ClipState], chance: random.Random
) -> None:
    text = "\n".join(f"Đoạn {index}.\nVideo: {name}.mp4" for index, name in enumerate(named)) or "Một."
    clips = [clip(name, state) for name, state in states.items()]
    shuffled = chance.sample(clips, len(clips))
    record = link(text, *clips)
    assert link(text, *shuffled) == record

    settled = all(each.state is ReferenceState.LINKED for each in record.references) and all(
        each.state is ClipState.READY for paragraph in record.paragraphs for each in paragraph.clips
    )
    assert (record.state is ArticleState.COMPLETE) == settled
    for name, paragraphs in links_of(record).items():
        assert states[name] is not ClipState.WITHDRAWN
        assert set(paragraphs) <= {paragraph.id for paragraph in record.paragraphs}

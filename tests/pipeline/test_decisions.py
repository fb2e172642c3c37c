"""What an editor decided of a reference: it counts before the name, survives edits, and can be taken back."""

from __future__ import annotations

import pytest

from tasks.pipeline import decisions
from tasks.pipeline.link import link
from tasks.pipeline.order_steps import OrderRefused
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, ReferenceState
from tests.pipeline.test_link import DIKE, HEAD, RICE, Put, have_clip, links, publish


def rebuilt(services: Services, article_id: str) -> ArticleRecord:
    link(services, article_id)
    record = services.articles.get(article_id)
    assert record is not None
    return record


def references_of(services: Services, clip: str) -> list[str]:
    prefix = keys.references_prefix(clip)
    listed = services.store.list(services.settings.media_bucket, prefix)
    return [each.key.removeprefix(prefix) for each in listed]


def test_a_name_that_nothing_matches_means_the_clip_that_an_editor_chose(services: Services, put: Put) -> None:
    have_clip(services, "120320_ODEC2")
    text = f"{HEAD}{RICE}\n\nVideo: 120320_odec12.mp4\n\n{DIKE}"
    before = publish(services, put, "articles/decided.txt", text)
    assert before.state is ArticleState.WAITING
    assert before.references[0].suggestions == ("120320_ODEC2",)
    upload = services.store.get(services.settings.incoming_bucket, "articles/decided.txt")

    assert decisions.decide(services, "decided", "120320_ODEC12", "120320_ODEC2")
    assert not decisions.decide(services, "decided", "120320_ODEC12", "120320_ODEC2")
    after = rebuilt(services, "decided")
    assert after.state is ArticleState.COMPLETE
    assert (after.references[0].decided, after.references[0].state) == ("120320_ODEC2", ReferenceState.LINKED)
    assert [each.name for each in after.paragraphs[0].clips] == ["120320_ODEC2"]
    assert links(services, "120320_ODEC2") == ["decided"]
    assert references_of(services, "120320_ODEC2") == ["decided"]
    assert services.store.get(services.settings.incoming_bucket, "articles/decided.txt").etag == upload.etag

    edited = publish(services, put, "articles/decided.txt", text.replace("52 tạ", "53 tạ"))
    assert (edited.state, edited.references[0].decided) == (ArticleState.COMPLETE, "120320_ODEC2")

    assert decisions.decide(services, "decided", "120320_ODEC12", None)
    undone = rebuilt(services, "decided")
    assert (undone.state, undone.references[0].decided) == (ArticleState.WAITING, None)
    assert (links(services, "120320_ODEC2"), references_of(services, "120320_ODEC2")) == ([], [])


def test_one_of_several_candidates_is_settled(services: Services, put: Put) -> None:
    for name in ("120320_OAMB1", "120320_oamb1"):
        have_clip(services, name)
    before = publish(services, put, "articles/several.txt", f"{HEAD}{RICE}\n\nVideo: 120320_Oamb1.mp4")
    assert before.references[0].state is ReferenceState.AMBIGUOUS
    decisions.decide(services, "several", "120320_Oamb1", before.references[0].suggestions[1])
    after = rebuilt(services, "several")
    assert (after.state, after.references[0].decided) == (ArticleState.COMPLETE, before.references[0].suggestions[1])


def test_an_article_that_waits_sees_a_decision_that_nobody_rang_for(services: Services, put: Put) -> None:
    have_clip(services, "120320_ORING2")
    publish(services, put, "articles/unrung.txt", f"{HEAD}{RICE}\n\nVideo: 120320_ORING12.mp4")
    body = b'{"120320_oring12": "120320_ORING2"}'
    services.store.put(services.settings.media_bucket, keys.decisions("unrung"), body, content_type="application/json")
    assert rebuilt(services, "unrung").state is ArticleState.COMPLETE


def test_what_can_not_be_decided_is_refused(services: Services, put: Put) -> None:
    have_clip(services, "120320_OREF1")
    publish(services, put, "articles/refused.txt", f"{HEAD}{RICE}\n\nVideo: 120320_OREF9.mp4")
    for article_id, reference, clip, code in (
        ("nobody", "120320_OREF9", "120320_OREF1", "no_such_reference"),
        ("refused", "120320_OREF8", "120320_OREF1", "no_such_reference"),
        ("refused", "120320_OREF9", "120320_OREF7", "not_found"),
    ):
        with pytest.raises(OrderRefused) as refused:
            decisions.decide(services, article_id, reference, clip)
        assert refused.value.code == code
    assert decisions.read(services, "refused") == {}


def test_decisions_go_with_a_deleted_article(services: Services, put: Put) -> None:
    have_clip(services, "120320_OGONE2")
    publish(services, put, "articles/deleted.txt", f"{HEAD}{RICE}\n\nVideo: 120320_OGONE12.mp4")
    decisions.decide(services, "deleted", "120320_OGONE12", "120320_OGONE2")
    assert rebuilt(services, "deleted").state is ArticleState.COMPLETE
    services.store.delete(services.settings.incoming_bucket, "articles/deleted.txt")
    assert rebuilt(services, "deleted").state is ArticleState.WITHDRAWN
    assert decisions.read(services, "deleted") == {}
    assert references_of(services, "120320_OGONE2") == []


def test_decisions_that_change_places_are_seen_though_the_clips_are_the_same(services: Services, put: Put) -> None:
    for name in ("120320_OSWA1", "120320_OSWB1"):
        have_clip(services, name)
    lines = "\n\nVideo: 120320_OXX8\n\nVideo: 120320_OYY8\n\nVideo: 120320_OZZ8"
    publish(services, put, "articles/swapped.txt", f"{HEAD}{RICE}{lines}")
    for first, second in (("120320_OSWA1", "120320_OSWB1"), ("120320_OSWB1", "120320_OSWA1")):
        body = f'{{"120320_oxx8": "{first}", "120320_oyy8": "{second}"}}'.encode()
        key = keys.decisions("swapped")
        services.store.put(services.settings.media_bucket, key, body, content_type="application/json")
        # The links that a rebuild gives change the clips' records, which calls for one more.
        rebuilt(services, "swapped")
        after = rebuilt(services, "swapped")
        assert [each.decided for each in after.references] == [first, second, None]

"""The way of an article, step by step, against a real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tasks.adapters.records import RecordStore
from tasks.news.linking import build_record
from tasks.news.reread import as_parsed
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, ReferenceState
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState

Put = Callable[[str, Path | bytes], str]
HEAD = "Đắp đê\nThứ 5, 03.12.2020 | 18:00:30\n\n"
DIKE = "Ban Quản lý đê điều cho biết tuyến đê tả ngạn dài 38 km cần được đắp cao thêm trước mùa mưa."
RICE = "Giống lúa thơm của xã vẫn cho 52 tạ một héc ta nhờ bà con biết giữ giống qua hai vụ hạn."


def have_clip(services: Services, name: str) -> None:
    bucket = services.settings.media_bucket
    services.store.put(bucket, keys.clip_name_mark(name), b"", content_type="application/octet-stream")
    record = ClipRecord(
        name=name,
        state=ClipState.READY,
        version="v1",
        slug=name.partition("_")[2].rstrip("0123456789") or None,
        source=SourceFacts(key=f"clips/{name}.mp4", etag="e", size_bytes=1),
        updated_at=datetime.now(UTC),
    )
    services.clips.update(name, lambda _: record)


def publish(services: Services, put: Put, key: str, text: str) -> ArticleRecord:
    put(key, text.encode())
    ingest(services, key)
    link(services, keys.stem(key))
    record = services.articles.get(keys.stem(key))
    assert record is not None
    return record


def links(services: Services, name: str) -> list[str]:
    record = services.clips.get(name)
    assert record is not None
    return [each.article for each in record.links]


def test_an_edited_article_keeps_its_paragraphs_ids_and_its_link_follows(services: Services, put: Put) -> None:
    have_clip(services, "120320_OEDIT1")
    before = publish(services, put, "articles/edited.txt", f"{HEAD}{DIKE}\n\nVideo: 120320_OEDIT1.mp4\n\n{RICE}")
    after = publish(
        services, put, "articles/edited.txt", f"{HEAD}{RICE}\n\n{DIKE.replace('38', '39')}\n\nVideo: 120320_OEDIT1.mp4"
    )
    assert [each.id for each in after.paragraphs] == [before.paragraphs[1].id, before.paragraphs[0].id]
    assert after.paragraphs[1].clips[0].name == "120320_OEDIT1"
    link(services, "edited")
    assert services.articles.get("edited") == after


def test_a_reference_whose_paragraph_is_taken_out_is_orphaned_and_leaves_the_clip(services: Services, put: Put) -> None:
    have_clip(services, "120320_OORPH1")
    publish(services, put, "articles/orphan.txt", f"{HEAD}{RICE}\n\n{DIKE}\n\nVideo: 120320_OORPH1.mp4")
    assert links(services, "120320_OORPH1") == ["orphan"]
    after = publish(services, put, "articles/orphan.txt", f"{HEAD}{RICE}\n\nVideo: 120320_OORPH1.mp4")
    assert [each.state for each in after.references] == [ReferenceState.ORPHANED]
    assert links(services, "120320_OORPH1") == []


def test_a_deleted_article_is_withdrawn_and_comes_back_with_its_upload(services: Services, put: Put) -> None:
    have_clip(services, "120320_OGONE1")
    text = f"{HEAD}{DIKE}\n\nVideo: 120320_OGONE1.mp4"
    publish(services, put, "articles/gone.txt", text)
    assert links(services, "120320_OGONE1") == ["gone"]
    settings = services.settings
    services.store.delete(settings.incoming_bucket, "articles/gone.txt")
    ingest(services, "articles/gone.txt")
    link(services, "gone")
    record = services.articles.get("gone")
    assert record is not None
    assert record.state is ArticleState.WITHDRAWN
    assert (record.title, record.paragraphs, record.references) == ("", (), ())
    assert links(services, "120320_OGONE1") == []
    assert not list(services.store.list(settings.media_bucket, keys.references_prefix("120320_OGONE1")))
    assert publish(services, put, "articles/gone.txt", text).state is ArticleState.COMPLETE
    assert links(services, "120320_OGONE1") == ["gone"]


def test_a_reference_that_nothing_matches_is_told_what_may_be_meant(services: Services, put: Put) -> None:
    have_clip(services, "120320_OMEAN1")
    record = publish(services, put, "articles/mean.txt", f"{HEAD}{DIKE}\n\nVideo: 031220_OMEAN1.mp4")
    (reference,) = record.references
    assert (reference.state, reference.suggestions) == (ReferenceState.WAITING, ("120320_OMEAN1",))
    assert reference.message.endswith("Did you mean 120320_OMEAN1?")


def test_a_clip_written_with_the_look_alike_of_its_letter_is_found(services: Services, put: Put) -> None:
    have_clip(services, "120320_ĐUC1")
    record = publish(services, put, "articles/eth.txt", f"{HEAD}{DIKE}\n\nVideo: 120320_ÐUC1.mp4")
    assert [each.state for each in record.references] == [ReferenceState.LINKED]


def test_a_page_of_another_kind_names_what_is_taken(services: Services, put: Put) -> None:
    record = publish(services, put, "articles/letter.docx", "x")
    assert record.failure is not None
    assert record.failure.code == "unknown_extension"
    assert ".html" in record.failure.message
    assert ".docx" in record.failure.message


def test_an_html_page_is_read_and_its_clip_bears_the_name_of_its_speaker(services: Services, put: Put) -> None:
    have_clip(services, "120320_OHAI7")
    page = (
        "<html><body><nav>Video: 120320_NAV1.mp4</nav><article><h1>Đắp đê</h1><p>Ông Trần Quang Hải, Giám đốc Sở, nói "
        "rằng đê sẽ xong.</p><p>[video src='120320_OHAI7.mp4']</p></article></body></html>"
    )
    record = publish(services, put, "articles/page.html", page)
    assert [each.name for each in record.references] == ["120320_OHAI7"]
    assert record.paragraphs[0].clips[0].title == "Trần Quang Hải"


def counted(services: Services) -> tuple[Services, list[str]]:
    """The same services, and the records of clips that they read."""
    read: list[str] = []

    class Counting(RecordStore[ClipRecord]):
        def get_with_etag(self, name: str) -> tuple[ClipRecord | None, str | None]:
            read.append(name)
            return super().get_with_etag(name)

    clips = Counting(services.store, services.settings.media_bucket, ClipRecord, keys.clip_record)
    return replace(services, clips=clips), read


def test_a_waiting_article_of_which_nothing_changed_is_not_rebuilt(services: Services, put: Put) -> None:
    have_clip(services, "120320_OIDLE1")
    text = f"{HEAD}{DIKE}\n\nVideo: 120320_OIDLE1.mp4\n\n{RICE}\n\nVideo: 120320_OIDLE2.mp4"
    assert publish(services, put, "articles/idle.txt", text).state is ArticleState.WAITING
    watched, read = counted(services)
    # The first rebuild gave the clip its link, which changed its record.
    link(watched, "idle")
    read.clear()
    link(watched, "idle")
    assert read == [], "nothing changed"
    have_clip(services, "120320_OIDLE2")
    link(watched, "idle")
    record = services.articles.get("idle")
    assert record is not None
    assert record.state is ArticleState.COMPLETE
    assert publish(services, put, "articles/idle.txt", text.replace("38", "40")).paragraphs[0].text.count("40") == 1


def test_an_upload_that_can_not_be_read_leaves_the_published_story(services: Services, put: Put) -> None:
    have_clip(services, "120320_OKEEP1")
    text = f"{HEAD}{DIKE}\n\nVideo: 120320_OKEEP1.mp4\n\n{RICE}\n\nVideo: 120320_OKEEP2.mp4"
    before = publish(services, put, "articles/keep.txt", text)
    after = publish(services, put, "articles/keep.txt", "")
    assert (after.state, after.title, after.paragraphs) == (before.state, before.title, before.paragraphs)
    assert after.source == before.source
    assert after.failure is None
    assert after.next is not None
    assert after.next.failure.code == "article_empty"
    mark = keys.settled_prefix("articles/keep.txt")
    assert list(services.store.list(services.settings.media_bucket, mark)), "it is not tried again and again"
    have_clip(services, "120320_OKEEP2")
    link(services, "keep")
    joined = services.articles.get("keep")
    assert joined is not None
    assert (joined.state, len(joined.references)) == (ArticleState.COMPLETE, 2)
    assert [each.id for each in joined.paragraphs] == [each.id for each in before.paragraphs]
    assert [[clip.name for clip in each.clips] for each in joined.paragraphs] == [["120320_OKEEP1"], ["120320_OKEEP2"]]
    mended = publish(services, put, "articles/keep.txt", text.replace("38", "40"))
    assert mended.next is None
    assert "40" in mended.paragraphs[0].text


def test_what_an_article_was_made_of_is_read_back_from_its_record(services: Services, put: Put) -> None:
    text = f"{HEAD}{DIKE}\n\nVideo: 120320_OBACK1.mp4\n\n{RICE}"
    record = publish(services, put, "articles/back.txt", text)
    parsed = as_parsed(record)
    made = build_record(
        article_id="back", source=record.source, parsed=parsed, clips={}, now=record.updated_at, previous=record
    )
    assert made == record

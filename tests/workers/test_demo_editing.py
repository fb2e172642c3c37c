"""Editing the article while the demo runs: each save is taken whole, uploaded, and what followed is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tasks.adapters.clock import utc_now
from tasks.news.linking import build_record
from tasks.news.reading import read_article
from tasks.records import keys
from tasks.records.article_record import (
    ArticleRecord,
    ArticleSource,
    ArticleState,
    NextArticle,
    Reference,
    ReferenceState,
)
from tasks.records.base import Failure
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState
from tests.conftest import Buckets
from tests.servers import S3Server
from workers.client import Client, connect
from workers.demo.editing import Editing
from workers.demo.followed import followed
from workers.demo.saves import NotUsable, Saves
from workers.demo.summary import reason
from workers.upload import parcel

NAMES = ("120320_OHAI1", "120320_OHAI2")
DYKE = "Con đê tả ngạn dài ba mươi tám cây số, phần lớn còn vững sau mùa lũ năm ngoái."
RICE = "Lúa thơm Bến Lụa cho năm mươi hai tạ một héc ta nhờ bà con biết giữ giống và giữ nước."
SCHOOL = "Ở thôn Cồn Chim học sinh lớp ba và lớp bốn vẫn ngồi chung một phòng học nhỏ."
HEAD = "Ba việc của tỉnh\n\nThứ 5, 03.12.2020 | 18:00:30\n\nĐoạn mở đầu của bài báo về ba việc.\n\n"
ONE, TWO = (f"Video: {name}.mp4" for name in NAMES)
END = "Đoạn cuối của bài báo này."
BEFORE = HEAD + "\n\n".join((DYKE, ONE, RICE, SCHOOL, TWO, END))


def record_of(text: str, previous: ArticleRecord | None = None, etag: str = "e") -> ArticleRecord:
    """The story that comes of a text, as the pipeline makes it; both clips are ready."""
    content = text.encode()
    clips = {
        keys.fold(name): (
            ClipRecord(
                name=name,
                version="v1",
                state=ClipState.READY,
                updated_at=utc_now(),
                source=SourceFacts(key=f"clips/{name}.mp4", etag="e", size_bytes=1),
            ),
        )
        for name in NAMES
    }
    return build_record(
        article_id="tin",
        source=ArticleSource(key="articles/tin.txt", etag=etag, size_bytes=len(content)),
        parsed=read_article(content, "txt", zone=ZoneInfo("Asia/Ho_Chi_Minh")),
        clips=clips,
        now=utc_now(),
        previous=previous,
    )


def lines_after(*blocks: str) -> list[str]:
    before = record_of(BEFORE)
    return list(followed(before, record_of(HEAD + "\n\n".join(blocks), before)))


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ((DYKE, ONE, RICE, "Một đoạn mới về chợ gạo ở bến đò vào sáng sớm.", SCHOOL, TWO, END), []),
        ((DYKE, RICE, ONE, SCHOOL, TWO, END), ["120320_OHAI1 moved: p-", "“Con đê", " → p-", "“Lúa thơm"]),
        ((DYKE, RICE, SCHOOL, TWO, END, ONE), ["120320_OHAI1 moved: p-", "“Con đê", " → p-", "“Đoạn cuối"]),
        ((RICE, SCHOOL, TWO, DYKE, ONE, END), ["120320_OHAI1 moved with its paragraph, from place 2 to 4: p-"]),
        (
            (DYKE.replace("ngoái", "kia"), ONE, RICE, SCHOOL, TWO, END),
            ["120320_OHAI1 stays with its paragraph, which was edited: p-"],
        ),
        ((DYKE, RICE, SCHOOL, TWO, END), ["120320_OHAI1 was lost: it is no longer under p-", "“Con đê"]),
        ((DYKE, ONE, RICE, ONE, SCHOOL, TWO, END), ["120320_OHAI1 appeared under p-", "“Lúa thơm"]),
        ((DYKE, ONE, RICE, "Video: 120320_OHAI9.mp4", SCHOOL, TWO, END), ["120320_OHAI9 is waiting. "]),
    ],
)
def test_what_an_edit_did_is_told_and_nothing_else(blocks: tuple[str, ...], said: list[str]) -> None:
    told = lines_after(*blocks)
    assert len(told) == min(1, len(said)), told
    assert all(part in told[0] for part in said), told


def test_what_a_reference_may_have_meant_is_said_once() -> None:
    reference = Reference(name="A", paragraph=None, state=ReferenceState.WAITING, suggestions=("B1", "B2"))
    assert reason(reference.evolve(message="Did you mean B1 or B2?")) == "Did you mean B1 or B2?"
    assert reason(reference.evolve(message="Not here.")) == "Not here. Similar: B1, B2."


def test_a_reference_taken_out_is_told_also_when_its_clip_never_came() -> None:
    without = record_of(BEFORE)
    waiting = record_of(BEFORE.replace(RICE, f"{RICE}\n\nVideo: 120320_OHAI9.mp4"), without)
    assert list(followed(waiting, record_of(BEFORE, waiting))) == ["  120320_OHAI9 is referred to no more."]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tin.txt"
    path.write_bytes(b"one")
    return path


def looked(saves: Saves) -> bytes | None:
    """What two looks tell: the first sees a change, the second that it rests."""
    return saves.look() or saves.look()


def by_rename(path: Path, content: bytes) -> None:
    other = path.with_suffix(".swp")
    other.write_bytes(content)
    other.rename(path)


@pytest.mark.parametrize("save", [Path.write_bytes, by_rename])
def test_each_save_is_told_once(file: Path, save: Callable[[Path, bytes], object]) -> None:
    saves = Saves(file, b"one")
    assert looked(saves) is None
    save(file, b"two")
    assert looked(saves) == b"two"
    assert looked(saves) is None
    save(file, b"two")
    assert looked(saves) is None


def test_a_save_before_the_first_look_is_told(file: Path) -> None:
    saves = Saves(file, b"zero")
    assert looked(saves) == b"one"


def test_a_file_is_read_once_it_rests(file: Path) -> None:
    saves = Saves(file, b"one")
    with file.open("wb", buffering=0) as written:
        for piece in (b"half ", b"and ", b"half"):
            written.write(piece)
            assert saves.look() is None
    assert saves.look() == b"half and half"


def test_what_cannot_be_used_is_told_once_and_the_next_good_save_again(file: Path) -> None:
    saves = Saves(file, b"one", may_be_away_s=0)
    for spoil, why in ((lambda: file.write_bytes(b""), r"empty \(0 bytes\)"), (file.unlink, "is gone")):
        spoil()
        assert saves.look() is None
        with pytest.raises(NotUsable, match=why):
            saves.look()
        assert looked(saves) is None
    file.mkdir()
    with pytest.raises(NotUsable, match="can't be read: Is a directory"):
        looked(saves)
    file.rmdir()
    file.write_bytes(b"two")
    assert looked(saves) == b"two"


def test_an_editor_may_take_the_old_file_away_first(file: Path) -> None:
    saves = Saves(file, b"one")
    file.unlink()
    assert looked(saves) is None
    file.write_bytes(b"two")
    assert looked(saves) == b"two"


@pytest.fixture
def client(s3_server: S3Server, buckets: Buckets) -> Iterator[Client]:
    made = connect(
        env={
            "NEWSREEL_S3_ENDPOINT_URL": s3_server.endpoint_url,
            "NEWSREEL_INCOMING_BUCKET": buckets.incoming,
            "NEWSREEL_MEDIA_BUCKET": buckets.media,
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        }
    )
    yield made
    made.store.close()


def test_a_save_is_uploaded_and_told_when_the_story_has_it(client: Client, file: Path) -> None:
    file.write_text(BEFORE, encoding="utf-8")
    before = record_of(BEFORE)
    client.articles.update("tin", lambda _: before)
    said: list[str] = []
    editing = Editing(client, parcel(file), file.read_bytes(), said.append)
    editing.step()
    editing.step()
    assert said == []

    edited = HEAD + "\n\n".join((DYKE, RICE, ONE, SCHOOL, TWO, END))
    by_rename(file, edited.encode())
    editing.step()
    editing.step()
    bucket = client.settings.incoming_bucket
    assert client.store.get(bucket, "articles/tin.txt").body == edited.encode()
    assert [line[:6] for line in said] == ["Saved:"]
    # Not yet: the record is still that of the upload before.
    editing.step()
    assert len(said) == 1
    after = record_of(edited, before, etag=client.head("articles/tin.txt").etag)
    client.articles.update("tin", lambda _: after)
    editing.step()
    assert said[1].startswith("The story has it, after ")
    assert "120320_OHAI1 moved: " in said[2]

    # A save that can't be read: the reason, in the record's words, and no line about links.
    file.write_bytes(b"\x00\x01\x02\xff")
    editing.step()
    editing.step()
    info = client.head("articles/tin.txt")
    source = ArticleSource(key=info.key, etag=info.etag, size_bytes=info.size_bytes)
    failure = Failure(code="article_not_text", message="It is no text.", detail="", retryable=False, attempts=1)
    client.articles.update("tin", lambda _: after.evolve(next=NextArticle(source=source, failure=failure)))
    editing.step()
    assert said[4:] == ["It can't be taken: It is no text. The story stays as it is."]

    file.write_bytes(b"")
    editing.step()
    editing.step()
    assert said[5:] == [f"Not uploaded: {file} is empty (0 bytes). The story stays as it is."]


def test_what_others_do_to_the_story_is_told_too(client: Client, file: Path) -> None:
    waits = BEFORE.replace(RICE, f"{RICE}\n\nVideo: 120320_OHAI9.mp4")
    client.articles.update("tin", lambda _: record_of(waits).evolve(state=ArticleState.WAITING))
    said: list[str] = []
    editing = Editing(client, parcel(file), file.read_bytes(), said.append)
    client.articles.update("tin", lambda old: record_of(BEFORE, old))
    editing.step()
    assert said == ["The story changed:", "  120320_OHAI9 is referred to no more."]

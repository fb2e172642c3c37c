"""Uploads become a published story: the main job, driven through S3 and HTTP alone."""

from __future__ import annotations

import base64
import json
import time
import unicodedata
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import clips
from tests.acceptance.conftest import Stack
from tests.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SEED = Path(__file__).resolve().parents[2].parent / "shared" / "seed" / "article.txt"
DEMO = Path(__file__).resolve().parents[2] / "workers" / "assets" / "demo_article.txt"
NAMES = ("120320_OTHANH3", "120320_OHAI1", "120320_OHAI2", "120320_OHAI3", "120320_OHAI4")
SEED_LINKS = {
    "120320_OTHANH3": "Trên cơ sở kết quả đạt được năm 2020",
    "120320_OHAI1": "Phát biểu kết luận tại kỳ họp",
    "120320_OHAI2": "Trên cơ sở đó, đồng chí Bí thư",
    "120320_OHAI3": "Đồng chí Bí thư Tỉnh ủy đề nghị các đơn vị",
    "120320_OHAI4": "Bên cạnh đó, các sở",
}
TEXT = (
    "{title}\n\nThứ 5, 03.12.2020 | 18:00:30\n\nĐoạn mở đầu của bài.\n\nMột đoạn dài về con đê.\n\n"
    "Video: {clip}.mp4\n\nĐoạn cuối.\n"
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.progressive(tmp_path_factory.mktemp("clips") / "a.mp4", seconds=2)


def test_article_and_clips_in_mixed_order_become_a_complete_story(stack: Stack, clip: Path) -> None:
    for name in NAMES[3:]:
        stack.put(f"clips/{name}.mp4", clip)
    stack.put("articles/demo.txt", DEMO)
    for name in NAMES[:3]:
        stack.put(f"clips/{name}.mp4", clip)
    article = stack.wait_article("demo", "complete")
    assert article["published_at"] == "2020-12-03T18:00:30+07:00"
    assert sorted(reference["name"] for reference in article["references"]) == sorted(NAMES)
    for paragraph in article["paragraphs"]:
        for shown in paragraph["clips"]:
            record = stack.clip(shown["name"])
            assert record is not None
            assert record["state"] == "ready"
            # A clip is told of its article a moment after the article of its clips.
            link = {"article": "demo", "paragraph": paragraph["id"]}
            deadline = time.monotonic() + 30
            while link not in record["links"] and time.monotonic() < deadline:
                time.sleep(0.1)
                record = stack.clip(shown["name"]) or record
            assert link in record["links"]


def test_every_file_that_a_record_names_can_be_fetched(stack: Stack, clip: Path) -> None:
    stack.put("clips/120320_FILES1.mp4", clip)
    record = stack.wait_clip("120320_FILES1")
    base = "/media/clips/120320_FILES1/"
    named = [record["hls"], record["poster"]["url"], record["storyboard"]["vtt"], *record["storyboard"]["images"]]
    for url in [*named, *(each["url"] for each in record["mp4"])]:
        assert stack.get(base + url), url
    main = stack.get(base + record["hls"])
    assert main is not None
    assert main.startswith(b"#EXTM3U")


def test_the_seed_article_gives_the_links_an_editor_expects(stack: Stack, clip: Path) -> None:
    if not SEED.is_file():
        pytest.skip(f"the seed article is not beside the repository ({SEED.name})")
    stack.put("articles/seed.txt", SEED)
    for name in NAMES:
        if stack.clip(name) is None:
            stack.put(f"clips/{name}.mp4", clip)
    article = stack.wait_article("seed", "complete")
    assert article["published_at"] == "2020-12-03T18:00:30+07:00"
    shown = {each["name"]: part["text"].strip() for part in article["paragraphs"] for each in part["clips"]}
    assert shown.keys() == SEED_LINKS.keys()
    assert all(shown[name].startswith(beginning) for name, beginning in SEED_LINKS.items())


def test_clip_first_or_article_first_gives_the_same_article(stack: Stack, clip: Path) -> None:
    stack.put("clips/120320_ONE1.mp4", clip)
    stack.wait_clip("120320_ONE1")
    stack.put("articles/clip-first.txt", TEXT.format(title="Đê mới", clip="120320_ONE1").encode())
    stack.put("articles/article-first.txt", TEXT.format(title="Đê mới", clip="120320_TWO1").encode())
    stack.wait_article("article-first", "waiting")
    stack.put("clips/120320_TWO1.mp4", clip)
    stories = [stack.wait_article(article_id, "complete") for article_id in ("clip-first", "article-first")]
    for story in stories:
        for field in ("id", "updated_at", "source"):
            del story[field]
    one, two = (json.dumps(story) for story in stories)
    assert one.replace("120320_ONE1", "120320_TWO1") == two


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("clips/Họp báo chiều nay 2.mp4", "Họp báo chiều nay 2"),
        (unicodedata.normalize("NFD", "clips/Đường đê Nam Định.mp4"), "Đường đê Nam Định"),
        ("clips/120320_UPPER1.MP4", "120320_UPPER1"),
        ("clips/2020/12/03/120320_DEEP1.mp4", "120320_DEEP1"),
        ("clips/100% +a&b=c#d?.mp4", "100% +a&b=c#d?"),
    ],
)
def test_keys_as_people_write_them_become_clips(stack: Stack, clip: Path, key: str, name: str) -> None:
    stack.put(key, clip)
    assert stack.wait_clip(name)["state"] == "ready"


def test_an_upload_in_parts_is_one_clip(stack: Stack, clip: Path) -> None:
    body, bucket, key = clip.read_bytes(), stack.env["NEWSREEL_INCOMING_BUCKET"], "clips/120320_PARTS1.mp4"
    padded = body + b"\x00\x00\x00\x08free" * ((6 * 1024**2) // 8)
    upload = stack.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(padded), 5 * 1024**2), start=1):
        part = padded[start : start + 5 * 1024**2]
        etag = stack.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    stack.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    record = stack.wait_clip("120320_PARTS1")
    assert record["state"] == "ready"
    assert record["source"]["size_bytes"] == len(padded)


def test_bad_uploads_end_in_words_and_block_nobody(stack: Stack, clip: Path) -> None:
    stack.put("clips/120320_TEXT1.mp4", b"this is a text, not a film\n" * 50)
    stack.put("clips/120320_EMPTY1.mp4", b"")
    stack.put("clips/120320_CUT1.mp4", clip.read_bytes()[: clip.stat().st_size // 2])
    stack.put("clips/120320_NOTES1.docx", b"PK\x03\x04")
    stack.put("articles/never.txt", TEXT.format(title="Chờ mãi", clip="120320_NEVER9").encode())
    stack.put("articles/none.txt", TEXT.format(title="Không có", clip="").replace("Video: .mp4\n", "").encode())
    stack.put("articles/broken.txt", b"\x00\x01\x02\xff" * 100)
    stack.put("clips/120320_GOOD1.mp4", clip)
    assert stack.wait_clip("120320_GOOD1")["state"] == "ready"
    for name, code in (("TEXT1", "unreadable"), ("EMPTY1", "empty_upload"), ("CUT1", "unreadable")):
        failure = stack.wait_clip(f"120320_{name}")["failure"]
        assert failure["code"] == code
        assert failure["message"].endswith(".")
    assert stack.wait_clip("120320_NOTES1")["failure"]["code"] == "unknown_extension"
    never = stack.wait_article("never", "waiting")
    assert "120320_NEVER9" in never["references"][0]["message"]
    none = stack.wait_article("none", "complete")
    assert [warning["code"] for warning in none["warnings"]] == ["no_references"]
    assert stack.wait_article("broken", "failed")["failure"]["message"]


def test_an_edited_article_moves_its_link(stack: Stack, clip: Path) -> None:
    stack.put("clips/120320_MOVE1.mp4", clip)
    stack.put("articles/edit.txt", TEXT.format(title="Sửa", clip="120320_MOVE1").encode())
    before = stack.wait_article("edit", "complete")
    edited = (
        TEXT.format(title="Sửa", clip="120320_GONE1") + "\nThêm một đoạn dài nữa ở cuối.\n\nVideo: 120320_MOVE1.mp4\n"
    )
    stack.put("articles/edit.txt", edited.encode())
    stack.wait_article("edit", "waiting")
    first = next(part["id"] for part in before["paragraphs"] if part["clips"])

    def paragraphs() -> list[str]:
        return [link["paragraph"] for link in stack.wait_clip("120320_MOVE1")["links"]]

    # The article's record tells first, its clips' follow.
    assert eventually(lambda: len(paragraphs()) == 1 and first not in paragraphs()), paragraphs()


def test_flower_asks_for_a_login_and_shows_tasks_by_name_with_the_clips_they_work_on(stack: Stack, clip: Path) -> None:
    stack.put("clips/120320_FLOWER1.mp4", clip)
    stack.wait_clip("120320_FLOWER1")
    url = stack.env["NEWSREEL_FLOWER_URL"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + "/tasks", timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    login = base64.b64encode(
        f"{stack.env['NEWSREEL_FLOWER_USER']}:{stack.env['NEWSREEL_FLOWER_PASSWORD']}".encode()
    ).decode()
    request = urllib.request.Request(url + "/api/tasks?limit=500", headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        tasks = json.loads(answer.read()).values()
    assert {"newsreel.ingest", "newsreel.thumbnails", "newsreel.transcode"} <= {task["name"] for task in tasks}
    assert any(task["name"] == "newsreel.transcode" and "120320_FLOWER1" in task["args"] for task in tasks)

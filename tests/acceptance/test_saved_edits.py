"""Somebody edits an article's file while the real stack runs: its story follows, and the person is told how."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import clips
from tests.acceptance.conftest import Stack
from tests.acceptance.test_story import TEXT
from workers.client import connect
from workers.demo.editing import Editing
from workers.upload import parcel

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_saved_edit_is_followed_and_a_broken_one_leaves_the_story(stack: Stack, tmp_path: Path) -> None:
    stack.put("clips/120320_SAVED1.mp4", clips.progressive(tmp_path / "a.mp4", seconds=1))
    file = tmp_path / "saved.txt"
    file.write_text(TEXT.format(title="Sửa", clip="120320_SAVED1"), encoding="utf-8")
    stack.put("articles/saved.txt", file)
    stack.wait_article("saved", "complete", seconds=200)
    client = connect(env=stack.env)
    said: list[str] = []
    editing = Editing(client, parcel(file), file.read_bytes(), said.append)

    def save(content: bytes, until: str) -> str:
        said.clear()
        file.write_bytes(content)
        deadline = time.monotonic() + 60
        while until not in "\n".join(said):
            assert time.monotonic() < deadline, said
            editing.step()
            time.sleep(0.1)
        return "\n".join(said)

    edited = TEXT.format(title="Sửa", clip="120320_SAVED1").replace("\n\nVideo: 120320_SAVED1.mp4", "")
    assert "“Đoạn cuối.”" in save(f"{edited}\nVideo: 120320_SAVED1.mp4\n".encode(), "120320_SAVED1 moved: p-")
    assert "The story stays as it is." in save(b"\x00\x01\x02\xff" * 100, "It can't be taken: ")
    article = stack.article("saved")
    assert article is not None
    assert [part["text"] for part in article["paragraphs"] if part["clips"]] == ["Đoạn cuối."]
    client.store.close()


def test_the_stacks_operator_token_opens_what_operators_may_see(stack: Stack) -> None:
    request = urllib.request.Request(stack.env["NEWSREEL_GATEWAY_URL"] + "/api/v1/webhooks/deliveries")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    refused.value.close()
    assert refused.value.code == 401
    request.add_header("Authorization", f"Bearer {stack.env['NEWSREEL_OPERATOR_TOKEN']}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert isinstance(json.load(answer), dict)

"""What tests of the desk share: its stories, the places on its page, and signing in."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tasks.adapters.clock import utc_now
from tasks.records.article_record import ArticleRecord
from tests.gateway import samples

SECRET = "a token of the desk's own"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> & "bài"'
TODAY = utc_now().isoformat(timespec="seconds")
SOON_MS = 60_000


def lease() -> dict[str, Any]:
    now = utc_now()
    return {"owner": "w", "attempt": 1, "heartbeat_at": now, "expires_at": now + timedelta(hours=1)}


def reference(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "paragraph": "p1", "state": "waiting", "message": "…", **more}


def story(article_id: str, title: str, *names: str, missing: list[dict[str, Any]] | None = None) -> ArticleRecord:
    """A story of today with these clips under its paragraph, and further references."""
    shown = [{"name": each, "state": "ready", "record": samples.reference_to(each)} for each in names]
    text = "Sáng nay, bà con diêm dân xã ven biển đồng loạt ra đồng, mở đầu vụ muối mới sau ba tháng nghỉ mưa."
    return samples.article(
        article_id,
        title=title,
        published_at=TODAY,
        updated_at=utc_now(),
        state="waiting",
        paragraphs=[{"id": "p1", "kind": "body", "text": text, "clips": shown}],
        references=[*(reference(each, state="linked") for each in names), *(missing or [])],
    )


def card(page: Page, title: str) -> Any:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def row(page: Page, name: str) -> Any:
    return page.locator(f'.row[data-reference="{name}"]').first


def sign_in(page: Page) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def signed_in(desk: str) -> tuple[httpx.Client, str]:
    """A client with a session, and its forms' token."""
    client = httpx.Client(base_url=desk, timeout=30, headers={"Origin": desk})
    answer = client.post("/desk/sign-in", data={"secret": SECRET})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Path=/desk", "Max-Age=43200"))
    token = re.search(r'name="token" value="([0-9a-f]{64})"', client.get("/desk").text)
    assert token is not None
    return client, token[1]


def picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

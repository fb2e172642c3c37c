"""What a click at the desk mends, and whose click counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from tasks.adapters.changes import CHANGED
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline import feeds
from tasks.pipeline.services import Services
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import serving
from tests.gateway.desk.page import (
    SECRET,
    SOON_MS,
    card,
    picture,
    row,
    sign_in,
    signed_in,
    story,
)
from workers.web.desk_sessions import COOKIE


@pytest.mark.browser
def test_a_click_settles_what_a_name_means_and_another_takes_it_back(
    looked_at: Callable[..., Page], services: Services, store: ObjectStore, buckets: Buckets
) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OTHAN1").get_by_role("button", name="Use 120312_OTHANH1").click()
    expect(page.locator(".said")).to_contain_text("Decided")
    assert store.get(buckets.media, keys.decisions("typo")).body == b'{"120312_othan1": "120312_OTHANH1"}'
    # What the worker then makes of it, told by the feeds.
    before = services.articles.get("typo")
    assert before is not None
    decided = [before.references[0].evolve(decided="120312_OTHANH1", suggestions=(), state="linked")]
    shown = story("typo", "Bản tin chiều", "120312_OTHANH1").paragraphs
    services.articles.update(
        "typo", lambda _: before.evolve(references=(*decided, before.references[1]), paragraphs=shown)
    )
    feeds.publish(services, CHANGED)
    expect(row(page, "120312_OTHAN1")).to_contain_text("as an editor chose", timeout=SOON_MS)
    row(page, "120312_OTHAN1").get_by_role("button", name="Undo").click()
    expect(page.locator(".said")).to_contain_text("Taken back")
    assert store.get(buckets.media, keys.decisions("typo")).body == b"{}"
    services.articles.update("typo", lambda _: before)


@pytest.mark.browser
def test_orders_are_a_click(looked_at: Callable[..., Page], services: Services) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OQUEUE1").get_by_role("button", name="Make urgent").click()
    expect(page.locator(".said")).to_have_text("It passes the others now.")
    queued = services.clips.get("120312_OQUEUE1")
    assert queued is not None
    assert queued.queue == "transcode.urgent"


def test_an_order_that_can_not_be_carried_out_says_why(desk: str) -> None:
    client, token = signed_in(desk)
    answer = client.post("/desk/clips/120312_OTHANH3/retry", data={"token": token})
    assert answer.status_code == 409
    assert "no longer exists" in answer.text
    for name, at in (("nobody", "1"), ("120312_OTHANH1", "soon"), ("120312_OTHANH1", "nan"), ("120312_OTHANH1", "7")):
        answer = client.post(f"/desk/clips/{name}/poster", data={"token": token, "at": at})
        assert answer.status_code == (404 if name == "nobody" else 409), at
    client.close()


@pytest.mark.browser
def test_a_poster_is_chosen_from_the_storyboard_or_at_the_clips_moment(
    looked_at: Callable[..., Page], services: Services
) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    deadline = time.monotonic() + 30
    while page.locator("#clip").evaluate("clip => clip.readyState") < 2:
        assert time.monotonic() < deadline, "the clip does not load"
        time.sleep(0.05)
    picture(page, "desk-poster-1280")
    page.get_by_role("button", name="Use the picture at 0:03").click()
    expect(page.locator(".said")).to_have_text("The poster is being made.")
    chosen = services.clips.get("120312_OTHANH1")
    assert chosen is not None
    assert chosen.poster_wish_s == 3.0
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    page.locator("#clip").evaluate("clip => { clip.currentTime = 4.5; }")
    expect(page.get_by_label("Seconds from the start")).to_have_value("4.5", timeout=SOON_MS)
    page.get_by_role("button", name="Use this moment").click()
    expect(page.locator(".said")).to_be_visible()
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    page.get_by_role("button", name="Let newsreel choose").click()
    expect(page.locator(".said")).to_be_visible()
    chosen = services.clips.get("120312_OTHANH1")
    assert chosen is not None
    assert chosen.poster_wish_s is None


@pytest.mark.browser
def test_withdrawing_asks_first_and_works_without_a_script(
    looked_at: Callable[..., Page], services: Services, told: Callable[..., None]
) -> None:
    told(samples.ready_clip("W1", poster=None), story("wrong", "Nhầm clip", "W1").evolve(state="complete"))
    page = looked_at(java_script_enabled=False)
    sign_in(page)
    deadline = time.monotonic() + 30
    while not card(page, "Nhầm clip").count():
        assert time.monotonic() < deadline
        page.reload()
    row(page, "W1").get_by_role("link", name="Withdraw").click()
    page.get_by_label("Reason").fill("wrong person")
    page.get_by_role("button", name="Withdraw the clip").click()
    expect(page.locator(".said")).to_have_text("The clip is withdrawn.")
    gone = services.clips.get("W1")
    assert gone is not None
    assert gone.withdrawn is not None
    assert gone.withdrawn.reason == "wrong person"
    told(story("wrong", "…").evolve(state="withdrawn"))
    while card(page, "Nhầm clip").count():
        assert time.monotonic() < deadline + 30
        page.goto(page.url.partition("?")[0])


def test_only_a_form_of_this_site_and_session_changes_anything(desk: str, services: Services) -> None:
    client, token = signed_in(desk)
    path = "/desk/clips/120312_OTHANH2/withdraw"
    other, others_token = signed_in(desk)
    other.close()
    cases: list[tuple[dict[str, str], dict[str, str], bool]] = [
        ({"token": token}, {"Origin": "https://evil.example"}, True),
        ({"token": token}, {"Origin": "null"}, True),
        ({"token": token}, {"Origin": ""}, True),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}, True),
        ({"token": others_token}, {}, True),
        ({}, {}, True),
        ({"token": token}, {}, False),
    ]
    for data, headers, has_cookie in cases:
        cookies = client.cookies if has_cookie else httpx.Cookies()
        with httpx.Client(base_url=desk, cookies=cookies, headers={"Origin": desk, **headers}) as asking:
            assert asking.post(path, data=data).status_code == 403, (data, headers, has_cookie)
    record = services.clips.get("120312_OTHANH2")
    assert record is not None
    assert record.state == "processing"
    # The session ends with a click, and then the same form is worth nothing.
    assert client.post("/desk/sign-out", data={"token": token}).status_code == 303
    assert COOKIE not in client.cookies
    client.close()


def test_the_api_takes_the_same_order(desk: str) -> None:
    path = "/api/v1/clips/120312_OTHANH1/poster"
    headers = {"Authorization": f"Bearer {SECRET}"}
    with httpx.Client(base_url=desk, timeout=30) as client:
        assert client.post(f"{path}?at=2").status_code == 401
        assert client.post(f"{path}?at=2", headers=headers).json()["changed"] is True
        assert client.get("/api/v1/clips/120312_OTHANH1").json()["poster_wish_s"] == 2.0
        for at in ("7", "-1", "nan"):
            assert client.post(f"{path}?at={at}", headers=headers).status_code == 422
        assert client.post(path, headers=headers).json()["changed"] is True


def test_who_guesses_has_to_wait(services: Services) -> None:
    settings = services.settings.model_copy(update={"operator_token": SecretStr(SECRET)})
    with serving(replace(services, settings=settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        tries = [client.post("/desk/sign-in", data={"secret": "?"}, headers={"Origin": url}) for _ in range(12)]
        assert tries[0].status_code == 403
        assert 429 in [each.status_code for each in tries]
        assert all("set-cookie" not in each.headers for each in tries)


def test_without_a_token_set_nobody_signs_in(http: httpx.Client, gateway: str, desk: str) -> None:
    assert "NEWSREEL_OPERATOR_TOKEN" in http.get("/desk/sign-in", headers={"Accept-Language": "en"}).text
    assert http.post("/desk/sign-in", data={"secret": ""}, headers={"Origin": gateway}).status_code == 403

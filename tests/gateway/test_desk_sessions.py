"""Sessions of the desk over HTTP: begun by the token, and ended for good, at every gateway and after its restart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline import reconcile as step
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import close, serving
from workers.services import build_services
from workers.web.desk_sessions import COOKIE

SECRET = "a token of the desk's own"
ORDER = "/desk/clips/salt/priority"


@pytest.fixture(scope="module")
def newsroom(services: Services, store: ObjectStore, buckets: Buckets) -> Services:
    """Services whose operators have a token, and a clip for them to mend."""
    samples.publish(store, buckets.media, samples.clip("salt", queue="transcode"))
    settings = services.settings.model_copy(update={"operator_token": SecretStr(SECRET)})
    return replace(services, settings=settings)


@pytest.fixture(scope="module")
def desk(newsroom: Services) -> Iterator[str]:
    """A gateway of that newsroom."""
    with serving(newsroom) as url:
        yield url


def sign_in(desk: str) -> dict[str, str]:
    """Sign in; gives the session's cookie, and its forms' token under ``token``."""
    answer = httpx.post(f"{desk}/desk/sign-in", data={"secret": SECRET}, headers={"Origin": desk}, timeout=30)
    cookie = answer.cookies[COOKIE]
    page = httpx.get(f"{desk}/desk", cookies={COOKIE: cookie}, timeout=30).text
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return {COOKIE: cookie, "token": found[1]}


def order(desk: str, session: dict[str, str], path: str = ORDER) -> int:
    """The status with which an order of that session is answered."""
    with httpx.Client(base_url=desk, timeout=30, headers={"Origin": desk}) as client:
        client.cookies.set(COOKIE, session[COOKIE])
        return client.post(path, data={"token": session["token"]}).status_code


def is_signed_in(desk: str, session: dict[str, str]) -> bool:
    return 'name="token"' in httpx.get(f"{desk}/desk", cookies={COOKIE: session[COOKIE]}, timeout=30).text


def test_a_cookie_that_was_taken_is_worth_nothing_after_signing_out(desk: str, newsroom: Services) -> None:
    taken, other = sign_in(desk), sign_in(desk)
    # Another process, and one that is started later, know of it as well.
    elsewhere = build_services(newsroom.settings)
    with serving(elsewhere) as second:
        assert order(second, taken) == 303
        assert order(desk, taken, "/desk/sign-out") == 303
        for place in (desk, second):
            assert order(place, taken) == 403
            assert not is_signed_in(place, taken)
    with serving(elsewhere) as restarted:
        assert order(restarted, taken) == 403
        assert order(restarted, other) == 303, "other sessions go on"
    close(elsewhere)


def test_the_mark_of_an_ended_session_tells_nothing_and_is_not_for_readers(
    desk: str, store: ObjectStore, buckets: Buckets
) -> None:
    session = sign_in(desk)
    before = {each.key for each in store.list(buckets.media, keys.ENDED_SESSIONS)}
    assert order(desk, session, "/desk/sign-out") == 303
    (mark,) = {each.key for each in store.list(buckets.media, keys.ENDED_SESSIONS)} - before
    assert not any(part in mark for part in (*session[COOKIE].split(".")[2:], session["token"]))
    assert httpx.get(f"{desk}/media/{mark}", timeout=30).status_code == 404


def test_only_cookies_that_we_signed_are_asked_for_in_the_store(
    desk: str, newsroom: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, asked = sign_in(desk), []
    head = newsroom.store.head
    monkeypatch.setattr(newsroom.store, "head", lambda bucket, key: (asked.append(key), head(bucket, key))[1])
    for cookie in ("", "v1.9.x.y", session[COOKIE][:-1] + "g", session[COOKIE].replace("v1.", "v1.9")):
        assert not is_signed_in(desk, {COOKIE: cookie})
    assert not [each for each in asked if each.startswith(keys.ENDED_SESSIONS)]
    assert is_signed_in(desk, session)
    assert [each for each in asked if each.startswith(keys.ENDED_SESSIONS)]


def test_marks_go_when_no_cookie_of_their_time_is_good_any_more(
    desk: str, newsroom: Services, store: ObjectStore, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert order(desk, sign_in(desk), "/desk/sign-out") == 303
    reconcile(newsroom, collects=True)
    assert list(store.list(buckets.media, keys.ENDED_SESSIONS)), "younger than a session may be"
    later = utc_now() + step.SESSION_MARKS_KEPT + timedelta(minutes=1)
    monkeypatch.setattr(step, "utc_now", lambda: later)
    told: list[str] = []
    reconcile(newsroom, tell=told.append, is_dry=True, collects=True)
    assert any("sessions that ended" in each for each in told)
    assert list(store.list(buckets.media, keys.ENDED_SESSIONS)), "a dry run deletes nothing"
    reconcile(newsroom, collects=True)
    assert list(store.list(buckets.media, keys.ENDED_SESSIONS)) == []

"""The read API: records as they are stored, pages of names, schemas, and errors as problem details."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tasks.adapters.object_store import ObjectStore
from tests.conftest import Buckets
from tests.gateway import samples

# Names that sort differently by bytes, by folders and by letters.
CLIPS = ["a", "A b", "a b", "a-", "b", "Đê 1", "đê 2", "100% ok?#"]
ARTICLES = ["tin-1", "tin-2", "tin 3", "Đê biển"]


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets) -> None:
    samples.publish(store, buckets.media, *map(samples.ready_clip, CLIPS), *map(samples.article, ARTICLES))


@pytest.mark.parametrize("name", CLIPS)
def test_a_clips_record_is_sent_byte_for_byte(
    http: httpx.Client, store: ObjectStore, buckets: Buckets, name: str
) -> None:
    answer = http.get(f"/api/v1/clips/{quote(name, safe='')}")
    stored = store.get(buckets.media, f"clips/{name}/clip.json")
    assert answer.status_code == 200
    assert answer.content == stored.body
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == f'"{stored.etag}"'
    again = http.get(f"/api/v1/clips/{quote(name, safe='')}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("article_id", ARTICLES)
def test_an_articles_record_is_sent_byte_for_byte(http: httpx.Client, article_id: str) -> None:
    answer = http.get(f"/api/v1/articles/{quote(article_id, safe='')}")
    assert answer.content == samples.article(article_id).to_json()


@pytest.mark.parametrize(
    "path", ["clips/nothing", "articles/nothing", "clips/..", "clips/%2e%2e", "clips/a%2fb", "clips/a%00", "nothing"]
)
def test_what_is_not_there_is_a_problem_of_404(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert answer.json()["title"] == "Not Found"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(("kind", "names"), [("clips", CLIPS), ("articles", ARTICLES)])
def test_following_the_pages_names_each_one_once(http: httpx.Client, kind: str, names: list[str], limit: int) -> None:
    found: list[str] = []
    following = f"/api/v1/{kind}?limit={limit}"
    while following:
        page = http.get(following).json()
        assert len(page["items"]) <= limit
        found += [each["name"] for each in page["items"]]
        following = page["next"]
    assert sorted(found) == sorted(names)


def test_a_page_goes_on_after_a_name_that_is_gone(http: httpx.Client) -> None:
    page = http.get("/api/v1/articles", params={"after": "tin-1x"}).json()
    assert [each["name"] for each in page["items"]] == ["tin-2", "Đê biển"]
    assert page["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x"])
def test_an_invalid_question_is_a_problem_that_names_the_field(http: httpx.Client, query: str) -> None:
    answer = http.get(f"/api/v1/clips?{query}")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "limit" in answer.json()["detail"]


@pytest.mark.parametrize(("kind", "field"), [("clip", "renditions"), ("article", "paragraphs")])
def test_the_records_schemas_are_published(http: httpx.Client, kind: str, field: str) -> None:
    answer = http.get(f"/api/v1/schemas/{kind}")
    schema = answer.json()
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["schema"]["const"] == f"newsreel/{kind}/1"
    assert field in schema["properties"]


def test_the_schema_names_exactly_the_fields_that_records_have(http: httpx.Client) -> None:
    for kind, record in (("clip", samples.ready_clip("a")), ("article", samples.article("a"))):
        schema = http.get(f"/api/v1/schemas/{kind}").json()
        assert set(json.loads(record.to_json())) == set(schema["properties"])


def test_the_description_is_openapi_3_1_and_tells_of_problems(http: httpx.Client) -> None:
    description: dict[str, Any] = http.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    paths = description["paths"]
    assert {"/events", "/api/v1/clips", "/api/v1/clips/{name}", "/media/{key}", "/healthz"} <= set(paths)
    assert "/stories/{article_id}" not in paths
    for path in ("/events", "/api/v1/clips", "/media/{key}"):
        for operation in paths[path].values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
    assert "ClipRecord" in description["components"]["schemas"]

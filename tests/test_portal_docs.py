"""The programs in docs/portal.md do what the page says, on real servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config
from playwright.sync_api import Browser

from config.settings import Settings
from tasks.adapters.changes import CHANGED, REBUILD
from tasks.pipeline import feeds as step
from tasks.pipeline.services import Services
from tasks.records import keys
from tests import servers
from tests.gateway import samples
from tests.gateway.conftest import close, serving
from workers.bucket_access import cors_rules, let_portals_read, read_policy
from workers.services import build_services

PAGE = (Path(__file__).parents[1] / "docs" / "portal.md").read_text(encoding="utf-8")
PATIENCE_S = 60.0


def program(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def services(s3_server: servers.S3Server, redis_url: str, buckets) -> Iterator[Services]:
    """Services whose gateway has the address that URLs are to have."""
    made = build_services(
        Settings(
            broker_url=redis_url,
            s3_endpoint_url=s3_server.endpoint_url,
            incoming_bucket=buckets.incoming,
            media_bucket=buckets.media,
            cage="off",
        )
    )
    for info in list(made.store.list(buckets.media, "")):
        made.store.delete(buckets.media, info.key)
    step.publish(made, REBUILD)
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint_url,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    let_portals_read(made.settings, client)
    client.close()
    yield made
    close(made)


def told(services: Services, name: str, **changes: object) -> None:
    services.store.put(services.settings.media_bucket, keys.clip_name_mark(name), b"", content_type="text/plain")
    services.clips.update(name, lambda record: (record or samples.ready_clip(name)).evolve(**changes))
    step.publish(services, CHANGED)


def test_the_python_program_follows_the_bucket_with_no_server_of_ours(services: Services) -> None:
    for name in ("Đê 1", "c2"):
        told(services, name)
    bucket = f"{services.settings.s3_endpoint_url}/{services.settings.media_bucket}"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program("python"), bucket], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    try:
        assert [process.stdout.readline() for _ in range(2)] == ["clip Đê 1 ready\n", "clip c2 ready\n"]
        told(services, "c2", state="withdrawn")
        assert process.stdout.readline() == "clip c2 withdrawn\n"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_the_bucket_is_open_to_readers_and_to_nobody_else(services: Services) -> None:
    bucket = f"{services.settings.s3_endpoint_url}/{services.settings.media_bucket}"
    origin = {"Origin": "https://portal.example"}
    answer = httpx.get(f"{bucket}/changes/latest.json", headers=origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", origin["Origin"])
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()
    assert answer.headers["Cache-Control"] == keys.CACHE_RECORD
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match,range"}
    assert httpx.options(f"{bucket}/changes/latest.json", headers=origin | asked).status_code in (200, 204)
    services.changes.put("clip", "c1", None)
    marks = [info.key for info in services.store.list(services.settings.media_bucket, keys.CHANGED)]
    assert httpx.get(f"{bucket}/{marks[0]}").status_code == 403
    assert httpx.get(bucket).status_code == 403
    assert httpx.put(f"{bucket}/clips/c1/clip.json", content=b"{}").status_code == 403


def test_the_page_gives_the_rules_that_the_local_stack_sets() -> None:
    policy, cors = (
        json.loads(each) for each in re.findall(r"--(?:policy|cors-configuration) '(.*?)'", PAGE, re.DOTALL)
    )
    ours = json.loads(read_policy(Settings()))
    del ours["Statement"][0]["Sid"]
    assert policy == ours
    assert cors == cors_rules(Settings())


@contextmanager
def portal(folder: Path) -> Iterator[str]:
    """A site of somebody else's that serves the folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.browser
def test_the_javascript_program_shows_a_clip_on_another_site_and_follows_it(
    services: Services, launch_chromium: Callable[..., Browser], tmp_path: Path
) -> None:
    told(services, "c1", state="processing", mp4=())
    (tmp_path / "show.js").write_text(program("javascript"), encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<!doctype html><video id="v"></video><script type="module">import { show } from "./show.js";'
        'show(document.getElementById("v"), new URL(location).searchParams.get("gateway"), "c1");</script>',
        encoding="utf-8",
    )
    with serving(services) as gateway, portal(tmp_path) as site:
        page = launch_chromium().new_page()
        page.goto(f"{site}/index.html?gateway={gateway}")
        page.wait_for_selector("video[data-state=processing]", state="attached", timeout=PATIENCE_S * 1000)
        time.sleep(0.5)
        told(services, "c1", state="ready", mp4=samples.ready_clip("c1").mp4)
        page.wait_for_selector("video[data-state=ready]", state="attached", timeout=PATIENCE_S * 1000)
        source = page.eval_on_selector("video", "video => video.src")
        assert source.endswith(f"/media/clips/c1/{samples.VERSION}/mp4/video.mp4")
        page.close()

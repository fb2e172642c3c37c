"""Servers shared by the tests of one run, buckets of their own for each test module, and a browser."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import boto3
import hypothesis
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tasks.adapters.object_store import ObjectStore
from tests import order, servers

REGION = "us-east-1"

# The gate must say the same of the same tree each time; elsewhere hypothesis goes on looking for new cases.
hypothesis.settings.register_profile("gate", derandomize=True, deadline=None)
hypothesis.settings.register_profile("free", deadline=None)
hypothesis.settings.load_profile("gate" if os.environ.get("CI") else "free")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BROWSER_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    items.sort(key=order.starts_early)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Take ours for ``--dist loadfile``, which is what `make test` says."""
    return order.OneStackAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """The two buckets of a test module."""

    incoming: str
    media: str


@pytest.fixture(scope="session")
def s3_server() -> Iterator[servers.S3Server]:
    """A SeaweedFS; its keys are in the environment, where boto3 looks for them, and no other account's are."""
    with servers.seaweedfs() as server, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey of this test run."""
    with servers.valkey() as url:
        yield url


@pytest.fixture(scope="session")
def _shared_store(s3_server: servers.S3Server) -> Iterator[ObjectStore]:
    store = ObjectStore.connect(endpoint_url=s3_server.endpoint_url, region=REGION)
    yield store
    store.close()


@pytest.fixture(scope="module")
def buckets(s3_server: servers.S3Server) -> Buckets:
    """Two new, empty buckets for the test module."""
    mark = secrets.token_hex(4)
    made = Buckets(incoming=f"incoming-{mark}", media=f"media-{mark}")
    client = boto3.client("s3", endpoint_url=s3_server.endpoint_url, region_name=REGION)
    client.create_bucket(Bucket=made.incoming)
    client.create_bucket(Bucket=made.media)
    client.close()
    return made


@pytest.fixture(scope="module")
def store(_shared_store: ObjectStore, buckets: Buckets) -> ObjectStore:
    """The object store, in which the test module's `buckets` are."""
    return _shared_store


@pytest.fixture(scope="module")
def launch_chromium() -> Iterator[Callable[..., Browser]]:
    """Starts the machine's Chromium or Chrome with further arguments; where there is none the tests are skipped.

    Of the test module, not of the session: Playwright runs one loop in a thread, and other modules may want it too.
    """
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        pytest.skip("no Chromium on this machine: install the package 'chromium' to run the browser tests")
    # A busy machine may need longer than the usual 5 s.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright, ExitStack() as opened:

        def launch(*arguments: str) -> Browser:
            browser = playwright.chromium.launch(executable_path=executable, args=[*_BROWSER_ARGUMENTS, *arguments])
            opened.callback(browser.close)
            return browser

        yield launch

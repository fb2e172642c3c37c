"""A published clip for the player's tests, and a browser that plays it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tasks.adapters.object_store import ObjectStore
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media
from tests.gateway.player.page import (
    NAME,
    full_clip,
    publish_extras,
)


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory) -> None:
    publish_media(store, buckets.media, NAME, hue=3)
    publish_extras(store, buckets.media, NAME, tmp_path_factory.mktemp("extras"))
    samples.publish(store, buckets.media, full_clip(NAME))


@pytest.fixture(scope="module")
def hls_js(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of hls.js, from the package registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine: it fetches hls.js")
    folder = tmp_path_factory.mktemp("hls")
    command = [npm, "pack", "hls.js@1", "--silent"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if packed.returncode:
        pytest.skip(f"npm can't fetch hls.js: {packed.stderr[-200:]}")
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        member = archive.extractfile("package/dist/hls.min.js")
        assert member is not None
        return member.read().decode()

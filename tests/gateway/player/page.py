"""What tests of the clip's player share: a clip with all that belongs to it, and hands on its page."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from playwright.sync_api import Browser, Locator, Page

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tests.gateway import samples
from tests.gateway.browser import watched

NAME = "120312_NGAN1"
WITHOUT_HLS = """
    const answer = HTMLMediaElement.prototype.canPlayType;
    HTMLMediaElement.prototype.canPlayType = function (type) {
        return type.includes("mpegurl") ? "" : answer.call(this, type);
    };
"""
SHIFTS = """
    window.shift = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shift += entry.value; }))
        .observe({ type: "layout-shift", buffered: true });
"""
# Three tiles of two seconds, red, green and blue.
STORYBOARD = "WEBVTT\n\n" + "\n".join(
    f"00:00:{2 * tile:02}.000 --> 00:00:{2 * tile + 2:02}.000\nsheet-001.jpg#xywh={160 * tile},0,160,90\n"
    for tile in range(3)
)
CAPTIONS = "WEBVTT\n\n00:00:00.000 --> 00:00:06.000\nBà con diêm dân ra đồng từ sáng sớm\n"


def full_clip(name: str, **changes: Any) -> Any:
    """A ready clip with all that the player can show."""
    captions = [
        {"language": "vi", "label": "Tiếng Việt", "kind": "captions", "url": f"{samples.VERSION}/captions/vi.vtt"},
        {"language": "en", "label": "English", "kind": "subtitles", "url": f"{samples.VERSION}/captions/vi.vtt"},
    ]
    storyboard = {
        "vtt": f"{samples.VERSION}/storyboard/storyboard.vtt",
        "images": [f"{samples.VERSION}/storyboard/sheet-001.jpg"],
        "interval_s": 2.0,
    }
    poster = {
        "url": f"{samples.VERSION}/poster.jpg",
        "width": 640,
        "height": 360,
        "time_s": 1.0,
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    }
    facts = {"captions": captions, "storyboard": storyboard, "poster": poster, "sound": [], **changes}
    return samples.ready_clip(name, **facts)


def publish_extras(store: ObjectStore, bucket: str, name: str, folder: Path) -> None:
    """The storyboard and captions that `full_clip` names."""
    sheet = folder / "sheet-001.jpg"
    colours = "color=red:s=160x90[a];color=lime:s=160x90[b];color=blue:s=160x90[c];[a][b][c]hstack=3"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", "-filter_complex", colours]
    subprocess.run([*command, "-frames:v", "1", str(sheet)], check=True, timeout=60)
    prefix = keys.version_prefix(name, samples.VERSION)
    store.put(bucket, f"{prefix}storyboard/storyboard.vtt", STORYBOARD.encode(), content_type="text/vtt")
    store.put(bucket, f"{prefix}storyboard/sheet-001.jpg", sheet.read_bytes(), content_type="image/jpeg")
    store.put(bucket, f"{prefix}captions/vi.vtt", CAPTIONS.encode(), content_type="text/vtt; charset=utf-8")


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def until(found: Callable[[], object], *, timeout_s: float = 30) -> None:
    """Wait until it is so, asking from outside: the pages' policy lets nothing be evaluated again and again inside."""
    deadline = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def time_of(page: Page) -> float:
    return float(page.locator("video").evaluate("video => video.currentTime"))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


@contextmanager
def opened(browser: Browser, gateway: str, name: str = NAME, lang: str = "en", **options: object) -> Iterator[Page]:
    with watched(browser, gateway, **options) as page:
        page.goto(f"{gateway}/embed/{name}?lang={lang}")
        yield page


def begin(page: Page) -> None:
    """Click the poster, and wait until the clip runs."""
    page.locator("newsreel-clip .start").click()
    until(lambda: time_of(page) > 0.2)


def pause(page: Page) -> None:
    page.locator("video").evaluate("video => video.pause()")

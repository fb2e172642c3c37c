"""Whoever is told of a change and asks for the record at once gets the changed one, not what was kept for a second."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks.pipeline.services import Services
from tests.gateway import samples
from workers.web import record_cache
from workers.web.catalogue import Catalogue
from workers.web.record_cache import RecordCache


def test_a_record_that_listeners_were_told_of_is_read_anew(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    told_at_s = float("-inf")
    monkeypatch.setattr(Catalogue, "was_told_of", lambda _, __, since_s: told_at_s >= since_s)
    clip = samples.ready_clip("news-1")

    def store(state: str) -> None:
        services.clips.update("news-1", lambda _: clip.evolve(state=state))

    async def states() -> list[str]:
        nonlocal told_at_s
        cache = RecordCache(services, Catalogue(services))
        seen = []

        async def look() -> None:
            record = await cache.get("clip", "news-1")
            seen.append(record.state if record is not None else "")

        # However long the writes take.
        monkeypatch.setattr(record_cache, "_FRESH_S", 60.0)
        store("processing")
        await look()
        store("ready")
        await look()
        told_at_s = time.monotonic()
        await look()
        return seen

    assert asyncio.run(states()) == ["processing", "processing", "ready"]

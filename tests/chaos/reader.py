"""A reader that looks at every record ten times a second, and at everything that a new one names."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from posixpath import dirname, normpath
from typing import Any, Final

from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from tests.chaos.filer import Filer, Seen, StoreAway
from tests.chaos.judge import ClipJudge, Uploads, judge_article, named_urls

_PERIOD_S: Final = 0.1
_URI: Final = re.compile(r'URI="([^"]+)"')
# An object that is there but can't be opened yet is asked for again before it counts as missing.
_LOOKS: Final = 3


class Reader(threading.Thread):
    """Reads straight from the store until told to stop. What it saw stands in its attributes, for one who waits.

    Parameters:
        clips, articles: the names to look for, whether they exist yet or not.
        recipe: the ladder's revision, from which versions are derived.
    """

    def __init__(
        self, filer: Filer, uploads: Uploads, *, clips: tuple[str, ...], articles: tuple[str, ...], recipe: str
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self.violations: list[str] = []
        self.clips: dict[str, ClipRecord] = {}
        self.articles: dict[str, dict[str, Any]] = {}
        self.versions_seen = 0
        self.polls = 0
        self.away_s = 0.0
        self.longest_gap_s = 0.0
        self._filer = filer
        self._paths = {keys.clip_record(name): name for name in clips}
        self._article_paths = {keys.article_record(each): each for each in articles}
        self._judges = {name: ClipJudge(name, uploads, recipe) for name in clips}
        self._etags: dict[str, str] = {}
        self._immutable: dict[str, str] = {}
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        looked_at = time.monotonic()
        while not self._stop_asked.is_set():
            started = time.monotonic()
            try:
                self.look()
                self.longest_gap_s = max(self.longest_gap_s, time.monotonic() - looked_at)
            except StoreAway:
                # A store that is away shows nobody anything; its own faults are not newsreel's.
                time.sleep(_PERIOD_S)
                self.away_s += time.monotonic() - started
            looked_at = time.monotonic()
            self._stop_asked.wait(max(0.0, started + _PERIOD_S - time.monotonic()))

    def stop(self) -> None:
        """Ask for its end, and wait for it."""
        self._stop_asked.set()
        self.join(30)
        self._filer.close()

    def look(self) -> None:
        """Look at all records once.

        Raises:
            StoreAway: the store does not answer.
        """
        heads = self._filer.heads([*self._paths, *self._article_paths])
        self.polls += 1
        for path, seen in heads.items():
            if seen is None:
                if self._etags.pop(path, None) is not None:
                    self._blame(f"missing: {path} was there, and is gone")
                continue
            if self._etags.get(path) == seen.etag:
                continue
            whole = self._filer.get(path)
            if whole is None or self._etags.get(path) == whole.etag:
                continue
            if path in self._paths:
                self._look_at_clip(self._paths[path], whole)
            else:
                self._look_at_article(self._article_paths[path], whole)
            # Last: a look that the store's absence cut short is done again.
            self._etags[path] = whole.etag
            self.versions_seen += 1

    def look_again(self) -> None:
        """Look at all records and all that they name, as if for the first time.

        Raises:
            StoreAway: the store does not answer.
        """
        self._etags.clear()
        self.look()

    def sees_work(self, *, within_s: float) -> bool:
        """Whether any worker has been heard of in that time."""
        leases = (record.work.lease for record in list(self.clips.values()))
        latest = max((lease.heartbeat_at for lease in leases if lease), default=None)
        return latest is not None and datetime.now(UTC) - latest < timedelta(seconds=within_s)

    def named_keys(self, record: ClipRecord) -> Iterator[str]:
        """Keys of all objects that a record leads to, through its playlists too, as far as they are there.

        Raises:
            StoreAway: the store does not answer.
        """
        base = f"{keys.CLIPS}{record.name}/"
        for work in filter(None, (record, record.next)):
            for url in named_urls(work):
                yield base + url
            if work.hls is not None:
                yield from self._named_by(base + work.hls)

    def _look_at_clip(self, name: str, whole: Seen) -> None:
        body = json.loads(whole.body)
        for violation in self._judges[name].judge(body):
            self._blame(violation)
        record = ClipRecord.model_validate(body)
        self.clips[name] = record
        self._check_named(record, list(dict.fromkeys(self.named_keys(record))))

    def _look_at_article(self, article_id: str, whole: Seen) -> None:
        body = json.loads(whole.body)
        shown = {clip["name"] for paragraph in body["paragraphs"] for clip in paragraph["clips"]}
        heads = self._filer.heads([keys.clip_record(name) for name in shown])
        known = {name for name in shown if heads[keys.clip_record(name)] is not None}
        for violation in judge_article(body, known):
            self._blame(violation)
        self.articles[article_id] = body

    def _check_named(self, record: ClipRecord, named: list[str]) -> None:
        path = keys.clip_record(record.name)
        for look in range(_LOOKS):
            heads = self._filer.heads(named)
            missing = [key for key, seen in heads.items() if seen is None]
            if not missing or look + 1 == _LOOKS:
                break
            time.sleep(0.05)
        for key, seen in heads.items():
            if seen is not None and seen.is_immutable and self._immutable.setdefault(key, seen.etag) != seen.etag:
                self._blame(f"changed: {key} was {self._immutable[key]}, now it is {seen.etag}")
                self._immutable[key] = seen.etag
        for key in missing:
            self._blame(f"missing: {path} ({record.state}) names {key}")

    def _named_by(self, playlist: str) -> Iterator[str]:
        seen = self._filer.get(playlist)
        if seen is None:
            return
        folder = dirname(playlist)
        for line in seen.body.decode().splitlines():
            found = _URI.findall(line) if line.startswith("#") else [line.strip()]
            for uri in filter(None, found):
                key = normpath(f"{folder}/{uri}")
                yield key
                if key.endswith(".m3u8"):
                    yield from self._named_by(key)

    def _blame(self, violation: str) -> None:
        stamp = time.strftime("%H:%M:%S", time.gmtime())
        self.violations.append(f"{violation} [{stamp} UTC]")

"""What no reader may ever see, judged record by record in the order in which they were seen: pure, so it is tested.

A violation is a string that begins with its kind. The kinds are the zeros that a run has to show:

- ``wrong``: a record names something of another clip, version or upload;
- ``missing``: it names something that isn't there (found by `tests.chaos.reader`, which can look);
- ``changed``: an immutable object has other bytes than before (likewise);
- ``regressed``: readers were sent back from a newer upload to an older one, or from a ready clip to none;
- ``twice``: one version was published more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tasks.records import arrival
from tasks.records.clip_record import ClipRecord, Work
from tests.chaos.material import Uploaded

KINDS: Final = ("wrong", "missing", "changed", "regressed", "twice")


class Uploads:
    """Every upload of every clip, in the order of their numbers; written by one thread, read by another."""

    def __init__(self) -> None:
        self._known: dict[str, list[Uploaded]] = {}

    def add(self, upload: Uploaded) -> None:
        """Say what is about to be uploaded: before it is, since a reader may be quick."""
        self._known.setdefault(upload.name, []).append(upload)

    def find(self, name: str, etag: str, size_bytes: int) -> Uploaded | None:
        """The upload of that clip with these bytes."""
        fits = (each for each in self._known.get(name, ()) if (each.etag, each.size_bytes) == (etag, size_bytes))
        return next(fits, None)

    def last(self) -> dict[str, Uploaded]:
        """The newest upload of each clip."""
        return {name: uploads[-1] for name, uploads in self._known.items()}


class ClipJudge:
    """Follows one clip's record; ``recipe`` is the ladder's revision."""

    def __init__(self, name: str, uploads: Uploads, recipe: str) -> None:
        self._name = name
        self._uploads = uploads
        self._recipe = recipe
        self._published: Uploaded | None = None
        self._ready_at: dict[str, str] = {}

    def judge(self, record: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with the record itself, and with it after those seen before."""
        parsed = ClipRecord.model_validate(record)
        if parsed.name != self._name:
            yield f"wrong: {self._name}: its record is that of {parsed.name}"
            return
        for work in filter(None, (parsed, parsed.next)):
            yield from self._judge_version(work)
        yield from self._judge_publication(parsed)

    def _judge_version(self, work: Work) -> Iterator[str]:
        where = f"{self._name} {work.version} ({work.state})"
        upload = self._uploads.find(self._name, work.source.etag, work.source.size_bytes)
        if upload is None:
            yield f"wrong: {where}: nothing was uploaded with the ETag {work.source.etag}"
        elif work.source.sha256 not in (None, upload.sha256):
            yield f"wrong: {where}: the SHA-256 of its source is not that of the upload"
        if work.version != arrival.derive_version(work.source, self._recipe):
            yield f"wrong: {where}: the version is not that of its source"
        for url in named_urls(work):
            if not url.startswith(f"{work.version}/"):
                yield f"wrong: {where}: it names {url}"

    def _judge_publication(self, record: ClipRecord) -> Iterator[str]:
        if record.state != "ready":
            if self._published is not None:
                yield f"regressed: {self._name}: upload {self._published.number} was ready, now it is {record.state}"
            return
        upload = self._uploads.find(self._name, record.source.etag, record.source.size_bytes)
        if upload is not None:
            if self._published is not None and upload.number < self._published.number:
                yield f"regressed: {self._name}: upload {self._published.number} gave way to {upload.number}"
            self._published = upload
        ready_at = str(record.timings.ready_at)
        if self._ready_at.setdefault(record.version, ready_at) != ready_at:
            yield f"twice: {self._name} {record.version}: at {self._ready_at[record.version]} and at {ready_at}"


def named_urls(work: Work) -> list[str]:
    """Every URL that a version names, relative to the record."""
    urls = [work.hls, work.dash, *(each.url for each in work.mp4)]
    if work.poster is not None:
        urls += [work.poster.url, *(each.url for each in work.poster.sources)]
    if work.storyboard is not None:
        urls += [work.storyboard.vtt, *work.storyboard.images]
    return [url for url in urls if url is not None]


def judge_article(record: Mapping[str, Any], known_clips: set[str]) -> Iterator[str]:
    """What is wrong with an article's record; ``known_clips`` are those whose records were there when it was read."""
    for paragraph in record["paragraphs"]:
        for clip in paragraph["clips"]:
            if clip["name"] not in known_clips:
                yield f"missing: {record['id']}: it shows {clip['name']}, which has no record"
            elif clip["record"] != f"../../clips/{clip['name']}/clip.json":
                yield f"wrong: {record['id']}: the record of {clip['name']} is said to be {clip['record']}"

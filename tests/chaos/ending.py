"""What must stand in the store when all is over: every clip final and right to the pixel, every article complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from tests.chaos.filer import Filer
from tests.chaos.material import Uploaded, colours_of
from tests.chaos.plan import Plan
from tests.chaos.reader import Reader

_AT_A_TIME: Final = 2
_IN_ONE_RUN: Final = 12


def unfinished_clips(plan: Plan, reader: Reader, last: Mapping[str, Uploaded]) -> list[str]:
    """Clips whose newest upload has not come to a final state."""
    return [name for name in plan.names if not _is_final(reader.clips.get(name), last.get(name))]


def unfinished_articles(plan: Plan, reader: Reader) -> list[str]:
    """Articles that are not complete."""
    ids = {upload.article_id for upload in plan.articles}
    return sorted(each for each in ids if reader.articles.get(each, {}).get("state") != "complete")


def _is_final(record: ClipRecord | None, upload: Uploaded | None) -> bool:
    if record is None or upload is None:
        return False
    return record.work.state.is_final and record.work.source.etag == upload.etag and not record.work.lacks_pictures


def lost(plan: Plan, reader: Reader, last: Mapping[str, Uploaded]) -> Iterator[str]:
    """Uploads that did not become what they should: not ready, or not shown where an article wants them."""
    for name in plan.names:
        record, upload = reader.clips.get(name), last.get(name)
        if record is None or upload is None:
            yield f"{name}: no record"
        elif record.work.source.etag != upload.etag:
            yield f"{name}: upload {upload.number} was never taken up"
        elif record.state != "ready" or record.next is not None:
            failure = record.work.failure
            yield f"{name}: {record.work.state}{f' ({failure.code}: {failure.detail})' if failure else ''}"
        elif record.work.lacks_pictures or record.poster is None:
            yield f"{name}: without its pictures"
    yield from _lost_links(plan, reader)


def _lost_links(plan: Plan, reader: Reader) -> Iterator[str]:
    wanted: dict[str, set[tuple[str, str]]] = {name: set() for name in plan.names}
    newest = {upload.article_id: upload for upload in sorted(plan.articles, key=lambda each: each.number)}
    for article_id, upload in newest.items():
        record = reader.articles.get(article_id)
        if record is None:
            yield f"{article_id}: no record"
            continue
        if record["state"] != "complete":
            yield f"{article_id}: {record['state']}"
        shown = {clip["name"] for paragraph in record["paragraphs"] for clip in paragraph["clips"]}
        if shown != set(upload.clips):
            yield f"{article_id}: it shows {sorted(shown)} in place of {sorted(upload.clips)}"
        for paragraph in record["paragraphs"]:
            for clip in paragraph["clips"]:
                wanted.setdefault(clip["name"], set()).add((article_id, paragraph["id"]))
    for name, links in wanted.items():
        found = reader.clips.get(name)
        if found is not None and {(each.article, each.paragraph) for each in found.links} != links:
            yield f"{name}: its links are {[each.model_dump() for each in found.links]} in place of {sorted(links)}"


def wrong_objects(
    records: Mapping[str, ClipRecord], last: Mapping[str, Uploaded], filer: Filer, folder: Path
) -> list[str]:
    """Objects that show something else than what was uploaded: poster and MP4 of every ready clip are decoded.

    Raises:
        StoreAway: the store does not answer.
    """
    ready = [record for record in records.values() if record.state == "ready" and record.name in last]
    jobs: list[tuple[str, int, Path]] = []
    found: list[str] = []
    for record in ready:
        posters = [record.poster.url] if record.poster else []
        for url in (*posters, *(each.url for each in record.mp4)):
            key = f"{keys.CLIPS}{record.name}/{url}"
            seen = filer.get(key)
            if seen is None or not seen.body:
                found.append(f"missing: {key} can't be read")
                continue
            path = folder / f"{len(jobs)}{Path(url).suffix}"
            path.write_bytes(seen.body)
            jobs.append((key, last[record.name].colour, path))
    parts = [jobs[start : start + _IN_ONE_RUN] for start in range(0, len(jobs), _IN_ONE_RUN)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for part, shown in zip(parts, pool.map(lambda part: colours_of([job[2] for job in part]), parts), strict=True):
            for (key, colour, _), seen in zip(part, shown, strict=True):
                if seen != colour:
                    found.append(f"wrong: {key} shows colour {seen}, uploaded was {colour}")
    return found

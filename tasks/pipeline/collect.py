"""Collecting garbage: media that no record names are deleted, once late readers had time to move on.

A clip that came to its end leaves a mark, so a round looks only at clips that something happened to; a thorough one
looks at every folder. A folder is listed before its record is read: what the record comes to name later is not listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import BaseModel

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectInfo
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable
from tasks.pipeline.ingest import is_upload
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState, Work

log: Final = structlog.get_logger()
# Parts of an upload that nobody goes on with are paid for, and shown nowhere.
_UNFINISHED_FOR: Final = timedelta(days=1)
_SOUND: Final = "audio"
_HEARD_WHOLE: Final = re.compile(rf"/hls/{_SOUND}[^/]*-{keys.HEARD_WHOLE}/[^/]+$")
# Captions lie in folders of other names.
_RENDITION: Final = re.compile(rf"/hls/(\d+p[^/]*|{keys.ORIGINAL}[^/]*|{_SOUND}[^/]*)$")
Tell = Callable[[str], None]


def collect_withdrawn(services: Services, name: str, *, is_dry: bool = False) -> int:
    """Delete everything of a withdrawn clip but its record, however young; returns how many files that is."""
    listed = _listed(services, name)
    record = services.clips.get(name)
    if record is None or record.state is not ClipState.WITHDRAWN:
        return 0
    return len(listed) if is_dry else services.store.delete_all(services.settings.media_bucket, listed)


def withdrawn(services: Services, tell: Tell, *, is_dry: bool) -> int:
    """Complete the withdrawals of clips whose media are not all deleted, or whose late worker uploaded some again."""
    bucket, grace, count = services.settings.media_bucket, _grace(services), 0
    for mark in services.store.list(bucket, keys.WITHDRAWN):
        name = mark.key.removeprefix(keys.WITHDRAWN)
        try:
            found = collect_withdrawn(services, name, is_dry=is_dry)
        except RecordUnreadable as error:
            _pass_over(error, tell)
            continue
        if found:
            tell(f"delete {found} files of the withdrawn clip {name}")
            count += 1
        elif not is_dry and utc_now() - mark.modified_at > grace:
            services.store.delete(bucket, mark.key)
    return count


def leftovers(services: Services, tell: Tell, *, is_dry: bool, is_thorough: bool = False) -> int:
    """Delete versions, and abandoned attempts at them, that no record names and that are older than the grace time.

    A clip without a record whose upload is there is rung for, to be made again, and its media are left alone, unless it
    was being withdrawn. So are those of a clip whose record can't be read: it may name any of them.
    """
    count, recordless = 0, dict[str, str]()
    for name, mark in _candidates(services, is_thorough=is_thorough):
        objects = list(services.store.list(services.settings.media_bucket, f"{keys.CLIPS}{name}/"))
        try:
            record = services.clips.get(name)
        except RecordUnreadable as error:
            _pass_over(error, tell)
            continue
        if record is not None:
            count += _delete_unnamed(services, name, mark, unnamed(record, objects), tell, is_dry=is_dry)
        elif all(each.key != keys.clip_record(name) for each in objects):
            recordless[name] = mark
        # Else somebody deletes it at this moment: the next round will see.
    return count + _without_record(services, recordless, tell, is_dry=is_dry)


def unfinished_uploads(services: Services, tell: Tell, *, is_dry: bool) -> int:
    """Abort multipart uploads that were begun more than a day ago, in both buckets."""
    count = 0
    for bucket in (services.settings.incoming_bucket, services.settings.media_bucket):
        for upload in services.store.unfinished_uploads(bucket):
            if utc_now() - upload.started_at > _UNFINISHED_FOR:
                tell(f"abort the unfinished upload of {upload.key}, begun {upload.started_at:%Y-%m-%d %H:%M} UTC")
                count += 1
                if not is_dry:
                    services.store.give_up_upload(bucket, upload)
    return count


def unnamed(record: ClipRecord | None, objects: Iterable[ObjectInfo]) -> dict[str, list[ObjectInfo]]:
    """The objects under a clip's folder that belong to no version, or attempt at one, that its record names.

    By the folder that they are in: a version's, or below it that of a later try, or of a rendition that readers had
    until the finished ones came. A version still in work keeps all of its tries: the next one begins where the record
    does not say yet. Pure.
    """
    found: dict[str, list[ObjectInfo]] = defaultdict(list)
    listed = list(objects)
    heard_whole = {each.key.rpartition("/")[0] for each in listed if _HEARD_WHOLE.search(each.key)}
    for each in listed:
        version, _, path = each.key.removeprefix(keys.CLIPS).partition("/")[2].partition("/")
        if not path:
            continue  # the record itself
        work = record.work_of(version) if record is not None else None
        part = path.partition("/")[0]
        if work is None:
            found[version].append(each)
        elif work.state is ClipState.READY and _is_left_behind(part, _named_parts(work)):
            found[f"{version}/{part}" if part.isdecimal() else version].append(each)
        elif work.state is ClipState.READY and _is_passed(each.key, work, heard_whole):
            found[path.rpartition("/")[0] and f"{version}/{path.rpartition('/')[0]}"].append(each)
    return dict(found)


def _is_passed(key: str, work: Work, heard_whole: set[str]) -> bool:
    """Whether it is of a rendition that was played while the finished ones were made, and that they don't include."""
    folder = key.rpartition("/")[0]
    rendition = _RENDITION.search(folder)
    if rendition is None:
        return False
    name = rendition.group(1)
    if name.startswith(_SOUND):
        return f"{folder}-{keys.HEARD_WHOLE}" in heard_whole
    return name not in {each.name for each in work.renditions}


def _is_left_behind(part: str, named: frozenset[str]) -> bool:
    """Whether that part of a finished version's folder was made by an attempt that others followed."""
    if part in named:
        return False
    # The first try lies beside the folders of later ones; playlists name more of it than the record does.
    return part.isdecimal() or any(each.isdecimal() for each in named)


def _named_parts(work: Work) -> frozenset[str]:
    """The first parts of all URLs of the version, below its folder: of a try's ``<version>/2/hls/…`` the number."""
    prefix = f"{work.version}/"
    return frozenset(url.removeprefix(prefix).partition("/")[0] for url in _texts(work) if url.startswith(prefix))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        for _, each in value:
            yield from _texts(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)


def _delete_unnamed(
    services: Services,
    name: str,
    mark: str,
    folders: dict[str, list[ObjectInfo]],
    tell: Tell,
    *,
    is_dry: bool,
) -> int:
    """Delete these folders of the clip but those with something young in them, and the mark if there are none."""
    bucket, count, has_young = services.settings.media_bucket, 0, False
    for folder, objects in folders.items():
        if max(each.modified_at for each in objects) > utc_now() - _grace(services):
            has_young = True
            continue
        tell(f"delete {len(objects)} files of {keys.CLIPS}{name}/{folder}, which no record names")
        count += 1
        if not is_dry:
            services.store.delete_all(bucket, [each.key for each in objects])
    if not has_young and not is_dry:
        services.store.delete(bucket, mark)
    return count


def _without_record(services: Services, marks: dict[str, str], tell: Tell, *, is_dry: bool) -> int:
    """Of clips that have no record (``marks`` by name): have those with an upload made again, collect the others."""
    if not marks:
        return 0
    bucket, count, uploaded = services.settings.media_bucket, 0, set[str]()
    withdrawn_names = {each.key.removeprefix(keys.WITHDRAWN) for each in services.store.list(bucket, keys.WITHDRAWN)}
    for name in withdrawn_names & marks.keys():
        log.error("record lost", clip=name, reason="it was withdrawn, and is not made again")
        tell(f"{name} was withdrawn and its record is gone: it is not processed again")
    marks = {name: mark for name, mark in marks.items() if name not in withdrawn_names}
    for upload in services.store.list(services.settings.incoming_bucket, keys.CLIPS):
        name = keys.stem(upload.key)
        if name not in marks or not is_upload(upload.key):
            continue
        uploaded.add(name)
        done = [each.key for each in services.store.list(bucket, keys.settled_prefix(upload.key))]
        if not done:
            continue  # not done yet: its record is about to come
        tell(f"process {name} again from {upload.key}, since its record is gone")
        count += 1
        if not is_dry:
            services.store.delete_all(bucket, done)
            services.doorbell.remind(queues.INGEST_TASK, upload.key, every_s=services.settings.lease_s)
    for name, mark in marks.items():
        if name not in uploaded:
            objects = list(services.store.list(bucket, f"{keys.CLIPS}{name}/"))
            if any(each.key == keys.clip_record(name) for each in objects):
                continue  # somebody has put it back
            count += _delete_unnamed(services, name, mark, unnamed(None, objects), tell, is_dry=is_dry)
    return count


def _pass_over(error: RecordUnreadable, tell: Tell) -> None:
    """Report a record that can't be read: what depends on it waits for an operator, everything else goes on."""
    report(error)
    tell(str(error))


def _listed(services: Services, name: str) -> list[str]:
    record = keys.clip_record(name)
    listed = services.store.list(services.settings.media_bucket, f"{keys.CLIPS}{name}/")
    return [each.key for each in listed if each.key != record]


def _candidates(services: Services, *, is_thorough: bool) -> Iterator[tuple[str, str]]:
    bucket = services.settings.media_bucket
    if is_thorough:
        folders = set[str]()
        for name in services.store.folders(bucket, keys.CLIPS):
            folders.add(name)
            yield name, keys.leftovers_mark(name)
        # A clip of which nothing is left, not even its record, has its name marked still.
        for named in services.store.list(bucket, keys.CLIP_NAMES):
            name = named.key.rpartition("/")[2]
            if name not in folders:
                yield name, keys.leftovers_mark(name)
        return
    latest: datetime = utc_now() - _grace(services)
    for mark in services.store.list(bucket, keys.LEFTOVERS):
        # What the clip's end left is not older than its mark.
        if mark.modified_at <= latest:
            yield mark.key.removeprefix(keys.LEFTOVERS), mark.key


def _grace(services: Services) -> timedelta:
    return timedelta(seconds=services.settings.version_grace_s)

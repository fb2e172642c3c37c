"""Object events: what a store tells us of uploads, in any of the shapes in use, becomes `ObjectEvent` values.

Understood, alone or in lists, and wrapped in one another to a reasonable depth:

- AWS S3 event records (MinIO and Ceph write them too) and S3's test message;
- Amazon's envelopes: SNS notifications, SQS messages, and the lists in which Lambda and SQS hand them on;
- EventBridge events of S3;
- MinIO's webhook, SeaweedFS's filer webhook;
- CloudEvents 1.0 in structured mode, single or batch, that carry any of the above as data.

An event only says where to look: `ingest` finds out what is there, so a doubled, late or wrong one does no harm.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote_plus

from tasks.errors import SourceRejected

Kind = Literal["created", "removed"]
Json = Mapping[str, Any]

# Lists and envelopes around one another: a record of S3 in SNS in SQS in a batch is the eighth thing opened.
_MAX_NESTING: Final = 12
# SeaweedFS keeps buckets as directories of its filer …
_FILER_PATH: Final = re.compile(r"/buckets/([^/]+)/(.+)", re.DOTALL)
# … and the versions of an object of a versioned bucket as files in a directory beside it.
_FILER_VERSION: Final = re.compile(r"(.+)\.versions/v_[0-9A-Za-z]+", re.DOTALL)
_FILER_PARTS: Final = ".uploads/"


@dataclass(frozen=True, kw_only=True)
class ObjectEvent:
    """Something happened to that object; ``key`` is plain text, not URL-encoded."""

    bucket: str
    key: str
    kind: Kind


def parse_events(body: bytes) -> tuple[ObjectEvent, ...]:
    """The events of a message, in its order, each one once; none if it tells of nothing that concerns objects.

    Raises:
        SourceRejected: (``event_unreadable``) it is not JSON, or of no known shape. No event of it is returned then.
    """
    events = tuple(dict.fromkeys(_events(_decoded(body), _MAX_NESTING)))
    for event in events:
        _check(event)
    return events


def _events(value: Any, nesting: int) -> Iterator[ObjectEvent]:
    if nesting == 0:
        raise _unreadable(f"more than {_MAX_NESTING} envelopes around an event")
    inside = nesting - 1
    match value:
        case list():
            for each in value:
                yield from _events(each, inside)
        case {"specversion": str()}:
            yield from _cloud_event(value, inside)
        case {"detail-type": str(what), "detail": dict(detail)}:
            yield from _object_event(what, detail, encoded=False)
        case {"s3": dict(s3), "eventName": str(what)}:
            yield from _object_event(what, s3, encoded=True)
        case {"Records": list(records)} if records or "EventName" not in value:
            yield from _events(records, inside)
        case {"EventName": str(what), "Key": str(path)}:
            yield from _minio(what, path)
        case {"Event": "s3:TestEvent"}:
            return
        case {"event_type": str(), "key": str(path), "message": dict(message)}:
            yield from _seaweedfs(path, message)
        case {"Type": "Notification", "Message": str(text)} | {"Sns": {"Message": str(text)}}:
            yield from _events(_decoded(text), inside)
        case {"Messages": list(messages)}:
            yield from _events(messages, inside)
        case {"body": str(text)} | {"Body": str(text)}:
            yield from _events(_decoded(text), inside)
        case {}:
            raise _unreadable(f"no known event has the fields {ascii(sorted(map(str, value)))[:200]}")
        case _:
            raise _unreadable(f"an event is a JSON object, this is {ascii(value)[:80]}")


def _object_event(what: str, about: Json, *, encoded: bool) -> Iterator[ObjectEvent]:
    """The event of ``{bucket: {name}, object: {key}}``; S3's own records URL-encode the key, EventBridge does not."""
    kind = _kind(what)
    if kind is None:
        return
    match about:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}:
            yield ObjectEvent(bucket=bucket, key=_unquoted(key) if encoded else key, kind=kind)
        case _:
            raise _unreadable("the event names no bucket and key")


def _minio(what: str, path: str) -> Iterator[ObjectEvent]:
    """MinIO's short form, without records: ``Key`` is the bucket and the plain key."""
    kind = _kind(what)
    bucket, _, key = path.partition("/")
    if kind is not None:
        yield ObjectEvent(bucket=bucket, key=key, kind=kind)


def _seaweedfs(path: str, message: Json) -> Iterator[ObjectEvent]:
    """The entries decide, not the type: the filer calls an overwritten file a rename."""
    old, new = message.get("old_entry"), message.get("new_entry")
    parent = message.get("new_parent_path")
    new_path = path
    if isinstance(new, dict):
        if isinstance(parent, str) and parent and isinstance(new.get("name"), str):
            new_path = f"{parent.rstrip('/')}/{new['name']}"
        yield from _filer_event(new_path, new, "created")
    if isinstance(old, dict) and (not isinstance(new, dict) or new_path != path):
        yield from _filer_event(path, old, "removed")


def _filer_event(path: str, entry: Json, kind: Kind) -> Iterator[ObjectEvent]:
    match = _FILER_PATH.fullmatch(path)
    if match is None or entry.get("is_directory"):
        return
    bucket, key = match.groups()
    if key.startswith(_FILER_PARTS):
        return
    version = _FILER_VERSION.fullmatch(key)
    yield ObjectEvent(bucket=bucket, key=version[1] if version else key, kind=kind)


def _cloud_event(event: Json, nesting: int) -> Iterator[ObjectEvent]:
    data: Any = event.get("data")
    if "data_base64" in event:
        data = _decoded(_base64(event["data_base64"]))
    elif isinstance(data, str):
        data = _decoded(data)
    what = event.get("type")
    match data:
        case {"s3": dict(), "eventName": str()}:
            yield from _events(data, nesting)
        case {"s3": dict(s3)} if isinstance(what, str):
            yield from _object_event(what, s3, encoded=True)
        case {"bucket": dict(), "object": dict()} if isinstance(what, str):
            # With a schema version it is cut out of an S3 record, without one it is EventBridge's detail.
            yield from _object_event(what, data, encoded="s3SchemaVersion" in data)
        case _:
            yield from _events(data, nesting)


def _kind(what: str) -> Kind | None:
    """``ObjectCreated:Put``, ``s3:ObjectCreated:Put``, ``Object Created``, ``aws.s3.object.created`` mean the same."""
    letters = re.sub("[^a-z]", "", what.lower())
    if "objectcreated" in letters:
        return "created"
    if any(word in letters for word in ("objectremoved", "objectdeleted", "lifecycleexpiration")):
        return "removed"
    return None


def _decoded(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    # The JSON reader recurses, so a message of a thousand brackets ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"not readable as JSON: {str(error)[:200]}") from error


def _base64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unreadable(f"data_base64: {error}") from error


def _unquoted(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise _unreadable(f"the key {ascii(key)[:200]} is not UTF-8") from error


def _check(event: ObjectEvent) -> None:
    """A name must be there, and be text that can be sent on: JSON can spell halves of characters."""
    try:
        whole = bool(event.bucket and event.key) and bool(f"{event.bucket}/{event.key}".encode())
    except UnicodeEncodeError:
        whole = False
    if not whole:
        raise _unreadable(f"no name of an object: {ascii(event.bucket)[:80]}/{ascii(event.key)[:200]}")


def _unreadable(detail: str) -> SourceRejected:
    return SourceRejected("event_unreadable", "This message is not an object event that newsreel understands.", detail)

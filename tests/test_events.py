"""Events in every shape that stores send; and nothing but a refusal for anything else."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.events import ObjectEvent, parse_events

BUCKET = "newsreel-incoming"
# Any text that is UTF-8: an object key can hold nothing else.
keys = st.text(st.characters(codec="utf-8"), min_size=1)


def created(key: str) -> ObjectEvent:
    return ObjectEvent(bucket=BUCKET, key=key, kind="created")


def removed(key: str) -> ObjectEvent:
    return ObjectEvent(bucket=BUCKET, key=key, kind="removed")


def parsed(value: object) -> tuple[ObjectEvent, ...]:
    return parse_events(json.dumps(value).encode())


def s3_record(key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 5, "eTag": "d41d8cd9", "sequencer": "00"},
        },
    }


def s3(*keys: str) -> dict[str, Any]:
    return {"Records": [s3_record(key) for key in keys]}


def sns(inner: object) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(inner)}


def sqs(*inner: object) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(each)} for each in inner]}


def sqs_poll(*inner: object) -> dict[str, Any]:
    return {"Messages": [{"MessageId": "1", "Body": json.dumps(each)} for each in inner]}


def lambda_sns(inner: object) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": json.dumps(inner)}}]}


def event_bridge(key: str, detail_type: str = "Object Created") -> dict[str, Any]:
    detail = {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": key, "size": 5}, "reason": "PutObject"}
    return {"version": "0", "id": "1", "detail-type": detail_type, "source": "aws.s3", "detail": detail}


def minio(key: str) -> dict[str, Any]:
    record = s3_record(key, "s3:ObjectCreated:CompleteMultipartUpload")
    # MinIO encodes the slashes too.
    record["s3"]["object"]["key"] = quote_plus(key)
    return {"EventName": record["eventName"], "Key": f"{BUCKET}/{key}", "Records": [record]}


def minio_short(key: str) -> dict[str, Any]:
    return {"EventName": "s3:ObjectCreated:Put", "Key": f"{BUCKET}/{key}"}


def cloud_event(data: object, kind: str = "com.amazonaws.s3.ObjectCreated:Put", **more: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "aws:s3.x", "type": kind, "data": data, **more}


def seaweedfs(key: str) -> dict[str, Any]:
    folder, _, name = f"/buckets/{BUCKET}/{key}".rpartition("/")
    entry = {"name": name, "chunks": [{"file_id": "3,01"}], "attributes": {"file_size": 5, "mtime": 1795398438}}
    return {
        "event_type": "create",
        "key": f"{folder}/{name}",
        "message": {"new_entry": entry, "new_parent_path": folder},
    }


def seaweedfs_move(old: str, new: str) -> dict[str, Any]:
    event = seaweedfs(new)
    event["event_type"] = "rename"
    event["key"] = f"/buckets/{BUCKET}/{old}"
    event["message"]["old_entry"] = {"name": old.rpartition("/")[2], "attributes": {"file_size": 5}}
    return event


SHAPES = {
    "S3 records": s3,
    "S3 in SNS": lambda key: sns(s3(key)),
    "S3 in SQS": lambda key: sqs(s3(key)),
    "S3 in SNS in SQS": lambda key: sqs(sns(s3(key))),
    "S3 in SNS in SNS in a polled SQS message": lambda key: sqs_poll(sns(sns(s3(key)))),
    "S3 in an SQS message by itself": lambda key: {"MessageId": "1", "Body": json.dumps(s3(key))},
    "S3 in SNS given to Lambda": lambda key: lambda_sns(s3(key)),
    "EventBridge": event_bridge,
    "EventBridge in SQS": lambda key: sqs(event_bridge(key)),
    "MinIO": minio,
    "MinIO without records": minio_short,
    "MinIO with empty records": lambda key: {**minio_short(key), "Records": []},
    "CloudEvent of an S3 record": lambda key: cloud_event(s3_record(key)),
    "CloudEvent of S3 records": lambda key: cloud_event(s3(key)),
    "CloudEvent of an S3 record without its name": lambda key: cloud_event({"s3": s3_record(key)["s3"]}),
    "CloudEvent of a record's s3 part": lambda key: cloud_event(s3_record(key)["s3"], "aws.s3.object.created"),
    "CloudEvent of EventBridge's detail": lambda key: cloud_event(event_bridge(key)["detail"], "aws.s3.ObjectCreated"),
    "CloudEvent of text": lambda key: cloud_event(json.dumps(s3(key))),
    "CloudEvent of bytes": lambda key: cloud_event(
        None, data_base64=base64.b64encode(json.dumps(s3(key)).encode()).decode()
    ),
    "batch of CloudEvents": lambda key: [cloud_event(s3(key)), cloud_event(s3_record(key))],
}


@pytest.mark.parametrize("shape", SHAPES)
@given(key=keys)
def test_a_key_comes_through_every_shape_unchanged(shape: str, key: str) -> None:
    assert parsed(SHAPES[shape](key)) == (created(key),)


# A file's name in a file system: no slash at its ends, and not one of newsreel's special cases.
@given(
    key=keys.filter(lambda key: key == key.strip("/") and not key.startswith(".uploads/") and ".versions/v_" not in key)
)
def test_a_key_comes_through_seaweedfs_webhook_unchanged(key: str) -> None:
    assert parsed(seaweedfs(key)) == (created(key),)


def test_all_records_of_a_message_count_and_each_event_once() -> None:
    message = sqs(s3("clips/a.mp4", "clips/b.mp4"), sns(s3("clips/b.mp4", "clips/c.mp4")))
    assert parsed(message) == (created("clips/a.mp4"), created("clips/b.mp4"), created("clips/c.mp4"))


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("ObjectCreated:Copy", created("clips/a.mp4")),
        ("s3:ObjectCreated:Post", created("clips/a.mp4")),
        ("ObjectRemoved:Delete", removed("clips/a.mp4")),
        ("s3:ObjectRemoved:DeleteMarkerCreated", removed("clips/a.mp4")),
        ("LifecycleExpiration:Delete", removed("clips/a.mp4")),
        ("ObjectTagging:Put", None),
        ("ObjectRestore:Completed", None),
    ],
)
def test_an_events_name_says_whether_the_object_came_or_went(name: str, event: ObjectEvent | None) -> None:
    assert parsed({"Records": [s3_record("clips/a.mp4", name)]}) == ((event,) if event else ())


def test_event_bridge_tells_of_deleted_objects_and_of_things_that_are_not_ours() -> None:
    assert parsed(event_bridge("clips/a b+c.mp4", "Object Deleted")) == (removed("clips/a b+c.mp4"),)
    assert parsed(event_bridge("clips/a.mp4", "Object Tags Added")) == ()


def test_a_plus_sign_in_an_s3_record_is_a_space() -> None:
    record = s3_record("x")
    record["s3"]["object"]["key"] = "clips/a+b+" + quote("Đê+1") + ".MP4"
    assert parsed({"Records": [record]}) == (created("clips/a b Đê+1.MP4"),)


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-01T00:00:00.000Z", "Bucket": BUCKET},
        {"Records": []},
        [],
    ],
)
def test_a_message_about_no_object_gives_no_events(message: object) -> None:
    assert parsed(message) == ()
    assert parsed(sqs(message)) == ()


def test_seaweedfs_upload_as_it_was_really_sent() -> None:
    body = """{"event_type":"create","key":"/buckets/newsreel-incoming/clips/a b Đê.MP4","message":{"new_entry":{
        "name":"a b Đê.MP4","chunks":[{"file_id":"1,05a2"}],"attributes":{"file_size":5,"mtime":1795398438}},
        "new_parent_path":"/buckets/newsreel-incoming/clips"}}"""
    assert parse_events(body.encode()) == (created("clips/a b Đê.MP4"),)


@pytest.mark.parametrize(
    "path",
    [
        f"/buckets/{BUCKET}/.uploads/0b3c/0001_a.part",
        f"/buckets/{BUCKET}",
        "/topics/.system/log/2026-01-01",
    ],
)
def test_seaweedfs_own_files_are_no_uploads(path: str) -> None:
    folder, _, name = path.rpartition("/")
    event = {"event_type": "create", "key": path, "message": {"new_entry": {"name": name}, "new_parent_path": folder}}
    assert parsed(event) == ()


def test_seaweedfs_folders_are_no_uploads() -> None:
    event = seaweedfs("clips/folder")
    event["message"]["new_entry"]["is_directory"] = True
    assert parsed(event) == ()


def test_seaweedfs_version_is_an_event_of_the_object() -> None:
    key = "clips/a.mp4.versions/v_7f0d5b1e2c3a4d5e6f708192a3b4c5d6"
    assert parsed(seaweedfs(key)) == (created("clips/a.mp4"),)


def test_seaweedfs_delete_move_and_overwrite() -> None:
    gone = {
        "event_type": "delete",
        "key": f"/buckets/{BUCKET}/clips/a.mp4",
        "message": {"old_entry": {"name": "a.mp4"}},
    }
    assert parsed(gone) == (removed("clips/a.mp4"),)
    assert parsed(seaweedfs_move("clips/a.mp4", "clips/b.mp4")) == (created("clips/b.mp4"), removed("clips/a.mp4"))
    # The filer calls an overwritten file a rename to itself.
    assert parsed(seaweedfs_move("clips/a.mp4", "clips/a.mp4")) == (created("clips/a.mp4"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"null",
        b"7",
        b'"Records"',
        b"{}",
        b'{"Records": 7}',
        b'{"Records": [7]}',
        b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}',
        b'{"Type": "SubscriptionConfirmation", "Message": "hello"}',
        b'{"Type": "Notification", "Message": "hello"}',
        b'{"specversion": "1.0", "type": "x", "data": {}}',
        b'{"specversion": "1.0", "type": "x", "data_base64": "?"}',
        b'{"specversion": "1.0", "type": "x"}',
        b'{"detail-type": "Object Created", "detail": {"bucket": "b", "object": "k"}}',
        b'{"EventName": "s3:ObjectCreated:Put", "Key": "only-a-bucket"}',
        b'{"EventName": "s3:ObjectCreated:Put", "Key": "b/\\ud800"}',
        b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%ff"}}}]}',
        b"1" * 5000,
    ],
)
def test_a_message_of_no_known_shape_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(SourceRejected) as refusal:
        parse_events(body)
    assert refusal.value.code == "event_unreadable"
    assert refusal.value.detail


def test_one_bad_record_refuses_the_message() -> None:
    with pytest.raises(SourceRejected):
        parsed({"Records": [s3_record("clips/a.mp4"), {"hello": "world"}]})


@pytest.mark.parametrize("depth", [17, 500, 10_000, 100_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"Records":[', "]}"), ('{"specversion":"1.0","data":', "}")]
)
def test_a_deeply_nested_message_is_refused(opening: str, closing: str, depth: int) -> None:
    with pytest.raises(SourceRejected):
        parse_events((opening * depth + "{}" + closing * depth).encode())


def test_envelopes_in_envelopes_are_opened_to_a_reasonable_depth() -> None:
    message: object = s3("clips/a.mp4")
    for _ in range(5):
        message = sns(message)
    assert parsed([sqs(message)]) == (created("clips/a.mp4"),)
    for _ in range(8):
        message = sns(message)
    with pytest.raises(SourceRejected):
        parsed(message)


NAMES = """Records eventName s3 bucket object name key Type Message body Body Messages Sns EventName Key Event
event_type message new_entry old_entry new_parent_path is_directory specversion type data data_base64 detail
detail-type"""
names = st.sampled_from(NAMES.split())
words = st.sampled_from(
    [
        "Notification",
        "s3:TestEvent",
        "ObjectCreated:Put",
        "Object Created",
        "1.0",
        "create",
        f"/buckets/{BUCKET}/a",
        "{}",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=4),
    max_leaves=25,
)


def refused_or_sound(body: bytes) -> None:
    with suppress(SourceRejected):
        events = parse_events(body)
        assert all(event.bucket and event.key and event.key.encode() for event in events)


@given(value=values)
def test_any_json_is_read_or_refused(value: object) -> None:
    refused_or_sound(json.dumps(value).encode())


@given(value=values)
def test_any_json_in_an_envelope_is_read_or_refused(value: object) -> None:
    refused_or_sound(json.dumps(sqs(cloud_event(value))).encode())


@given(body=st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    refused_or_sound(body)

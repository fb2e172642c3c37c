"""The object store, spoken to over S3: single objects here, files in `transfers`, many objects in `listing`."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import IncompleteReadError, ResponseStreamingError
from botocore.handlers import add_expect_header
from botocore.utils import parse_timestamp

from tasks.adapters import s3_answers, store_clock
from tasks.adapters.listing import Listing, ObjectInfo, UnfinishedUpload
from tasks.adapters.s3_errors import NoSuchObject, NotModified, PreconditionFailed, RangeNotSatisfiable, translated
from tasks.adapters.transfers import ObjectStream, Transfers

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

__all__ = [
    "NoSuchObject",
    "ObjectInfo",
    "ObjectStore",
    "ObjectStream",
    "PreconditionFailed",
    "RangeNotSatisfiable",
    "StoredObject",
    "UnfinishedUpload",
]

_WRITER: Final = "newsreel-writer"
_READS: Final = 3


class _Conditions(TypedDict, total=False):
    IfNoneMatch: str


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object read whole; ``writer`` is who put it there, if that was told."""

    body: bytes
    etag: str
    writer: str | None = None


class ObjectStore(Transfers, Listing):
    """One client for both buckets; safe to share between threads, not between processes.

    Every method raises `TemporarilyUnavailable` (code ``store_unavailable``) when the store can't be reached or
    answers with an error that isn't named below.
    """

    def __init__(self, client: S3Client) -> None:
        self._client = client

    @classmethod
    def connect(cls, *, endpoint_url: str | None, region: str) -> ObjectStore:
        """A store with its own client; nothing is sent yet."""
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 4},
            max_pool_connections=16,
            # Path style, as most S3 servers other than AWS want it; checksums only where the operation requires one,
            # since older servers refuse the trailers that newer clients send by default.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = _session().client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        # botocore asks before it sends a body (Expect: 100-continue); a store that locks the object at that moment, as
        # SeaweedFS does, then keeps every other writer of it waiting for a second.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        s3_answers.check(client)
        store_clock.listen(client)
        return cls(client)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """What the store knows of the object.

        Raises:
            NoSuchObject: it isn't there.
        """
        with translated(bucket, key):
            answer = self._client.head_object(Bucket=bucket, Key=key)
        return ObjectInfo(
            key=key,
            etag=answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
        )

    def get(self, bucket: str, key: str) -> StoredObject:
        """The whole object, in memory.

        Raises:
            NoSuchObject: it isn't there.
        """
        return self._whole(bucket, key)

    def get_if_changed(self, bucket: str, key: str, *, since: str | None) -> StoredObject | None:
        """The whole object, in memory; None if its ETag is still ``since`` (RFC 9110, 13.1.2), which costs no body.

        Raises:
            NoSuchObject: it isn't there.
        """
        if since is None:
            return self.get(bucket, key)
        try:
            stored = self._whole(bucket, key, IfNoneMatch=f'"{since}"')
        except NotModified:
            return None
        # A store that knows no conditional reads answers with all of it.
        return stored if stored.etag != since else None

    def _whole(self, bucket: str, key: str, **conditions: Unpack[_Conditions]) -> StoredObject:
        with translated(bucket, key):
            # The client repeats a request that failed, but not one whose answer ends before its end.
            for _ in range(_READS - 1):
                with suppress(ResponseStreamingError, IncompleteReadError):
                    return self._get(bucket, key, **conditions)
            return self._get(bucket, key, **conditions)

    def _get(self, bucket: str, key: str, **conditions: Unpack[_Conditions]) -> StoredObject:
        answer = self._client.get_object(Bucket=bucket, Key=key, **conditions)
        return StoredObject(
            body=answer["Body"].read(),
            etag=answer["ETag"].strip('"'),
            writer=answer["Metadata"].get(_WRITER),
        )

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str | None = None,
        if_match: str | None = None,
        if_absent: bool = False,
        writer: str | None = None,
    ) -> str:
        """Write the object whole and return its ETag; with a condition, only if it holds at that very moment.

        ``writer`` is kept beside it, to be told by `get`.

        Raises:
            PreconditionFailed: the object is not the one of ``if_match``, or is there in spite of ``if_absent``.
        """
        request: PutObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "Body": body, "ContentType": content_type}
        if cache_control:
            request["CacheControl"] = cache_control
        if writer is not None:
            request["Metadata"] = {_WRITER: writer}
        if if_match is not None:
            request["IfMatch"] = f'"{if_match}"'
        if if_absent:
            request["IfNoneMatch"] = "*"
        with translated(bucket, key):
            answer = self._client.put_object(**request)
        return answer["ETag"].strip('"')

    def delete(self, bucket: str, key: str) -> None:
        """Delete the object; one that isn't there is no error."""
        with translated(bucket, key):
            self._client.delete_object(Bucket=bucket, Key=key)

    def presigned(self, bucket: str, key: str, *, good_for_s: int) -> str:
        """A URL with which anybody may GET the object for so long; nothing is sent, nor is it looked for."""
        arguments = {"Bucket": bucket, "Key": key}
        return self._client.generate_presigned_url("get_object", Params=arguments, ExpiresIn=good_for_s)

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()


def _session() -> boto3.Session:
    """A session whose clients read times fast: otherwise a listing takes four times the processor time."""
    session = botocore.session.Session()
    session.register_component("data_loader", _service_models(session.get_config_variable("data_path")))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_read_time)
    return boto3.Session(botocore_session=session)


@functools.cache
def _service_models(data_path: str | None) -> botocore.loaders.Loader:
    """What S3 is made of, as botocore describes it: read once, and shared by the processes that a worker forks."""
    return botocore.loaders.create_loader(data_path)


def _read_time(told: str) -> datetime:
    """A time as S3's XML tells it (RFC 3339 in UTC), and any other one as botocore reads it."""
    # Some services of AWS tell times as numbers, which the types do not say.
    if isinstance(told, str) and told[4:5] == "-" and told.endswith("Z"):
        return datetime.fromisoformat(told)
    return parse_timestamp(told)

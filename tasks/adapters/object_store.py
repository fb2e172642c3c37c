"""The object store, spoken to over S3; botocore's errors become newsreel's here and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.handlers import add_expect_header
from botocore.response import StreamingBody

from tasks.errors import NewsreelError, TemporarilyUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_WRITER: Final = "newsreel-writer"
_READ_BYTES: Final = 1024 * 1024
_STREAM_BYTES: Final = 256 * 1024
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
# A lost race answers 412; AWS answers 409 while two conditional writes are still racing.
_LOST_RACE: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_TRANSFER: Final = TransferConfig(multipart_threshold=64 * 1024**2, multipart_chunksize=16 * 1024**2, max_concurrency=4)


class NoSuchObject(NewsreelError):  # noqa: N818
    """There is no object under that key (any more)."""


class PreconditionFailed(NewsreelError):  # noqa: N818
    """Somebody else wrote the object since it was read; nothing was written."""


class RangeNotSatisfiable(NewsreelError):  # noqa: N818
    """The asked range lies outside the object."""


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """What the store knows of an object; ``etag`` without its quotes."""

    key: str
    etag: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object read whole; ``writer`` is who put it there, if that was told."""

    body: bytes
    etag: str
    writer: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectStream:
    """An object, or a part of it, on its way; ``content_range`` is set for a part (RFC 9110, 14.4).

    Reading ``chunks`` raises `TemporarilyUnavailable` if the store fails; `close` gives the connection up, read or not.
    """

    chunks: Iterator[bytes]
    close: Callable[[], None]
    size_bytes: int
    etag: str
    content_type: str
    cache_control: str | None
    content_range: str | None
    modified_at: datetime


class ObjectStore:
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
        client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        # botocore asks before it sends a body (Expect: 100-continue); a store that locks the object at that moment, as
        # SeaweedFS does, then keeps every other writer of it waiting for a second.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        return cls(client)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """What the store knows of the object.

        Raises:
            NoSuchObject: it isn't there.
        """
        with _translated(bucket, key):
            answer = self._client.head_object(Bucket=bucket, Key=key)
        return ObjectInfo(
            key=key,
            etag=answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
        )

    def get(self, bucket: str, key: str, *, max_bytes: int | None = None) -> StoredObject:
        """The whole object, in memory.

        Raises:
            NoSuchObject: it isn't there.
            ValueError: it is larger than ``max_bytes``.
        """
        with _translated(bucket, key):
            answer = self._client.get_object(Bucket=bucket, Key=key)
            if max_bytes is not None and answer["ContentLength"] > max_bytes:
                answer["Body"].close()
                raise ValueError(f"{key} has {answer['ContentLength']} bytes, more than the {max_bytes} allowed")
            return StoredObject(
                body=answer["Body"].read(),
                etag=answer["ETag"].strip('"'),
                writer=answer["Metadata"].get(_WRITER),
            )

    def stream(self, bucket: str, key: str, *, byte_range: str | None = None) -> ObjectStream:
        """The object, or the part that ``byte_range`` (a Range header's value) names, in chunks.

        Raises:
            NoSuchObject: it isn't there.
            RangeNotSatisfiable: the range lies outside it.
        """
        with _translated(bucket, key):
            if byte_range is None:
                answer = self._client.get_object(Bucket=bucket, Key=key)
            else:
                answer = self._client.get_object(Bucket=bucket, Key=key, Range=byte_range)
        return ObjectStream(
            chunks=_chunks(answer["Body"], bucket, key),
            close=answer["Body"].close,
            size_bytes=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            content_type=answer.get("ContentType", "application/octet-stream"),
            cache_control=answer.get("CacheControl"),
            content_range=answer.get("ContentRange"),
            modified_at=answer["LastModified"],
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
        headers: dict[str, object] = {"CacheControl": cache_control} if cache_control else {}
        if writer is not None:
            headers["Metadata"] = {_WRITER: writer}
        if if_match is not None:
            headers["IfMatch"] = f'"{if_match}"'
        if if_absent:
            headers["IfNoneMatch"] = "*"
        with _translated(bucket, key):
            answer = self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                **headers,  # type: ignore[arg-type] # the stubs want each argument spelt out
            )
        return answer["ETag"].strip('"')

    def download(self, bucket: str, key: str, path: Path, *, etag: str) -> str:
        """Write the object to a new file and return the SHA-256 of what was written, in hex.

        Raises:
            NoSuchObject: it isn't there.
            PreconditionFailed: it is not the one of ``etag`` any more.
            TemporarilyUnavailable: it came shorter than promised, or the disk is full (``disk_full``).
        """
        digest = hashlib.sha256()
        written = 0
        with _translated(bucket, key):
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
            with path.open("xb") as file:
                while chunk := answer["Body"].read(_READ_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
                    written += len(chunk)
        if written != answer["ContentLength"]:
            raise TemporarilyUnavailable(
                "store_unavailable",
                "The upload could not be read whole from the object store.",
                f"{key}: {written} of {answer['ContentLength']} bytes came",
            )
        return digest.hexdigest()

    def upload(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        content_type: str,
        cache_control: str | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        """Write a file to the store, large ones in parts; ``on_bytes`` is told the bytes of each step."""
        extra = {"ContentType": content_type}
        if cache_control:
            extra["CacheControl"] = cache_control
        with _translated(bucket, key):
            self._client.upload_file(str(path), bucket, key, ExtraArgs=extra, Callback=on_bytes, Config=_TRANSFER)

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """All objects under the prefix, in the store's key order, a page of 1,000 at a time."""
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        while True:
            with _translated(bucket, prefix):
                page = next(pages, None)
            if page is None:
                return
            for item in page.get("Contents", []):
                yield ObjectInfo(
                    key=item["Key"],
                    etag=item["ETag"].strip('"'),
                    size_bytes=item["Size"],
                    modified_at=item["LastModified"],
                )

    def delete(self, bucket: str, key: str) -> None:
        """Delete the object; one that isn't there is no error."""
        with _translated(bucket, key):
            self._client.delete_object(Bucket=bucket, Key=key)

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()

    def ensure_bucket(self, bucket: str) -> None:
        """Create the bucket unless it is there."""
        try:
            with _translated(bucket, ""):
                self._client.head_bucket(Bucket=bucket)
        except NoSuchObject:
            with _translated(bucket, ""):
                self._client.create_bucket(Bucket=bucket)


def _chunks(body: StreamingBody, bucket: str, key: str) -> Iterator[bytes]:
    with _translated(bucket, key):
        yield from body.iter_chunks(_STREAM_BYTES)


@contextmanager
def _translated(bucket: str, key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        where = f"{bucket}/{key}"
        if code in _MISSING:
            raise NoSuchObject(f"{where} is not in the object store") from error
        if code in _LOST_RACE:
            raise PreconditionFailed(f"{where} was changed by somebody else") from error
        if code in {"416", "InvalidRange"}:
            raise RangeNotSatisfiable(f"{where} does not have that range") from error
        raise _unavailable(where, error) from error
    # boto3's transfer errors (an upload of several parts that fails) are its own and botocore's alike.
    except (BotoCoreError, HTTPClientError, boto3.exceptions.Boto3Error) as error:
        raise _unavailable(f"{bucket}/{key}", error) from error
    except OSError as error:
        raise TemporarilyUnavailable(
            "disk_full" if error.errno == 28 else "disk_error",
            "The worker's disk could not be used.",
            f"{error.filename or key}: {error.strerror or error}",
        ) from error


def _unavailable(where: str, error: Exception) -> TemporarilyUnavailable:
    # A detail may be published with a record: what the server said may, where the server is may not.
    told = str(error) if isinstance(error, ClientError) else type(error).__name__
    return TemporarilyUnavailable(
        "store_unavailable", "The object store did not answer as it should.", f"{where}: {told}"
    )

"""Whole files and streams to and from the object store: transfers that may take long, and may be stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from boto3.s3.transfer import TransferConfig
from botocore.response import StreamingBody

from tasks.adapters.process import Stopped
from tasks.adapters.s3_errors import translated
from tasks.errors import TemporarilyUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, PutObjectRequestTypeDef

_READ_BYTES: Final = 1024 * 1024
_STREAM_BYTES: Final = 256 * 1024
# Asked for all of a large object, a store may read it far ahead of whoever takes it, and answer nobody else meanwhile.
_REQUEST_BYTES: Final = 64 * 1024**2
_TRANSFER: Final = TransferConfig(multipart_threshold=64 * 1024**2, multipart_chunksize=16 * 1024**2, max_concurrency=4)


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


class Transfers:
    """The part of `tasks.adapters.object_store.ObjectStore` that moves files; errors as told there."""

    _client: S3Client

    def stream(self, bucket: str, key: str, *, byte_range: str | None = None) -> ObjectStream:
        """The object, or the part that ``byte_range`` (a Range header's value) names, in chunks.

        Raises:
            NoSuchObject: it isn't there.
            RangeNotSatisfiable: the range lies outside it.
        """
        with translated(bucket, key):
            if byte_range is None:
                answer = self._client.get_object(Bucket=bucket, Key=key)
            else:
                answer = self._client.get_object(Bucket=bucket, Key=key, Range=byte_range)
        return _stream(answer, _chunks(answer["Body"], bucket, key))

    def exactly(self, bucket: str, key: str, *, etag: str, part: range | None = None) -> ObjectStream:
        """The object of that ETag, or a ``part`` of it, in chunks of a MiB: those bytes, or an error.

        Raises, also while it is read:
            NoSuchObject: it isn't there.
            PreconditionFailed: it is not the one of ``etag`` any more.
            RangeNotSatisfiable: the part lies outside it.
            TemporarilyUnavailable: another object or part came, or less than promised.
        """
        with translated(bucket, key):
            if part is None:
                answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
            else:
                span = f"bytes={part.start}-{part.stop - 1}"
                answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"', Range=span)
        told = answer.get("ContentRange", "")
        # Not every server knows the condition, and a page that stands in for a store may have an ETag, too; nor does
        # every server know of parts.
        is_asked_for = _bare(answer["ETag"]) == _bare(etag) and (
            part is None
            or (told.startswith(f"bytes {part.start}-{part.stop - 1}/") and answer["ContentLength"] == len(part))
        )
        if not is_asked_for:
            answer["Body"].close()
            asked = etag if part is None else f"{etag}, bytes {part.start}-{part.stop - 1}"
            raise _answered_otherwise(f"{key}: it answered with {answer['ETag']} {told}, asked for {asked}")
        return _stream(answer, _all_of(answer["Body"], bucket, key, size_bytes=answer["ContentLength"]))

    def gradually(self, bucket: str, key: str, *, etag: str, size_bytes: int, first: int = 0) -> Generator[bytes]:
        """The object of that ETag and size, from its byte ``first`` on, in chunks of a MiB; asked for piece by piece.

        Raises:
            As `exactly`; TemporarilyUnavailable as well where it is of another size.
        """
        for begin in range(first, size_bytes, _REQUEST_BYTES):
            part = range(begin, min(begin + _REQUEST_BYTES, size_bytes))
            with closing(self.exactly(bucket, key, etag=etag, part=part)) as stream:
                # RFC 9110, 14.4: a server need not know the size.
                told = (stream.content_range or "").rpartition("/")[2]
                if told not in {str(size_bytes), "*"}:
                    asked = f"{part.start}-{part.stop - 1} of {size_bytes}"
                    raise _answered_otherwise(f"{key}: it has {told} bytes, asked for {asked}")
                yield from stream.chunks

    def download(
        self, bucket: str, key: str, path: Path, *, etag: str, should_stop: Callable[[], bool] = lambda: False
    ) -> str:
        """Write the object to a new file and return the SHA-256 of what was written, in hex.

        ``should_stop`` is asked after every MiB.

        Raises:
            process.Stopped: ``should_stop`` said so; the file holds what had come.
            NoSuchObject: it isn't there.
            PreconditionFailed: it is not the one of ``etag`` any more.
            TemporarilyUnavailable: another object came, or less than promised, or the disk is full (``disk_full``).
        """
        digest = hashlib.sha256()
        stream = self.exactly(bucket, key, etag=etag)
        with closing(stream), translated(bucket, key), path.open("xb") as file:
            for chunk in stream.chunks:
                if should_stop():
                    raise Stopped(f"the download of {key} was stopped")
                digest.update(chunk)
                file.write(chunk)
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
        with translated(bucket, key):
            if on_bytes is None and path.stat().st_size < _TRANSFER.multipart_threshold:
                # The same request at two thirds of the cost: the transfer manager starts threads for each file.
                with path.open("rb") as body:
                    request: PutObjectRequestTypeDef = {
                        "Bucket": bucket,
                        "Key": key,
                        "Body": body,
                        "ContentType": content_type,
                    }
                    if cache_control:
                        request["CacheControl"] = cache_control
                    self._client.put_object(**request)
            else:
                self._client.upload_file(str(path), bucket, key, ExtraArgs=extra, Callback=on_bytes, Config=_TRANSFER)


def _answered_otherwise(detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("store_unavailable", "The object store did not answer as it should.", detail)


def _bare(etag: str) -> str:
    """Without quotes, and without the weak mark of a proxy that compresses answers (RFC 9110, 8.8.3)."""
    return etag.removeprefix("W/").strip('"')


def _stream(answer: GetObjectOutputTypeDef, chunks: Iterator[bytes]) -> ObjectStream:
    return ObjectStream(
        chunks=chunks,
        close=answer["Body"].close,
        size_bytes=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        content_type=answer.get("ContentType", "application/octet-stream"),
        cache_control=answer.get("CacheControl"),
        content_range=answer.get("ContentRange"),
        modified_at=answer["LastModified"],
    )


def _chunks(body: StreamingBody, bucket: str, key: str) -> Iterator[bytes]:
    with translated(bucket, key):
        yield from body.iter_chunks(_STREAM_BYTES)


def _all_of(body: StreamingBody, bucket: str, key: str, *, size_bytes: int) -> Iterator[bytes]:
    come = 0
    while True:
        with translated(bucket, key):
            chunk = body.read(_READ_BYTES)
        if not chunk:
            break
        come += len(chunk)
        yield chunk
    if come != size_bytes:
        raise TemporarilyUnavailable(
            "store_unavailable",
            "The upload could not be read whole from the object store.",
            f"{key}: {come} of {size_bytes} bytes came",
        )

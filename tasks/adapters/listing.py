"""Listings of the object store, a page at a time, and what is done to many objects at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from tasks.adapters.s3_errors import NoSuchObject, translated, unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# As many keys as S3 takes in one request.
_BATCH: Final = 1000


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """What the store knows of an object; ``etag`` without its quotes."""

    key: str
    etag: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, kw_only=True)
class UnfinishedUpload:
    """A multipart upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    started_at: datetime


class Listing:
    """The part of `tasks.adapters.object_store.ObjectStore` that lists; errors as told there."""

    _client: S3Client

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """All objects under the prefix, in the store's key order, a page of 1,000 at a time."""
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        while True:
            with translated(bucket, prefix):
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

    def folders(self, bucket: str, prefix: str) -> Iterator[str]:
        """The names directly below the prefix that have something below them, without slashes, a page at a time."""
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"))
        while True:
            with translated(bucket, prefix):
                page = next(pages, None)
            if page is None:
                return
            for item in page.get("CommonPrefixes", []):
                yield item["Prefix"].removeprefix(prefix).rstrip("/")

    def delete_all(self, bucket: str, keys: Iterable[str]) -> int:
        """Delete these objects, a thousand in a request; those that are gone are no error. Returns how many there were.

        Raises:
            TemporarilyUnavailable: the store refused one of them; others may be gone.
        """
        remaining, count = iter(keys), 0
        while batch := list(islice(remaining, _BATCH)):
            with translated(bucket, batch[0]):
                answer = self._client.delete_objects(
                    Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            if refused := answer.get("Errors"):
                first = refused[0]
                raise unavailable(f"{bucket}/{first.get('Key')}", RuntimeError(first.get("Code", "")))
            count += len(batch)
        return count

    def unfinished_uploads(self, bucket: str) -> Iterator[UnfinishedUpload]:
        """All multipart uploads that are open in the bucket, a page at a time."""
        pages = iter(self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket))
        while True:
            with translated(bucket, ""):
                page = next(pages, None)
            if page is None:
                return
            for item in page.get("Uploads", []):
                yield UnfinishedUpload(key=item["Key"], upload_id=item["UploadId"], started_at=item["Initiated"])

    def give_up_upload(self, bucket: str, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload and free its parts; one that has ended meanwhile is no error."""
        try:
            with translated(bucket, upload.key):
                self._client.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.upload_id)
        except NoSuchObject:
            return

"""Checks of the object store: it answers, both buckets are usable, and conditional writes hold under a race.

What is written lies under ``.newsreel-doctor/``, which nobody reads, and is removed again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Settings
from tasks.adapters.conditional_writes import PROBE_PREFIX, verify_conditional_writes
from tasks.adapters.object_store import ObjectStore
from tasks.errors import NewsreelError
from workers.doctor.finding import Finding, fail, of_error, ok

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedMultipartUploadTypeDef

_BODY: Final = b"newsreel doctor"
# Enough to catch a store that looks and writes in two steps; some make each loser wait for a second.
_ROUNDS: Final = 3
_RACERS: Final = 8
_START: Final = "start it (newsreel up), or correct NEWSREEL_S3_ENDPOINT_URL"
_CREDENTIALS: Final = "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REMEDIES: Final = {
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    # A HEAD has no body that could say more.
    "403": _CREDENTIALS + ", or give them the rights to this bucket",
    "NoSuchBucket": "create it, or correct NEWSREEL_INCOMING_BUCKET and NEWSREEL_MEDIA_BUCKET",
    "404": "create it, or correct NEWSREEL_INCOMING_BUCKET and NEWSREEL_MEDIA_BUCKET",
    "RequestTimeTooSkewed": "set this machine's clock",
}


def impatient_client(settings: Settings) -> S3Client:
    """An S3 client that fails fast: short timeouts, one retry."""
    config = Config(
        connect_timeout=3,
        read_timeout=15,
        retries={"mode": "standard", "max_attempts": 2},
        s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=settings.s3_endpoint_url, region_name=settings.s3_region, config=config)


def check_storage(settings: Settings, store: ObjectStore, client: S3Client) -> Iterator[Finding]:
    """Reachability, rights on both buckets, conditional writes; if the store can't be reached the rest is left out."""
    where = settings.s3_endpoint_url or "AWS"
    for bucket in (settings.incoming_bucket, settings.media_bucket):
        check = f"bucket {bucket}"
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            yield _refused(check, "it can't be used", error)
            return
        except BotoCoreError as error:
            yield fail("object store", f"{where} does not answer: {error}", _remedy_of(error))
            return
        yield _rights(check, client, bucket)
    yield check_conditional_writes(store, settings.media_bucket)


def check_conditional_writes(store: ObjectStore, bucket: str) -> Finding:
    """Whether, of many that race to write one object, exactly one wins."""
    try:
        verify_conditional_writes(store, bucket, rounds=_ROUNDS, racers=_RACERS)
    except NewsreelError as error:
        return of_error("conditional writes", error, "see that the store answers and that its rights suffice")
    return ok("conditional writes", f"of {_RACERS} racing writers exactly one wins, in {2 * _ROUNDS} races")


def _rights(check: str, client: S3Client, bucket: str) -> Finding:
    key = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("put", lambda: client.put_object(Bucket=bucket, Key=key, Body=_BODY)),
        ("get", lambda: client.get_object(Bucket=bucket, Key=key)["Body"].read()),
        ("list", lambda: client.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]),
        ("put in parts", lambda: _put_in_parts(client, bucket, key)),
        ("delete", lambda: client.delete_object(Bucket=bucket, Key=key)),
    )
    try:
        for name, step in steps:
            try:
                step()
            except ClientError as error:
                return _refused(check, f"{name} does not work", error)
            except KeyError:
                return fail(check, "list does not show an object that was just put", "see the store's own log")
            except BotoCoreError as error:
                return fail(check, f"{name} does not work: {error}", "see the store's own log")
    finally:
        _forget(client, bucket, key)
    return ok(check, f"{', '.join(name for name, _ in steps)} work")


def _put_in_parts(client: S3Client, bucket: str, key: str) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    try:
        part = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=_BODY)
        parts: CompletedMultipartUploadTypeDef = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
    except ClientError:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        raise


def _forget(client: S3Client, bucket: str, key: str) -> None:
    try:
        client.delete_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError):
        return  # Whatever forbids it has been found already.


def _refused(check: str, what: str, error: ClientError) -> Finding:
    code = error.response.get("Error", {}).get("Code", "")
    words = error.response.get("Error", {}).get("Message", "")
    remedy = _REMEDIES.get(code, "give these credentials the rights to get, put, list and delete in this bucket")
    return fail(check, f"{what}: {code} {words}".rstrip(), remedy)


def _remedy_of(error: BotoCoreError) -> str:
    return _CREDENTIALS if "redentials" in str(error) else _START

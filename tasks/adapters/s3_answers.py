"""Recognising answers that do not come from an S3 server: a maintenance page, a login page, any 200 of something else.

botocore takes such an answer for an empty listing, a deletion that was done, or an object's bytes. What an S3 server's
answer must hold (Amazon S3 API reference) is looked for before it is read; without it, it is a store that is away.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.model import OperationModel

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_HEADERS: Final = {
    "HeadObject": ("etag", "last-modified"),
    "GetObject": ("etag", "last-modified", "content-length"),
    "PutObject": ("etag",),
}
# The answer's outermost element.
_ELEMENTS: Final = {
    "ListObjectsV2": "ListBucketResult",
    "DeleteObjects": "DeleteResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
}
_PATTERNS: Final = {
    name: re.compile(rb"<(?:[\w.-]+:)?" + element.encode() + rb"[\s/>]") for name, element in _ELEMENTS.items()
}
_PAGE: Final = re.compile(rb"\s*<(?:!doctype\s+)?html", re.IGNORECASE)
_HEAD_BYTES: Final = 2000
_UNAVAILABLE: Final = 503


def check(client: S3Client) -> None:
    """Have the client treat an answer that is not a store's as a 503, which it retries."""
    client.meta.events.register_first("before-parse.s3", _refuse_others)


def _refuse_others(operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    # What an error says is read by others, and a redirection is none of these.
    if not 200 <= response_dict["status_code"] < 300 or _is_from_a_store(operation_model.name, response_dict):
        return
    body = response_dict["body"]
    if not isinstance(body, bytes):
        # An object's bytes are a stream, of which nobody reads on.
        with contextlib.suppress(Exception):
            body.close()
    response_dict["status_code"], response_dict["body"] = _UNAVAILABLE, b""


def _is_from_a_store(operation: str, response: dict[str, Any]) -> bool:
    headers, body = response["headers"], response["body"]
    if not all(name in headers for name in _HEADERS.get(operation, ())):
        return False
    if not isinstance(body, bytes):
        return True
    head = body.lstrip()[:_HEAD_BYTES]
    pattern = _PATTERNS.get(operation)
    return pattern.search(head) is not None if pattern is not None else _PAGE.match(head) is None

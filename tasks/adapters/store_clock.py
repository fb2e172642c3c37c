"""Learning the store's time from the answers to an S3 client."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tasks.adapters.clock import read_store_clock

_FAILED: Final = 500

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def listen(client: S3Client) -> None:
    """Have each answer of the store tell `tasks.adapters.clock` the time; a cached one (``Age``) does not."""
    sent = threading.local()  # a request is sent and answered in one thread

    def note_sending(**_: Any) -> None:
        sent.at_s = time.monotonic()

    def read(response_dict: Mapping[str, Any], **_: Any) -> None:
        headers = response_dict["headers"]
        # What stands in front of a store that is away has a clock of its own.
        if "age" not in headers and response_dict["status_code"] < _FAILED:
            read_store_clock(headers.get("date"), took_s=time.monotonic() - sent.at_s)

    client.meta.events.register("before-send.s3", note_sending)
    client.meta.events.register("before-parse.s3", read)

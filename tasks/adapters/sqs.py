"""Polling an SQS queue of object events; botocore's errors are translated into newsreel's here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tasks.errors import TemporarilyUnavailable

_AWS_HOST: Final = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
# What SQS allows.
_MAX_MESSAGES: Final = 10
MAX_WAIT_S: Final = 20


@dataclass(frozen=True, kw_only=True)
class QueuedMessage:
    """A message that is ours for the queue's visibility timeout; ``receives`` counts how often it came, from 1."""

    id: str
    body: str
    receipt: str
    receives: int


class SqsQueue:
    """One queue. Every method raises `TemporarilyUnavailable` (``sqs_unavailable``) when it does not do as asked."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    @classmethod
    def connect(cls, url: str, *, region: str) -> SqsQueue:
        """A queue with its own client; nothing is sent yet.

        The queue's URL says which server it is at and, at AWS, in which region; ``region`` counts for other servers.
        """
        parts = urlsplit(url)
        at_aws = _AWS_HOST.fullmatch(parts.hostname or "")
        config = Config(
            connect_timeout=5,
            # A long poll is silent for as long as it waits.
            read_timeout=MAX_WAIT_S + 10,
            retries={"mode": "standard", "max_attempts": 2},
        )
        client = boto3.client(
            "sqs",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            region_name=at_aws[1] if at_aws else region,
            config=config,
        )
        return cls(client, url)

    def receive(self, *, wait_s: int) -> tuple[QueuedMessage, ...]:
        """Up to ten messages; waits for the first up to that many seconds (20 at most)."""
        with self._translated():
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_MAX_MESSAGES,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return tuple(
            QueuedMessage(
                id=message["MessageId"],
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                receives=int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for message in answer.get("Messages", ())
        )

    def delete(self, messages: Sequence[QueuedMessage]) -> None:
        """Delete up to ten messages; one that could not be is an error, after the others are gone."""
        if not messages:
            return
        entries = [{"Id": str(index), "ReceiptHandle": each.receipt} for index, each in enumerate(messages)]
        with self._translated():
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        if failed := answer.get("Failed"):
            raise _unavailable(f"{len(failed)} messages not deleted: {failed[0].get('Code')}")

    def hide(self, message: QueuedMessage, *, for_s: int) -> None:
        """Hide the message for that many seconds."""
        with self._translated():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=for_s
            )

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _unavailable(str(error)) from error
        except (BotoCoreError, HTTPClientError) as error:
            raise _unavailable(type(error).__name__) from error


def _unavailable(detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("sqs_unavailable", "The queue of events does not answer as it should.", detail)

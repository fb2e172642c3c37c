"""Uploads clips and articles in their time, as an editor's client does: straight to the store, again until it is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos.judge import Uploads
from tests.chaos.material import BaseClips, article_text, uploaded
from tests.chaos.plan import ArticleUpload, ClipUpload, Plan

_AGAIN_S: Final = 0.5


class Uploader(threading.Thread):
    """Works through a plan's uploads, one after the other, from ``started`` (monotonic) on."""

    def __init__(
        self,
        env: Mapping[str, str],
        plan: Plan,
        *,
        base: BaseClips,
        uploads: Uploads,
        started: float,
        should_end: Callable[[], bool],
    ) -> None:
        super().__init__(name="uploader", daemon=True)
        self._s3 = s3_client(env)
        self._bucket = env["NEWSREEL_INCOMING_BUCKET"]
        queue: list[ClipUpload | ArticleUpload] = [*plan.clips, *plan.articles]
        self._queue = sorted(queue, key=lambda each: each.at_s)
        self._base = base
        self._uploads = uploads
        self._began = started
        self._should_end = should_end
        self.clips = 0
        self.articles = 0
        self.replaced = 0

    def run(self) -> None:
        """Until all is up."""
        for upload in self._queue:
            time.sleep(max(0.0, self._began + upload.at_s - time.monotonic()))
            match upload:
                case ClipUpload():
                    body = self._base.body(upload)
                    self._uploads.add(uploaded(upload, body))
                    self._put(f"clips/{upload.name}.mp4", body)
                    self.clips += upload.number == 0
                    self.replaced += upload.number > 0
                case ArticleUpload():
                    self._put(f"articles/{upload.article_id}.txt", article_text(upload))
                    self.articles += upload.number == 0
        self._s3.close()

    def _put(self, key: str, body: bytes) -> None:
        while not self._should_end():
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
            except (BotoCoreError, ClientError):
                time.sleep(_AGAIN_S)
            else:
                return


def s3_client(env: Mapping[str, str]) -> Any:
    """A client of the stack's store, past the proxy."""
    return boto3.client(
        "s3",
        endpoint_url=env["NEWSREEL_S3_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 4}),
    )

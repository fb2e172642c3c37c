"""A store's error answers and botocore's errors, translated into newsreel's; nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tasks.errors import NewsreelError, TemporarilyUnavailable

_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound"})
# A lost race answers 412; AWS answers 409 while two conditional writes are still racing.
_LOST_RACE: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})


class NoSuchObject(NewsreelError):  # noqa: N818
    """There is no object under that key (any more)."""


class PreconditionFailed(NewsreelError):  # noqa: N818
    """Somebody else wrote the object since it was read; nothing was written."""


class NotModified(NewsreelError):  # noqa: N818
    """The object is still the one that was read before."""


class RangeNotSatisfiable(NewsreelError):  # noqa: N818
    """The asked range lies outside the object."""


@contextmanager
def translated(bucket: str, key: str) -> Iterator[None]:
    """Translate what botocore raises in the block into one of our errors."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        where = f"{bucket}/{key}"
        if code in _MISSING:
            raise NoSuchObject(f"{where} is not in the object store") from error
        if code in _LOST_RACE:
            raise PreconditionFailed(f"{where} was changed by somebody else") from error
        if code in {"304", "NotModified"}:
            raise NotModified(f"{where} has not changed") from error
        if code in {"416", "InvalidRange"}:
            raise RangeNotSatisfiable(f"{where} does not have that range") from error
        raise unavailable(where, error) from error
    # boto3's transfer errors (an upload of several parts that fails) are its own and botocore's alike.
    except (BotoCoreError, HTTPClientError, boto3.exceptions.Boto3Error) as error:
        raise unavailable(f"{bucket}/{key}", error) from error
    except OSError as error:
        raise TemporarilyUnavailable(
            "disk_full" if error.errno == 28 else "disk_error",
            "The worker's disk could not be used.",
            f"{error.filename or key}: {error.strerror or error}",
        ) from error


def unavailable(where: str, error: Exception) -> TemporarilyUnavailable:
    """The error for a store that fails, without its address."""
    # A detail may be published with a record: what the server said may, where the server is may not.
    told = str(error) if isinstance(error, ClientError) else type(error).__name__
    return TemporarilyUnavailable(
        "store_unavailable", "The object store did not answer as it should.", f"{where}: {told}"
    )

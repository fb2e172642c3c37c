"""What both records share: frozen values, times as RFC 3339 UTC, one way of writing JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""A moment; in JSON ``2020-12-03T11:00:30.000Z`` (RFC 3339, milliseconds, UTC)."""


class Value(BaseModel):
    """A frozen value. Unknown fields are ignored, so that an older reader understands a newer record."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def evolve(self, **changes: object) -> Self:
        """A copy with these fields changed.

        Raises:
            pydantic.ValidationError: a field has the wrong kind of value.
        """
        return type(self).model_validate({**dict(self), **changes})


class Record(Value):
    """A JSON object that we publish in the media bucket.

    ``is_derived``: all of it can be made again from what else is stored, so one that can't be read is overwritten.
    """

    is_derived: ClassVar[bool] = False

    def to_json(self) -> bytes:
        """The record as it is stored: UTF-8, indented, by the public field names."""
        return self.model_dump_json(by_alias=True, indent=1).encode()


class Notice(Value):
    """A warning, which does not stop the work; ``code`` is stable, ``message`` is for people."""

    code: str
    message: str


def with_notices(known: Sequence[Notice], new: Sequence[Notice]) -> tuple[Notice, ...]:
    """The known notices and the new ones, which take the place of those with the same code."""
    codes = {each.code for each in new}
    return (*(each for each in known if each.code not in codes), *new)


class Failure(Value):
    """Why there is no result, in words for an editor; ``detail`` is for operators."""

    code: str
    message: str
    detail: str = ""
    retryable: bool = False
    attempts: int = 0

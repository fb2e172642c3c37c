"""The result of a check: ok, a warning, or a failure, with the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``warn``: it works, but not as it should in production. ``fail``: clips will not become stories."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check: ``message`` says what was found, ``remedy`` what to do (empty if it is ok)."""

    check: str
    level: Level
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    """All well."""
    return Finding(check=check, level=Level.OK, message=message)


def warn(check: str, message: str, remedy: str) -> Finding:
    """It works, with this drawback."""
    return Finding(check=check, level=Level.WARN, message=message, remedy=remedy)


def fail(check: str, message: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check=check, level=Level.FAIL, message=message, remedy=remedy)


def of_error(check: str, error: Exception, remedy: str) -> Finding:
    """The failure for an error; a remedy in the error's own message takes precedence."""
    detail = getattr(error, "detail", "")
    message, found, own_remedy = str(error).partition("Remedy: ")
    return fail(
        check, message.strip().rstrip(".") + (f" ({detail})" if detail else ""), own_remedy if found else remedy
    )

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
    """One check's answer: ``message`` says what is, ``remedy`` what to do (empty when all is well)."""

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
    """The failure that an error tells of; a remedy in its own message counts more than ours."""
    detail = getattr(error, "detail", "")
    message, found, own_remedy = str(error).partition("Remedy: ")
    return fail(
        check, message.strip().rstrip(".") + (f" ({detail})" if detail else ""), own_remedy if found else remedy
    )

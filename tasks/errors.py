"""The error tree; its two branches answer one question: try again, or not.

NewsreelError
├── SourceRejected            never retried: the upload itself is at fault, the record says why
├── TemporarilyUnavailable    retried with backoff, then parked where an operator sees it
├── RecordUnreadable          a record is damaged, or of another release: the others go on, an operator is told
├── LeaseLost                 this worker no longer owns the clip: it stops and leaves no trace
└── ConfigurationError        newsreel was set up wrongly: a person must act before work goes on
"""

from __future__ import annotations


class NewsreelError(Exception):
    """Any error that newsreel itself names."""


class _Recorded(NewsreelError):  # noqa: N818
    """An error that ends in a record: a stable ``code``, a ``message`` for people, ``detail`` for operators."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    def __reduce__(self) -> tuple[type[_Recorded], tuple[str, str, str]]:
        # Worker processes hand their errors to each other pickled.
        return type(self), (self.code, self.message, self.detail)


class SourceRejected(_Recorded):  # the outcome's name reads better than an -Error suffix
    """The upload can't become a clip; trying again would end the same way.

    Parameters:
        code: stable, for machines, such as ``empty_upload``.
        message: one sentence that an editor understands, with the remedy.
        detail: what the machine said, for an operator.
    """


class TemporarilyUnavailable(_Recorded):
    """Something outside the upload failed (the store, the disk, a killed process); it may work later.

    Parameters: as those of `SourceRejected`.
    """


class RecordUnreadable(NewsreelError):  # noqa: N818
    """What lies under a record's key is no record that this release can read; its message names key and remedy.

    Parameters:
        key: in the media bucket.
        remedy: what an operator can do, one sentence.
        detail: what is wrong with it, for an operator.
    """

    code = "record_unreadable"

    def __init__(self, key: str, remedy: str, detail: str = "") -> None:
        super().__init__(f"{key} can't be read as a record. Remedy: {remedy}")
        self.key = key
        self.remedy = remedy
        self.detail = detail

    def __reduce__(self) -> tuple[type[RecordUnreadable], tuple[str, str, str]]:
        return type(self), (self.key, self.remedy, self.detail)


class LeaseLost(NewsreelError):  # noqa: N818
    """The record no longer names this worker as the one at work on the clip."""


class ConfigurationError(NewsreelError):
    """A setting, a ladder file or a server's feature is not what newsreel needs; the message says which."""

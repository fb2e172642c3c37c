"""The error tree; its two branches answer one question: try again, or not.

NewsreelError
├── SourceRejected            never retried: the upload itself is at fault, the record says why
├── TemporarilyUnavailable    retried with backoff, then parked where an operator sees it
├── LeaseLost                 this worker no longer owns the clip: it stops and leaves no trace
└── ConfigurationError        newsreel was set up wrongly: a person must act before work goes on
"""

from __future__ import annotations


class NewsreelError(Exception):
    """Any error that newsreel itself names."""


class SourceRejected(NewsreelError):  # noqa: N818 # the outcome's name reads better than an -Error suffix
    """The upload can't become a clip; trying again would end the same way.

    Parameters:
        code: stable, for machines, such as ``empty_upload``.
        message: one sentence that an editor understands, with the remedy.
        detail: what the machine said, for an operator.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class TemporarilyUnavailable(NewsreelError):  # noqa: N818
    """Something outside the upload failed (the store, the disk, a killed process); it may work later.

    Parameters: as those of `SourceRejected`.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class LeaseLost(NewsreelError):  # noqa: N818
    """The record no longer names this worker as the one at work on the clip."""


class ConfigurationError(NewsreelError):
    """A setting, a ladder file or a server's feature is not what newsreel needs; the message says which."""

"""What the readers of containers say where a file is not as they need it."""

from __future__ import annotations


class UnsuitedError(Exception):
    """The file can't be read from front to back, or can't be parsed."""

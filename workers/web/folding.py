"""Text as people type it into a search box: no case, no accents."""

from __future__ import annotations

import unicodedata
from typing import Final

# A letter of its own, which no decomposition turns into a d.
_D: Final = str.maketrans("đð", "dd")


def plain(text: str) -> str:
    """The text without case and accents: ``Đê biển`` → ``de bien``."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_D)

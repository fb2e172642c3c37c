"""In which order the tests run, and which of them one process runs one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Where whole clips are made and browsers opened. Small tests come last, so that no process works on alone in the end.
_LONGEST_FIRST: Final = ("acceptance", "chaos", "pipeline", "gateway", "hostile", "adapters", "workers", "media")
_HERE: Final = Path(__file__).parent
_STACKS: Final = "stacks"


def starts_early(item: pytest.Item) -> tuple[bool, int]:
    """What tests are sorted by: those of whole stacks, then by folder; the rest of the order is left as it is."""
    folder = item.path.relative_to(_HERE).parts[0]
    rank = _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)
    return item.get_closest_marker("stack") is None, rank


class OneStackAtATime(LoadFileScheduling):
    """Each file is one process's, and all files that start whole stacks are the same one's.

    A stack is a dozen processes that wait for most of their time: several at once keep each other waiting, while one
    leaves its processor to the other tests. Those that only look at a stack look at the same one then.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        # Otherwise files of many tests come first, and those of whole stacks, each of which has few, last.
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._root = config.rootpath
        self._is_of_stacks: dict[str, bool] = {}

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file not in self._is_of_stacks:
            self._is_of_stacks[file] = "pytest.mark.stack" in (self._root / file).read_text(encoding="utf-8")
        return _STACKS if self._is_of_stacks[file] else file

"""Why a file can't be read is told in words that help."""

from __future__ import annotations

import pytest

from tasks.media.decoders import DECODERS
from tasks.media.unreadable import unreadable


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ("[mov,mp4 @ 0x1] moov atom not found\nsource: Invalid data found", "cut off"),
        ("[mov,mp4 @ 0x1] this file requires zlib support compiled in\n", "compressed"),
        (f"[magicyuv @ 0x1] Codec (magicyuv) not on whitelist '{DECODERS}'\n", "“magicyuv”"),
        ("source: Invalid data found when processing input", "not a video"),
    ],
)
def test_the_reason_is_named_and_the_machines_own_words_stand_beside_it(messages: str, word: str) -> None:
    error = unreadable(messages)
    assert error.code == "unreadable"
    assert word in error.message
    assert "Invalid data" not in error.message
    assert DECODERS not in error.detail
    assert error.detail

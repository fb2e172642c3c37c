"""Which tags of a file are its time code."""

from __future__ import annotations

import pytest

from tasks.media.timecode import read_timecode


def tagged(**tags: object) -> dict[str, object]:
    return {"tags": tags}


@pytest.mark.parametrize(
    ("streams", "form", "timecode"),
    [
        ([], {}, None),
        ([], tagged(timecode="10:00:00:00"), "10:00:00:00"),
        ([tagged(TIMECODE="01:02:03:04")], {}, "01:02:03:04"),
        ([tagged(timecode="01:02:03.04")], {}, "01:02:03;04"),
        ([tagged(timecode="01:02:03:119")], {}, "01:02:03:119"),
        ([{}, tagged(language="vie"), tagged(timecode="02:00:00:00")], tagged(timecode="03:00:00:00"), "02:00:00:00"),
        ([tagged(timecode="24:00:00:00")], tagged(timecode="00:00:00:00"), "00:00:00:00"),
        ([tagged(timecode="10:00:00:00<script>")], {}, None),
        ([tagged(timecode=7)], {"tags": ["10:00:00:00"]}, None),
        ([{"tags": "10:00:00:00"}], None, None),
    ],
)
def test_a_time_code_is_told_if_it_is_one(streams: list[dict[str, object]], form: object, timecode: str | None) -> None:
    assert read_timecode(streams, form) == timecode

"""The pictures of a clip's storyboard, one by one, as its WebVTT index names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from workers.web import records
from workers.web.story import duration_words

_CUE: Final = re.compile(
    r"(?P<h>\d{2,}):(?P<m>\d{2}):(?P<s>\d{2}\.\d{3}) --> .*\n(?P<sheet>[^\s#]+)#xywh=(?P<area>\d+,\d+,\d+,\d+)"
)
_MOST: Final = 60


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture on a sheet: at which second of the clip, in words too, and where on the sheet, in pixels."""

    time_s: float
    time: str
    sheet: str
    area: str


def read_tiles(vtt: str, vtt_url: str) -> tuple[Tile, ...]:
    """The tiles in the index, or every n-th of very many; sheets are relative to ``vtt_url``. Pure."""
    found = []
    for cue in _CUE.finditer(vtt):
        time_s = int(cue["h"]) * 3600 + int(cue["m"]) * 60 + float(cue["s"])
        area = " ".join(cue["area"].split(","))
        words = duration_words(time_s)
        found.append(Tile(time_s=round(time_s, 3), time=words, sheet=urljoin(vtt_url, cue["sheet"]), area=area))
    return tuple(found[:: -(-len(found) // _MOST) or 1])


def tiles(services: Services, record: ClipRecord) -> tuple[Tile, ...]:
    """The pictures of the clip's storyboard; none while there is none."""
    if record.storyboard is None:
        return ()
    key = f"{keys.CLIPS}{record.name}/{record.storyboard.vtt}"
    stored = records.stored(services, key)
    return read_tiles(stored.body.decode(), records.media_url(key)) if stored else ()

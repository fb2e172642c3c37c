"""MPEG-2 pictures that change their shape in a transport stream, 4:3 and 16:9 by turns, as broadcasts do.

Each sequence header tells the shape of what follows it (ISO/IEC 13818-2, 6.3.3). ffmpeg tells its filters the first
one's of all of it, which comes out stretched or squeezed unless its size tells more (`tasks.media.shapes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.faults import clock
from tasks.media.shapes import shape_of
from tasks.media.transport.clock_steps import apart
from tasks.media.transport.packets import CLOCK, Packets, starts
from tasks.media.transport.restarts import MOST_STEP_S
from tasks.records.base import Notice

_HEADER: Final = (0, 0, 1, 0xB3)
_HEADER_BYTES: Final = 8
# By `aspect_ratio_information`; 1 is square pixels.
_NAMES: Final = {2: "4:3", 3: "16:9", 4: "2.21:1"}
_SHAPES: Final = {2: 4 / 3, 3: 16 / 9, 4: 2.21}
_SAME: Final = 0.02
_MOST_STEP: Final = round(MOST_STEP_S * CLOCK)


@dataclass(kw_only=True)
class Aspects:
    """The shapes of the stream ``pid``; of it alone, and only of MPEG-2."""

    pid: int
    changed_s: float | None = None
    """When it first is shown in a shape that is not its own, in seconds from its beginning; None if it never is."""
    _lasted: int = 0
    _last: int | None = None
    _first: tuple[int, int, int] | None = None
    _name: str = ""

    def add(self, packets: Packets) -> None:
        """Take in the next packets."""
        if self.changed_s is not None:
            return
        begun = starts(packets)
        chosen = np.flatnonzero(begun.is_media & (packets.pids[begun.numbers] == self.pid))
        rows = packets.rows[begun.numbers[chosen]]
        # A header that begins in its picture's first packet, as encoders write it.
        places = begun.columns[chosen] + 9 + begun.heads[chosen, 8].astype(np.int64)
        columns = np.minimum(places[:, None] + np.arange(_HEADER_BYTES), rows.shape[1] - 1)
        headers = np.take_along_axis(rows, columns, axis=1)
        times = begun.times[chosen]
        lasted = self._lasting(times)
        is_header = (places + _HEADER_BYTES <= rows.shape[1]) & np.all(headers[:, :4] == _HEADER, axis=1)
        told = headers[is_header].astype(np.int64)
        widths, heights = told[:, 4] << 4 | told[:, 5] >> 4, (told[:, 5] & 0xF) << 8 | told[:, 6]
        for width, height, kind, ticks in zip(
            widths.tolist(), heights.tolist(), (told[:, 7] >> 4).tolist(), lasted[is_header].tolist(), strict=True
        ):
            self._first = self._first or (width, height, kind)
            if self._is_distorted(width, height, kind):
                self.changed_s = ticks / CLOCK
                self._name = _NAMES.get(kind, "another")
                return

    def notice(self) -> tuple[Notice, ...]:
        """A notice if it changes."""
        if self.changed_s is None:
            return ()
        message = (
            f"From {clock(self.changed_s)} on the picture of this recording is {self._name}. It can't be shown in that "
            "shape, so it looks stretched or squeezed. Cut it there, and upload each part by itself."
        )
        return (Notice(code="shape_changes", message=message),)

    def _lasting(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """For how long it is shown until each of these times. Where the clock jumps, ffmpeg plays on without a gap."""
        if not len(times):
            return times
        steps = apart(np.concatenate(([self._last if self._last is not None else times[0]], times[:-1])), times)
        lasted = self._lasted + np.cumsum(np.where(abs(steps) > _MOST_STEP, 0, steps))
        self._lasted, self._last = int(lasted[-1]), int(times[-1])
        return np.asarray(np.maximum(lasted, 0))

    def _is_distorted(self, width: int, height: int, kind: int) -> bool:
        if self._first is None or not height:
            return False
        first = _shape(*self._first)
        shown = first if (width, height) == self._first[:2] else shape_of(width, height) or first
        shape = _shape(width, height, kind)
        return shape is not None and shown is not None and abs(shape - shown) > _SAME


def _shape(width: int, height: int, kind: int) -> float | None:
    """Width to height as it is shown; None where the header doesn't tell."""
    return width / height if kind == 1 and height else _SHAPES.get(kind)

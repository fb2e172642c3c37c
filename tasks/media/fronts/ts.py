"""Reading an MPEG-2 transport stream from front to back: it is made for that, and stays as it is.

Such a stream (ISO/IEC 13818-1) has no index, and nothing tells beforehand whether it is one recording. So a few places
all over it are looked at first; whoever downloads it watches for what lies between them (`Watch`).
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Final

from tasks.media.fronts.index import FrontIndex, Looking, Window
from tasks.media.transport.one_recording import Course, JoinedError
from tasks.media.transport.packets import UnclearError, found_in
from tasks.media.transport.restarts import MOST_STEP_S
from tasks.media.unsuited import UnsuitedError

PROBED_BYTES: Final = 16 * 1024**2
"""What ffprobe reads of its beginning, and more: 5 MB of media, or seven seconds, and what fills up between them."""

_PLACES: Final = 8
_LOOK_BYTES: Final = 256 * 1024
_MOST_LOOKS: Final = 16
# Stills take few bytes, and a film may show one for as long as that; beyond it somebody put recordings together.
_UNLIKE: Final = 3


def laid(window: Window, form: tuple[int, int]) -> Looking[FrontIndex]:
    """The layout of the transport stream behind ``window``, whose packets have that form (`transport.packets.form_of`).

    Raises:
        UnsuitedError: it tells no programme, or is damaged, or of several recordings.
    """
    size_bytes, stride = window.size_bytes, form[0]
    course, lasted = Course(), []
    last = max(0, size_bytes - _LOOK_BYTES)
    places = [min(size_bytes * number // _PLACES, last) // stride * stride for number in range(_PLACES + 1)]
    window.ahead_bytes, window.most_looks = _LOOK_BYTES, _MOST_LOOKS
    yield from window.fetch(places[1:])
    for first in places:
        data = yield from window.read(first, min(first + _LOOK_BYTES, size_bytes))
        try:
            parts = list(found_in(bytearray(data), first, form))
            for part in parts:
                course.add(part, is_next=False)
        except (JoinedError, UnclearError) as error:
            raise UnsuitedError from error
        if not (parts and course.is_told):
            raise UnsuitedError
        lasted.append(course.lasts_s)
    stretches_s = [later - earlier for earlier, later in pairwise(lasted)]
    if max(stretches_s) > _UNLIKE * median(stretches_s) + MOST_STEP_S:
        raise UnsuitedError
    return FrontIndex(prefix=b"", pieces=((0, size_bytes),), lead_bytes=PROBED_BYTES, packets=form)

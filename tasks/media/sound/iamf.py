"""Immersive audio (IAMF): one sound whose channels are spread over several streams, as ffprobe's stream groups tell.

Source: Immersive Audio Model and Formats, https://aomediacodec.github.io/iamf/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tasks.media.probed import items, number, text

_ELEMENT: Final = "IAMF Audio Element"
_SCENE: Final = 1
_SPELT_OUT: Final = re.compile(r"\d+ channels \((.+)\)")


def channels_carried(groups: Iterable[Mapping[str, object]]) -> dict[int, str]:
    """The layout, in ffmpeg's words, of what the streams of audio elements carry; "" for one that is not needed.

    A stream that is not named carries what it says itself.

    Of a scalable element its base layer is heard, a mix of all of it; of an ambisonic scene its first stream, which
    hears all directions alike.
    """
    carried: dict[int, str] = {}
    for group in groups:
        if text(group, "type") != _ELEMENT:
            continue
        component = next(iter(items(group.get("components"))), {})
        layouts = (text(part, "channel_layout") for part in items(component.get("subcomponents")))
        base = next((told for told in layouts if told), "")
        spelt = _SPELT_OUT.fullmatch(base)
        # What has a name, such as stereo, is carried by the first stream alone.
        is_spread = spelt is not None and number(component, "audio_element_type") != _SCENE
        left = spelt.group(1).split("+") if spelt and is_spread else None
        for place, stream in enumerate(items(group.get("streams"))):
            index, count = int(number(stream, "index") or 0), int(number(stream, "channels") or 0)
            if left is not None:
                here, left = left[:count], left[count:]
                carried[index] = f"{len(here)} channels ({'+'.join(here)})" if here else ""
            elif place > 0:
                carried[index] = ""
    return carried

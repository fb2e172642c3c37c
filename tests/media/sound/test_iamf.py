"""What the streams of immersive audio carry, as ffprobe tells it."""

from __future__ import annotations

import pytest

from tasks.media.sound.iamf import channels_carried

STREAMS = [
    {"index": index, "channels": channels, "channel_layout": layout}
    for index, channels, layout in ((4, 2, "stereo"), (5, 2, "stereo"), (6, 1, "mono"), (7, 1, "mono"))
]
WHOLE = "6 channels (FL+FR+SL+SR+FC+LFE)"


def element(*layers: str, kind: int = 0) -> dict[str, object]:
    parts = [{"channel_layout": layer} for layer in layers] + [{"name": "demixing_info"}]
    component = {"nb_layers": len(layers), "audio_element_type": kind, "subcomponents": parts}
    return {"type": "IAMF Audio Element", "components": [component], "streams": STREAMS}


@pytest.mark.parametrize(
    ("group", "carried"),
    [
        (
            element(WHOLE),
            {4: "2 channels (FL+FR)", 5: "2 channels (SL+SR)", 6: "1 channels (FC)", 7: "1 channels (LFE)"},
        ),
        # The first layer is a mix of all of it.
        (element("stereo", WHOLE), {5: "", 6: "", 7: ""}),
        (element("4 channels (FL+FR+SL+SR)", WHOLE), {4: "2 channels (FL+FR)", 5: "2 channels (SL+SR)", 6: "", 7: ""}),
        (element("4 channels (AMBI0+AMBI1+AMBI2+AMBI3)", kind=1), {5: "", 6: "", 7: ""}),
        ({"type": "IAMF Mix Presentation", "streams": STREAMS}, {}),
        ({"type": "Tile Grid", "streams": STREAMS}, {}),
        ({"type": "IAMF Audio Element", "components": "none"}, {}),
        ({"type": "IAMF Audio Element", "components": [{"subcomponents": [None]}], "streams": [{}]}, {}),
    ],
)
def test_the_streams_of_an_element_are_told_by_the_channels_they_carry(
    group: dict[str, object], carried: dict[int, str]
) -> None:
    assert channels_carried([group]) == carried

"""The encoders of the picture: what each is told, so that all renditions can be cut at the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.media.ladder import PlannedRung
from tasks.media.threads import ALL_THREADS, Threads

# SVT-AV1 counts its presets the other way round; 10 and above are not meant for watching.
_SVT_PRESETS: Final = {
    "ultrafast": 9,
    "superfast": 9,
    "veryfast": 8,
    "faster": 8,
    "fast": 7,
    "medium": 6,
    "slow": 5,
    "slower": 4,
}
# A copied rung's key frames are no further apart than this many of the ladder's own distances.
_MOST_GOPS: Final = 4


def encoder_options(
    rungs: Sequence[PlannedRung], *, preset: str, gop: int, as_in_source: bool = False, threads: Threads = ALL_THREADS
) -> dict[str, object]:
    """ffmpeg's options for the pictures, in that order; ``gop`` is the distance of key frames, in frames.

    ``threads`` are told to H.264 encoders only; the others have pools of their own.

    GOPs are closed, equally long and at the same times in all rungs, whatever their codec: players may switch at any.
    Where they are to stand ``as_in_source``, beside a rung that is copied, ``gop`` is not kept to.
    """
    options: dict[str, object] = {
        "pix_fmt": "yuv420p",
        "g": gop,
        "keyint_min": gop,
        "flags:v": "+cgop",
        "fps_mode": "cfr",
    }
    if as_in_source:
        options |= {"force_key_frames": "source", "g": gop * _MOST_GOPS, "keyint_min": 1}
    alike = len({rung.codec for rung in rungs}) == 1
    for number, rung in enumerate(rungs):
        stream = "v" if alike else f"v:{number}"
        options |= {f"{key}:{stream}": value for key, value in _of_codec(rung.codec, preset).items()}
        # Capped constant quality: the bits follow the content, and the buffer holds two seconds of the cap.
        options[f"crf:v:{number}"] = f"{rung.crf:g}"
        options[f"maxrate:v:{number}"] = rung.max_bitrate_bps
        options[f"bufsize:v:{number}"] = rung.max_bitrate_bps * 2
        if rung.codec == "h264" and threads.encoder:
            options[f"threads:v:{number}"] = threads.encoder if number == 0 else threads.smaller_encoder
    return options


def _of_codec(codec: str, preset: str) -> dict[str, object]:
    match codec:
        case "hevc":
            # hvc1 keeps the parameter sets in the initialization section, where Apple's players look for them.
            params = "scenecut=0:open-gop=0:log-level=error"
            return {"c": "libx265", "preset": preset, "profile": "main", "tag": "hvc1", "x265-params": params}
        case "av1":
            return {"c": "libsvtav1", "preset": _SVT_PRESETS[preset], "svtav1-params": "scd=0"}
        case _:
            # Captions inside the picture are published as WebVTT; as both, viewers would have them twice.
            return {"c": "libx264", "preset": preset, "profile": "high", "sc_threshold": 0, "a53cc": 0}

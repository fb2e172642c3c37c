"""The upload as an input of ffmpeg: its fixed name in the workspace, and the allow-lists that hold for untrusted media.

Pure: options and arguments. Every run that opens an upload takes them from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.media.decoders import DECODERS, DECODERS_OF_ALPHA, DECODERS_WITH_CAPTIONS
from tasks.media.source import Source, VideoStream

SOURCE_FILE: Final = "source"
"""The upload's name in a workspace, whatever its uploader called it."""

# Demuxers of streams that may be cut out of longer ones, whose times jump.
RESTARTING_CLOCKS: Final = ("mpegts", "mpeg", "ogg")

# Demuxers of the formats that newsrooms meet. Not in it, on purpose: hls, dash, concat, sdp, imf, image2 and all others
# that open further files or addresses; naming the allowed ones is what keeps a playlist called .mp4 harmless.
DEMUXERS: Final = ",".join(
    "asf avi dv flv gxf lxf matroska,webm mov,mp4,m4a,3gp,3g2,mj2 mpeg mpegts mpegvideo mxf mxf_opatom "
    "ogg pva rm wtv yuv4mpegpipe h264 hevc ivf "
    # Sound alone
    "aac ac3 aiff amr caf dts eac3 flac loas mp3 w64 wav".split()
)

# Any speed at all. While it catches up, ffmpeg pauses for each packet as long as that lasts, unless there is nothing to
# wait for; and it thinks itself behind as soon as a pause was too long by 0.3 seconds of the input.
_CATCHING_UP: Final = 1_000_000

# Options of an input that is not read just once, from front to back.
_SEEKING: Final = frozenset({"-ss", "-sseof", "-seek_timestamp", "-stream_loop"})


def input_options(
    *, max_pixels: int, video: VideoStream | None = None, key_frames_only: bool = False, captions: bool = False
) -> dict[str, object]:
    """Options of the upload as an input, for every run that opens it; one that decodes its picture names the ``video``.

    Subtitle streams are read only with ``captions``.
    """
    decoder = DECODERS_OF_ALPHA.get(video.codec) if video is not None and video.colour.has_alpha else None
    return {
        **({f"c:{video.index}": decoder} if video is not None and decoder is not None else {}),
        "format_whitelist": DEMUXERS,
        "codec_whitelist": DECODERS_WITH_CAPTIONS if captions else DECODERS,
        "protocol_whitelist": "file",
        "max_pixels": max_pixels,
        **({} if captions else {"sn": None}),
        "dn": None,
        **({"skip_frame": "nokey"} if key_frames_only else {}),
        # The codec's own cropping remains: that takes off what fills the last blocks up.
        **({"apply_cropping": "codec"} if video is not None and video.keeps_overscan else {}),
    }


def lasting(source: Source) -> dict[str, object]:
    """Options of the upload as an input by which a last picture lasts as others where its container doesn't tell it.

    ffmpeg holds it for as long as the one before it, which may have stood still for minutes.
    """
    if source.container != "flv":
        return {}
    frame_s = f"1/({source.video.frame_rate}*TB)"
    # Unless told to leave both times alone, the filter makes one of them the other where pictures are reordered.
    return {f"bsf:{source.video.index}": f"setts=pts=PTS:dts=DTS:duration='if(DURATION,DURATION,round({frame_s}))'"}


def paced(pace: float, burst_s: float) -> dict[str, object]:
    """Options of an input of which ``pace`` seconds are read in a second, once the first ``burst_s`` are."""
    return {"readrate": pace, "readrate_initial_burst": burst_s, "readrate_catchup": _CATCHING_UP}


def piped(arguments: Sequence[str]) -> tuple[str, ...] | None:
    """The same run, reading the upload from its standard input; None if it has to seek in it."""
    inputs = [number for number, word in enumerate(arguments) if word == "-i"]
    uploads = [number for number in inputs if arguments[number + 1] == SOURCE_FILE]
    if len(uploads) != 1:
        return None
    begin = max((number + 2 for number in inputs if number < uploads[0]), default=0)
    options = list(arguments[begin : uploads[0]])
    if _SEEKING.intersection(options) or "-protocol_whitelist" not in options:
        return None
    options[options.index("-protocol_whitelist") + 1] = "pipe"
    return (*arguments[:begin], *options, "-i", "pipe:0", *arguments[uploads[0] + 2 :])

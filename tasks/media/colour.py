"""Colour: whatever a source is in, converted to BT.709 in limited range, which every player assumes.

Names are ffmpeg's. Code points: ITU-T H.273. HDR (BT.2100 PQ and HLG) is tone-mapped with its reference white of
203 cd/m² (BT.2408) somewhat below the peak of SDR.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal

import ffmpeg

from tasks.media.shapes import resized
from tasks.records.base import Notice, Value

_WHITE_NITS: Final = 203
_USUAL_PEAK_NITS: Final = 1000.0
_SD_HEIGHT: Final = 608
_SD_WIDTH: Final = 1024
_PQ: Final = "smpte2084"
_HLG: Final = "arib-std-b67"
# Whatever ffmpeg turns into RGB before anything else can be done with it.
_RGB: Final = ("rgb", "bgr", "gbr", "argb", "abgr", "pal8", "0rgb", "0bgr", "x2rgb", "x2bgr", "xyz")
_ALPHA: Final = ("rgba", "bgra", "argb", "abgr", "ya8", "ya16", "yuva", "gbrap", "ayuv", "vuya", "pal8")
# What the bundled ffprobe can't decode, and so tells no format of: it is RGB or grey, and may be see-through.
_RGB_CODECS: Final[Mapping[str, str]] = {"png": "rgba"}
# One sample of colour for four pixels in a row (DV of 525 lines, DVCPRO), or for a square of sixteen (Sorenson).
_COARSE: Final = ("yuv410", "yuv411", "yuvj411", "uyyvyy411")
# What zscale knows by the name that ffprobe reports; anything else counts as not told.
_MATRICES: Final = frozenset(
    "bt709 fcc bt470bg smpte170m smpte240m ycgco bt2020nc bt2020c chroma-derived-nc chroma-derived-c ictcp".split()
)
_PRIMARIES: Final = frozenset(
    "bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432 jedec-p22 ebu3213".split()
)
# Their decoders tell of each frame what stands at it, and keep to that where nothing follows. In what was joined that
# may change; others take back what they told, and then a guess of ffmpeg's would take its place.
_TOLD_BY_FRAMES: Final = ("h264", "mpeg2video")
# Of a container that tells colours, too, those hold for all of it, whatever its frames say.
_WITHOUT_COLOURS: Final = ("mpegts", "mpeg", "mpegvideo", "h264", "avi")
_CHANGEABLE: Final = ("bt709", "bt470bg", "smpte170m")
# The camera curves of BT.601, 709 and 2020 are one. Tags of display gamma stand in files that everybody sees as video.
_HDR_TRANSFERS: Final = (_PQ, _HLG)


class Colour(Value):
    """How a stream's numbers are colours, guessed as players do if the file does not say.

    It ``is_coarse`` if more than two pixels in a row or column share a sample of colour. Where it ``is_told_by_frames``
    its matrix and range are those of the beginning, and may change.
    """

    matrix: str = "bt709"
    primaries: str = "bt709"
    transfer: str = "bt709"
    full_range: bool = False
    is_rgb: bool = False
    has_alpha: bool = False
    is_coarse: bool = False
    is_told_by_frames: bool = False
    peak_nits: float = _USUAL_PEAK_NITS
    dolby_vision_profile: int | None = None

    @property
    def dynamic_range(self) -> Literal["sdr", "pq", "hlg"]:
        """SDR, or the HDR system of BT.2100."""
        return "pq" if self.transfer == _PQ else "hlg" if self.transfer == _HLG else "sdr"

    @property
    def is_plain(self) -> bool:
        """Whether only the range may have to be converted."""
        return self.is_rgb or (self.matrix, self.primaries, self.transfer) == ("bt709", "bt709", "bt709")


def read_colour(stream: Mapping[str, object], *, width: int, height: int, container: str = "") -> Colour:
    """The colour of a stream of ffprobe's answer. Its size in pixels helps to guess."""
    pixel_format = _told(stream, "pix_fmt") or _RGB_CODECS.get(_told(stream, "codec_name"), "")
    is_sd = height <= _SD_HEIGHT and width <= _SD_WIDTH
    transfer = _told(stream, "color_transfer")
    transfer = transfer if transfer in _HDR_TRANSFERS else "bt709"
    is_hdr = transfer != "bt709"
    matrix = _told(stream, "color_space")
    if matrix not in _MATRICES:
        matrix = "bt2020nc" if is_hdr else "smpte170m" if is_sd else "bt709"
    primaries = _told(stream, "color_primaries")
    if primaries not in _PRIMARIES:
        # Of SD that doesn't tell players guess the matrix only; its primaries differ less than screens do.
        primaries = "bt2020" if is_hdr or matrix.startswith("bt2020") else "bt709"
    if pixel_format.startswith("gray"):
        matrix = primaries = "bt709"  # no colour, so nothing to convert
    peak, profile = _light(stream)
    return Colour(
        # The same numbers under two names.
        matrix="smpte170m" if matrix == "bt470bg" else matrix,
        primaries=primaries,
        transfer=transfer,
        full_range=pixel_format.startswith("yuvj") or _told(stream, "color_range") == "pc",
        is_rgb=pixel_format.startswith(_RGB),
        has_alpha=pixel_format.startswith(_ALPHA),
        is_coarse=pixel_format.startswith(_COARSE),
        is_told_by_frames=container in _WITHOUT_COLOURS
        and _told(stream, "codec_name") in _TOLD_BY_FRAMES
        and _told(stream, "color_space") in _CHANGEABLE
        and not is_hdr
        and not pixel_format.startswith((*_RGB, "gray")),
        peak_nits=peak,
        dolby_vision_profile=profile,
    )


def over_black(stream: ffmpeg.nodes.FilterableStream, colour: Colour) -> ffmpeg.nodes.FilterableStream:
    """A transparent picture on black; any other as it is."""
    if not colour.has_alpha:
        return stream
    stream = stream.filter("format", "gbrap" if colour.is_rgb else "yuva444p")
    # The filter takes the picture's own alpha channel, which is straight in every format that newsrooms exchange.
    stream = stream.filter("premultiply", inplace=1)
    return stream.filter("format", "gbrp" if colour.is_rgb else "yuv444p")


def scaled(
    stream: ffmpeg.nodes.FilterableStream,
    colour: Colour,
    width: int,
    height: int,
    *,
    flags: str = "lanczos",
    within: Mapping[str, str] = MappingProxyType({}),
) -> ffmpeg.nodes.FilterableStream:
    """The stream in that size, even in both directions, as BT.709 in limited range, 8 bits, 4:2:0, tagged so.

    Each picture is as large ``within`` it as that says (`tasks.media.shapes`), or fills it.

    It is scaled before it is converted: linear light costs much a pixel, and the source may be larger than any rung.
    """
    options: dict[str, object] = {}
    if colour.is_told_by_frames and not colour.full_range:
        # Nothing is done to frames that are like the first, which are the rule.
        options = {"out_color_matrix": colour.matrix, "out_range": "limited"}
    elif colour.is_rgb:
        options = {"out_color_matrix": "bt709", "out_range": "limited"}
    elif colour.full_range and colour.is_plain and not colour.is_told_by_frames:
        options = {"out_range": "limited"}
    stream = resized(over_black(stream, colour), width, height, within, flags=flags, **options).filter("setsar", 1)
    if not colour.is_plain:
        if colour.is_coarse:
            # zscale takes widths and heights that its samples of colour divide, and ours are even, no more.
            stream = stream.filter("format", "yuv444p")
        stream = _converted(stream, colour)
    elif colour.is_told_by_frames and colour.full_range:
        # The decoder keeps to a format that means full range when its frames no longer are: this believes the frames.
        stream = stream.filter("zscale", range="limited")
    stream = stream.filter("format", "yuv420p")
    # On every frame, not only asked of the encoder, which would believe the frames.
    return stream.filter(
        "setparams",
        field_mode="prog",
        range="limited",
        color_primaries="bt709",
        color_trc="bt709",
        colorspace="bt709",
    )


def as_jpeg(stream: ffmpeg.nodes.FilterableStream) -> ffmpeg.nodes.FilterableStream:
    """A stream out of `scaled` in the colours of JPEG: the matrix of BT.601 in full range (JFIF, ITU-T T.871)."""
    stream = stream.filter(
        "scale", in_color_matrix="bt709", in_range="limited", out_color_matrix="bt601", out_range="full"
    )
    return stream.filter("format", "yuvj420p")


def colour_notice(colour: Colour) -> tuple[Notice, ...]:
    """Colours that can't be converted correctly, in words for an editor."""
    if colour.dolby_vision_profile != 5:  # the only profile whose base layer is not ordinary HDR
        return ()
    message = "This is Dolby Vision without an HDR10 or HLG picture in it; its colours come out wrong. Export as HDR10."
    return (Notice(code="dolby_vision_only", message=message),)


def _converted(stream: ffmpeg.nodes.FilterableStream, colour: Colour) -> ffmpeg.nodes.FilterableStream:
    given = {"matrixin": colour.matrix, "primariesin": colour.primaries}
    if not (colour.is_told_by_frames and colour.full_range):
        given["rangein"] = "full" if colour.full_range else "limited"
    made = {"matrix": "bt709", "primaries": "bt709", "transfer": "bt709", "range": "limited"}
    if colour.dynamic_range == "sdr":
        return stream.filter("zscale", **given, transferin="bt709", **made)
    stream = stream.filter(
        "zscale", **given, transferin=colour.transfer, transfer="linear", primaries="bt709", npl=_WHITE_NITS
    )
    stream = stream.filter("format", "gbrpf32le")
    peak = max(2 * _WHITE_NITS, min(colour.peak_nits, 4 * _USUAL_PEAK_NITS)) / _WHITE_NITS
    # Mobius leaves the middle tones (faces) as they are, and bends the highlights only.
    stream = stream.filter("tonemap", "mobius", param=0.3, desat=0, peak=f"{peak:.3f}")
    return stream.filter("zscale", **made)


def _light(stream: Mapping[str, object]) -> tuple[float, int | None]:
    """The brightest the content gets, in cd/m², and its Dolby Vision profile."""
    entries = stream.get("side_data_list")
    peaks, profile = {}, None
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, Mapping):
            continue
        found = entry.get("dv_profile")
        profile = found if isinstance(found, int) else profile
        for rank, key in enumerate(("max_content", "max_luminance")):
            value = _nits(entry.get(key))
            if value:
                peaks[rank] = value
    return (peaks[min(peaks)] if peaks else _USUAL_PEAK_NITS), profile


def _nits(value: object) -> float | None:
    try:
        return float(Fraction(value)) if isinstance(value, str | int) else None
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _told(stream: Mapping[str, object], field: str) -> str:
    found = stream.get(field)
    return found if isinstance(found, str) else ""

"""The decoders that an upload may use: those for what cameras, editors and newsrooms' archives write.

ffmpeg has five hundred, many of them for the cut scenes of old games, hardly ever run: that is where holes stay.
MagicYUV is missing on purpose: its files could run code of their own until release 8.1.2 (CVE-2026-8461).
A stream whose codec is not named here is not decoded: a file that has no other is refused, in words that name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PICTURE: Final = (
    "h264 hevc av1 libdav1d vp8 vp9 libvpx libvpx-vp9 "
    "mpeg1video mpeg2video mpegvideo mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 vc1 "
    "h261 h263 h263i h263p flv vp6 vp6a vp6f theora "
    # Editing, archives, cameras
    "prores dnxhd dvvideo cfhd jpeg2000 mjpeg mjpegb hq_hqa hqx avrn avui speedhq dirac ffv1 ffvhuff huffyuv utvideo "
    "aic pixlet hap dxv apv "
    # Uncompressed
    "rawvideo wrapped_avframe r10k r210 v210 v210x y41p yuv4 "
    # QuickTime and AVI of the years when archives were made
    "cinepak svq1 svq3 qtrle rpza smc png indeo3 indeo4 indeo5 msrle msvideo1 rv10 rv20 rv30 rv40 "
    # Recorded screens; China's broadcasts; what follows HEVC
    "camtasia tscc2 camstudio cavs vvc "
    # Covers, besides mjpeg and png
    "bmp gif tiff webp"
)
_SOUND: Final = (
    "aac aac_latm ac3 eac3 dca truehd mlp mp1 mp1float mp2 mp2float mp3 mp3float flac alac opus libopus vorbis "
    "libvorbis s302m dolby_e wmav1 wmav2 wmapro wmalossless wmavoice amrnb amrwb libopencore_amrnb libopencore_amrwb "
    "speex nellymoser gsm gsm_ms g722 g726 qdm2 qdmc mace3 mace6 dvaudio "
    "cook sipr real_144 real_288 atrac3 qcelp evrc ilbc truespeech "
    "adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha "
    "pcm_alaw pcm_mulaw pcm_bluray pcm_dvd pcm_lxf pcm_s8 pcm_s8_planar pcm_u8 pcm_s16be pcm_s16be_planar pcm_s16le "
    "pcm_s16le_planar pcm_s24be pcm_s24daud pcm_s24le pcm_s24le_planar pcm_s32be pcm_s32le pcm_s32le_planar pcm_u16be "
    "pcm_u16le pcm_u24be pcm_u24le pcm_u32be pcm_u32le pcm_f32be pcm_f32le pcm_f64be pcm_f64le"
)
_CAPTIONS: Final = (
    "mov_text cc_dec libzvbi_teletextdec subrip srt ass ssa webvtt text "
    # Captions as pictures are not published, but ffprobe refuses all of a file that holds one it may not open.
    "dvbsub dvdsub pgssub xsub"
)

DECODERS: Final = ",".join((*_PICTURE.split(), *_SOUND.split()))
"""For pictures and sound, as ffmpeg's ``-codec_whitelist`` wants them."""

DECODERS_WITH_CAPTIONS: Final = ",".join((DECODERS, *_CAPTIONS.split()))
"""For a run that reads captions too."""

DECODERS_OF_ALPHA: Final[Mapping[str, str]] = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""By codec, the decoders that see the transparency of WebM; ffmpeg's own pass over it, but are faster.

They are for streams that have it beside each packet: after one with it, they give no picture for one without.
"""

# ffmpeg repeats the whole list when it refuses a codec.
_REPEATED: Final = re.compile(r"whitelist '[^'\n]{80,}'")
_REFUSED: Final = re.compile(r"Codec \((\w+)\) not on ")


def without_lists(messages: str) -> str:
    """ffmpeg's messages without its repetitions of the list."""
    return _REPEATED.sub("the list", messages)


def refused_codec(messages: str) -> str | None:
    """The codec that ffmpeg's or ffprobe's messages say it may not open; None if they name none."""
    found = _REFUSED.search(messages)
    return found.group(1) if found else None

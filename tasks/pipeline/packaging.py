"""Packaging: the finished renditions are read back from disk, and their playlists and manifest written.

HLS and DASH share every segment; nothing is encoded or copied here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media import dash, direct, encode, iframes, package, quality
from tasks.media.captions import webvtt
from tasks.media.captions.selection import WHOLE_FILE, Caption
from tasks.media.dash import Picture, Representation, Sound, Text
from tasks.media.direct import Direct
from tasks.media.ladder import Ladder, PlannedRung
from tasks.media.mp4 import boxes
from tasks.media.mp4.boxes import Fragment
from tasks.media.mp4.codecs import codec_string
from tasks.media.package import MediaPlaylist
from tasks.media.sound.programmes import Programme

# Sixteen bytes a sample at most: that does for ten seconds at 120 pictures.
_HEAD_BYTES: Final = 32 * 1024
# The edges of AAC's blocks, and of clocks of milliseconds.
_ROUNDED_S: Final = 0.25


def read_picture(root: Path, rung: PlannedRung) -> Picture:
    """A finished rendition of the picture; ``root`` is the folder that holds the renditions' own.

    Raises:
        TemporarilyUnavailable: a file is missing or not as CMAF wants it (``encoder_output_damaged``).
    """
    return Picture(**dict(_read(root / rung.name, codecs=None)), rung=rung)


def read_sound(root: Path, programme: Programme, *, of: str | None = None) -> Sound:
    """A finished rendition of the sound; ``of`` names its programme where that has several.

    Raises:
        TemporarilyUnavailable: as `read_picture`.
    """
    made = _read(root / programme.name, codecs=package.AAC_LC)
    return Sound(
        **dict(made),
        programme=of or programme.name,
        language=programme.language,
        sample_rate=made.header.timescale,
    )


def sound_s(folder: Path, programme: Programme) -> float:
    """How long a finished programme in the workspace lasts, in seconds.

    Raises:
        TemporarilyUnavailable: as `read_picture`.
    """
    try:
        playlist = folder / encode.OUTPUT / encode.HLS / programme.name / encode.MEDIA_PLAYLIST
        return package.read_media_playlist(playlist.read_text(encoding="utf-8")).duration_s
    except OSError as error:
        raise _damaged(error) from error


def verify_sound(folder: Path, programmes: Sequence[Programme], lengths_s: Sequence[float]) -> None:
    """Check that finished programmes in the workspace are no shorter than they were measured to be.

    Raises:
        TemporarilyUnavailable: one is (``encoder_output_damaged``); ffmpeg can exit 0 all the same.
    """
    for programme, heard_s in zip(programmes, lengths_s, strict=True):
        made_s = sound_s(folder, programme)
        if made_s < heard_s - _ROUNDED_S:
            detail = f"{programme.name}: {made_s:.1f} of {heard_s:.1f} s"
            raise TemporarilyUnavailable("encoder_output_damaged", "The encoder made a damaged file.", detail)


def measured(picture: Picture) -> quality.Measured:
    """What a finished rendition of the picture turned out to be."""
    return quality.Measured(
        width=picture.header.width,
        height=picture.header.height,
        frames=sum(fragment.samples for fragment in picture.fragments),
        duration_s=picture.playlist.duration_s,
        is_complete=picture.playlist.is_complete,
    )


def verify_aligned(pictures: Sequence[Picture]) -> None:
    """Check that players can switch between the renditions: their segments begin at the same times, half a frame apart.

    Raises:
        TemporarilyUnavailable: they don't (``encoder_output_damaged``). A second try takes no copy to keep step with.
    """
    first = _starts_s(pictures[0])
    for other in pictures[1:]:
        starts, tolerance = _starts_s(other), 0.5 / float(other.rung.frame_rate)
        if len(starts) != len(first) or any(abs(a - b) > tolerance for a, b in zip(first, starts, strict=True)):
            detail = f"{other.name}: its segments do not begin where those of {pictures[0].name} do"
            raise TemporarilyUnavailable("encoder_output_damaged", "The encoder made a damaged file.", detail)


def _starts_s(picture: Picture) -> list[float]:
    return [fragment.start / picture.header.timescale for fragment in picture.fragments]


def complies(root: Path, planned: Direct, ladder: Ladder) -> bool:
    """Whether a finished copy of the source's own video complies with a rung of the ladder.

    Raises:
        TemporarilyUnavailable: as `read_picture`.
    """
    try:
        text = (root / planned.rung.name / encode.MEDIA_PLAYLIST).read_text(encoding="utf-8")
    except OSError as error:
        raise _damaged(error) from error
    # What can't be a rung is not read: its segments may be larger than memory.
    if not direct.is_cut_as(ladder, package.read_media_playlist(text)):
        return False
    made = read_picture(root, planned.rung)
    return direct.complies(planned, ladder, made.track, made.header, made.playlist, made.fragments) and all(
        direct.is_idr(_first_sample(root / made.name / name, fragment), made.header)
        for (name, _), fragment in zip(made.playlist.segments, made.fragments, strict=True)
    )


def _first_sample(segment: Path, fragment: Fragment) -> bytes:
    with segment.open("rb") as file:
        file.seek(fragment.offset + fragment.size_bytes - fragment.first_bytes)
        return file.read(fragment.first_bytes)


def write(
    out: Path,
    pictures: Sequence[Picture],
    sounds: Sequence[Sound],
    programmes: Sequence[Programme],
    *,
    captions: Sequence[Caption] = (),
) -> None:
    """Write the captions, the I-frame playlists, the multivariant playlist and the DASH manifest below ``out``."""
    root = out / encode.HLS
    tricks = []
    for picture in pictures:
        text = iframes.iframe_playlist(picture.playlist, picture.fragments)
        (root / picture.name / iframes.IFRAME_PLAYLIST).write_text(text, encoding="utf-8")
        codecs = picture.track.codecs
        tricks.append((picture.rung, iframes.iframe_track(picture.playlist, picture.fragments, codecs)))
    loudest = max((each.track for each in sounds), key=lambda track: track.peak_bps, default=None)
    variants = [(each.rung, each.track) for each in pictures]
    written = [_write_caption(root / each.name, each, pictures[0].playlist) for each in captions]
    captions_bps = max((peak_bps for _, peak_bps in written), default=0)
    text = package.multivariant_playlist(
        variants, loudest, programmes, iframes=tricks, captions=captions, captions_bps=captions_bps
    )
    (root / package.MULTIVARIANT).write_text(text, encoding="utf-8")
    (out / dash.FOLDER).mkdir(exist_ok=True)
    (out / dash.MANIFEST).write_text(dash.manifest(pictures, sounds, [made for made, _ in written]), encoding="utf-8")


def _write_caption(folder: Path, caption: Caption, beside: MediaPlaylist) -> tuple[Text, int]:
    """Write one programme, whole and in segments that end where the picture's do; also its peak rate in segments."""
    folder.mkdir(exist_ok=True)
    whole = webvtt.whole_file(caption.cues).encode()
    (folder / WHOLE_FILE).write_bytes(whole)
    parts = webvtt.segments(caption.cues, [duration_s for _, duration_s in beside.segments])
    for part in parts:
        (folder / part.name).write_text(part.text, encoding="utf-8")
    (folder / encode.MEDIA_PLAYLIST).write_text(webvtt.media_playlist(parts), encoding="utf-8")
    peak_bps = max(math.ceil(len(part.text.encode()) * 8 / max(part.duration_s, 1)) for part in parts)
    average_bps = math.ceil(len(whole) * 8 / max(beside.duration_s, 1))
    return Text(caption=caption, bitrate_bps=average_bps), peak_bps


def _read(folder: Path, *, codecs: str | None) -> Representation:
    try:
        playlist = package.read_media_playlist((folder / encode.MEDIA_PLAYLIST).read_text(encoding="utf-8"))
        header = boxes.read_header((folder / playlist.init).read_bytes())
        sizes, fragments = [], []
        for name, _ in playlist.segments:
            size_bytes, head = _before_media(folder / name)
            sizes.append(size_bytes)
            fragments.append(boxes.read_fragment(head, header, size_bytes))
    except OSError as error:
        raise _damaged(error) from error
    return Representation(
        name=folder.name,
        track=package.measure_track(playlist, sizes, codecs or codec_string(header)),
        header=header,
        playlist=playlist,
        fragments=tuple(fragments),
    )


def _before_media(segment: Path) -> tuple[int, bytes]:
    """A segment's size, and its bytes before the media; one with another layout than ours is read whole."""
    with segment.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD_BYTES)
        enough = boxes.bytes_before_media(head, size_bytes)
        return size_bytes, head + file.read() if enough is None else head[:enough]


def _damaged(error: OSError) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("encoder_output_damaged", "The encoder made a damaged file.", str(error))

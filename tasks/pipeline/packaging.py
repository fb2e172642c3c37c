"""Packaging: the finished renditions are read back from disk, and the playlists and the manifest of them written.

HLS and DASH share every segment; nothing is encoded or copied here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tasks.errors import TemporarilyUnavailable
from tasks.media import boxes, dash, encode, iframes, package
from tasks.media.codecs import codec_string
from tasks.media.dash import Picture, Representation, Sound
from tasks.media.ladder import PlannedRung
from tasks.media.sound import Programme


def read_picture(root: Path, rung: PlannedRung) -> Picture:
    """A finished rendition of the picture; ``root`` is the folder that holds the renditions' own.

    Raises:
        TemporarilyUnavailable: a file is missing or not as CMAF wants it (``encoder_output_damaged``).
    """
    return Picture(**dict(_read(root / rung.name, codecs=None)), rung=rung)


def read_sound(root: Path, programme: Programme) -> Sound:
    """A finished rendition of the sound.

    Raises:
        TemporarilyUnavailable: as `read_picture`.
    """
    made = _read(root / programme.name, codecs=package.AAC_LC)
    return Sound(**dict(made), language=programme.language, sample_rate=made.header.timescale)


def write(out: Path, pictures: Sequence[Picture], sounds: Sequence[Sound], programmes: Sequence[Programme]) -> None:
    """Write the I-frame playlists, the multivariant playlist and the DASH manifest below ``out``."""
    root = out / encode.HLS
    tricks = []
    for picture in pictures:
        text = iframes.iframe_playlist(picture.playlist, picture.fragments)
        (root / picture.name / iframes.IFRAME_PLAYLIST).write_text(text, encoding="utf-8")
        codecs = picture.track.codecs
        tricks.append((picture.rung, iframes.iframe_track(picture.playlist, picture.fragments, codecs)))
    loudest = max((each.track for each in sounds), key=lambda track: track.peak_bps, default=None)
    variants = [(each.rung, each.track) for each in pictures]
    text = package.multivariant_playlist(variants, loudest, programmes, iframes=tricks)
    (root / package.MULTIVARIANT).write_text(text, encoding="utf-8")
    (out / dash.FOLDER).mkdir(exist_ok=True)
    (out / dash.MANIFEST).write_text(dash.manifest(pictures, sounds), encoding="utf-8")


def _read(folder: Path, *, codecs: str | None) -> Representation:
    try:
        playlist = package.read_media_playlist((folder / encode.MEDIA_PLAYLIST).read_text(encoding="utf-8"))
        header = boxes.read_header((folder / playlist.init).read_bytes())
        sizes, fragments = [], []
        for name, _ in playlist.segments:
            segment = (folder / name).read_bytes()
            sizes.append(len(segment))
            fragments.append(boxes.read_fragment(segment, header))
    except OSError as error:
        raise TemporarilyUnavailable(
            "encoder_output_damaged", "The encoder made a damaged file.", str(error)
        ) from error
    return Representation(
        name=folder.name,
        track=package.measure_track(playlist, sizes, codecs or codec_string(header)),
        header=header,
        playlist=playlist,
        fragments=tuple(fragments),
    )

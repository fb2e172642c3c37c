"""Files of which one stream can't be opened: what the others are is asked of a copy without it.

ffprobe tells nothing at all of such a file, whichever stream it is: a sound track with a damaged head, or coded in what
nobody may decode here, beside a picture that is in order. Its log names the streams all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

import ffmpeg

from tasks.media.decoders import refused_codec
from tasks.media.probed import items, number
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.records.base import Value

PART: Final = f"{SOURCE_FILE}-part"
"""How the names of copies begin; each has one of its own, since several may be made in a workspace at once."""

# It ends well, having done nothing, where a file of that name is there already, unless it is to write over it.
_RUN: Final = ("-nostdin", "-y", "-v", "error")
_FORM: Final = re.compile(r"^Input #0, (\S+), from ", re.MULTILINE)
_STREAM: Final = re.compile(r"^ *Stream #0:(\d+)(?:\[(\w+)\])?(?:\([^)\n]*\))?: (\w+): (.*)$", re.MULTILINE)
_START: Final = re.compile(r"^  Duration: [^,\n]+, start: (-?[\d.]+)", re.MULTILINE)
_UNOPENED: Final = re.compile(r"^Could not open codec for input stream (\d+)$", re.MULTILINE)
_COVER: Final = "(attached pic)"
# What is held best by its own kind, rotation and programmes included; Matroska holds the rest.
_MUXERS: Final = {"mov": "mov", "mpegts": "mpegts"}


class Listing(Value):
    """What ffprobe's log says of a file: its form, the types of its streams (``video``, …), one that it can't open.

    ``form`` is ffprobe's ``format_name``; ``unopened`` are that stream and, where its codec is not accepted, all others
    of that codec: none where a picture that moves is among them, since nothing is shown without it. ``alike`` are all
    streams of that codec, whether they can be opened or not, but pictures that move. ``ids`` are the
    streams' numbers in the container, as ffprobe has them (``0x100``; "" where it has none). Of ``covers``,
    pictures that go with the sound, a copy does not always say that they are such; and its clock begins at 0, or where
    its form has it, not at ``start_s`` (None: not told).
    """

    form: str
    types: tuple[str, ...]
    ids: tuple[str, ...]
    covers: tuple[int, ...] = ()
    unopened: tuple[int, ...]
    alike: tuple[int, ...] = ()
    start_s: float | None = None

    def kept(self, without: Collection[int]) -> list[int]:
        """Which streams a copy without those has, in its order: what is seen, heard and read."""
        taken = ("video", "audio", "subtitle")
        return [index for index, kind in enumerate(self.types) if kind in taken and index not in without]


def read_listing(messages: str) -> Listing | None:
    """Read the log of an ffprobe that failed, of the level "info"; None where it doesn't tell all."""
    form, failed, streams = _FORM.search(messages), _UNOPENED.search(messages), _STREAM.findall(messages)
    if form is None or failed is None or [int(index) for index, *_ in streams] != list(range(len(streams))):
        return None
    first = int(failed.group(1))
    if first >= len(streams):
        return None
    codecs = [(kind, told.split(maxsplit=1)[0].rstrip(",")) for *_, kind, told in streams]
    # The head of one may be damaged; what may not be opened at all need not be tried again and again.
    is_refused = refused_codec(messages) is not None
    alike = [index for index, codec in enumerate(codecs) if codec == codecs[first]]
    unopened = alike if is_refused else [first]
    types = tuple(kind.lower() for *_, kind, _ in streams)
    covers = tuple(index for index, (*_, told) in enumerate(streams) if _COVER in told)
    moving = {index for index, kind in enumerate(types) if kind == "video" and index not in covers}
    start = _START.search(messages)
    return Listing(
        form=form.group(1),
        types=types,
        ids=tuple(its_id for _, its_id, *_ in streams),
        covers=covers,
        unopened=() if moving.intersection(unopened) else tuple(unopened),
        alike=tuple(index for index in alike if index not in moving),
        start_s=float(start.group(1)) if start is not None else None,
    )


def plan_part(listing: Listing, without: Collection[int], name: str, *, max_pixels: int) -> tuple[str, ...]:
    """Arguments of a run that copies what is seen, heard and read of the upload, but these streams, to ``name``."""
    clip = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels, captions=True))
    muxer = _MUXERS.get(listing.form.split(",")[0], "matroska")
    kept = [clip[str(index)] for index in listing.kept(without)]
    return (*_RUN, *ffmpeg.output(*kept, name, c="copy", f=muxer).get_args())


def plan_pictures(source: Source, first_s: float, name: str, *, max_pixels: int) -> tuple[str, ...]:
    """Arguments of a run that copies the picture's first seconds to ``name``, as its only stream."""
    clip = ffmpeg.input(SOURCE_FILE, t=f"{first_s:g}", **input_options(max_pixels=max_pixels))
    muxer = _MUXERS.get(source.container, "matroska")
    output = ffmpeg.output(clip[str(source.video.index)], name, c="copy", f=muxer)
    return (*_RUN, *output.get_args())


def as_of_whole(answer: Mapping[str, object], listing: Listing, without: Collection[int]) -> dict[str, object]:
    """ffprobe's answer about the part, with the streams' numbers, the form and the clock of the whole.

    Of what was left out it has the type.
    """
    kept = listing.kept(without)
    told = answer.get("format")
    form: dict[str, object] = {**(told if isinstance(told, dict) else {}), "format_name": listing.form}
    start_s = number(form, "start_time")
    later_s = listing.start_s - start_s if listing.start_s is not None and start_s is not None else 0.0
    # Where it begins on its clock is not known else: a part of each form has its own.
    form["start_time"] = None if listing.start_s is None else f"{listing.start_s:.6f}"

    def renumbered(streams: object) -> list[dict[str, object]]:
        known = [each for each in items(streams) if int(number(each, "index") or 0) < len(kept)]
        return [named(each, kept[int(number(each, "index") or 0)]) for each in known]

    def named(stream: Mapping[str, object], index: int) -> dict[str, object]:
        marks = stream.get("disposition")
        as_cover = {"attached_pic": 1} if index in listing.covers else {}
        begins_s = number(stream, "start_time")
        begins = {} if begins_s is None else {"start_time": f"{begins_s + later_s:.6f}"}
        marked = {**(marks if isinstance(marks, dict) else {}), **as_cover}
        # The muxer of the part gave it another number.
        return {**stream, **begins, "index": index, "id": listing.ids[index], "disposition": marked}

    left_out = [{"index": index, "codec_type": listing.types[index]} for index in without]
    return {
        **answer,
        "format": form,
        "streams": [*renumbered(answer.get("streams")), *left_out],
        "programs": [{**each, "streams": renumbered(each.get("streams"))} for each in items(answer.get("programs"))],
    }

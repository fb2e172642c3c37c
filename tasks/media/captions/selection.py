"""Captions: which of them an upload carries as text, and what is published of them (`runs` extracts them).

Text tracks (mov_text, SubRip, WebVTT, DVB teletext, CEA-608 tracks) are decoded by the one run that also copies out
ASS (`ass`), the picture's caption units (`line21`) and those in the ancillary data of MXF (SMPTE ST 436); what is found
in the last two takes a second, small one. Bitmap subtitles are no text: they are told of, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from tasks.media.captions import ass, line21
from tasks.media.captions.telemetry import is_telemetry
from tasks.media.captions.teletext import Page
from tasks.media.captions.webvtt import Cue, read_cues
from tasks.media.language import language_name, language_tag
from tasks.media.probed import items
from tasks.media.sound.programmes import candidates
from tasks.media.source import Source
from tasks.media.source_input import RESTARTING_CLOCKS
from tasks.records.base import Notice, Value

FOLDER: Final = "captions"
UNITS_FILE: Final = f"{FOLDER}/units"
PACKETS_FILE: Final = f"{FOLDER}/packets"
INSIDE_FILE: Final = f"{FOLDER}/inside.rcwt"
ANCILLARY_FILE: Final = f"{FOLDER}/ancillary.rcwt"
WHOLE_FILE: Final = "captions.vtt"
UNREADABLE: Final = "captions_unreadable"

TELETEXT: Final = "dvb_teletext"
_LINE_21: Final = "eia_608"
ASS: Final = ("ass", "ssa")
_ANCILLARY: Final = "smpte_436m_anc"
_TEXT: Final = frozenset(
    {"mov_text", "subrip", *ASS, "webvtt", "text", _LINE_21, TELETEXT},
)
_MOST: Final = 16

Kind = Literal["subtitles", "captions"]


class CaptionTrack(Value):
    """A text track of the upload; ``index`` is ffmpeg's. Captions are for the deaf, subtitles for everybody.

    Of teletext with several pages of subtitles each is a track, and ``page`` its number.
    """

    index: int
    page: int | None = None
    codec: str
    language: str | None = None
    kind: Kind = "subtitles"
    is_default: bool = False
    is_forced: bool = False

    @property
    def file(self) -> str:
        """The file that the run writes, in the workspace."""
        page = "" if self.page is None else f"-{self.page}"
        return f"{FOLDER}/{self.index}{page}.{'ass' if self.codec in ASS else 'vtt'}"

    def cues(self, written: bytes, *, zero_s: float) -> tuple[Cue, ...]:
        """The cues that the run wrote; ``zero_s`` is the clip's zero on its clock."""
        read = ass.read_events if self.codec in ASS else read_cues
        return read(written, zero_s=zero_s)


class CaptionSource(Value):
    """What there is to extract. ``zero_s`` is the published clip's zero on the upload's own clock.

    ``unreadable`` names the codecs of the tracks that are no text; ``unit_filter`` is None where the picture's codec
    has no place for captions; ``ancillary`` is the index of the track of ancillary data, if there is one.
    """

    tracks: tuple[CaptionTrack, ...]
    unreadable: tuple[str, ...]
    unit_filter: str | None
    ancillary: int | None
    zero_s: float


class Caption(Value):
    """Captions to publish; ``name`` is their folder below ``hls/``, ``label`` is for a player's menu."""

    name: str
    language: str | None
    label: str
    kind: Kind
    is_default: bool
    is_forced: bool
    cues: tuple[Cue, ...]


def in_several_languages(probe: Mapping[str, object]) -> tuple[tuple[int, str], ...]:
    """The teletext streams with more than one page, and the languages of these, for `subtitle_pages`."""
    teletext = [each for each in items(probe.get("streams")) if each.get("codec_name") == TELETEXT]
    named = [(_index(each), str(_mapping(each.get("tags")).get("language") or "")) for each in teletext]
    return tuple((index, languages) for index, languages in named if "," in languages)[:_MOST]


def find_captions(
    probe: Mapping[str, object], source: Source, pages: Mapping[int, Sequence[Page]] = MappingProxyType({})
) -> CaptionSource:
    """What captions a probed upload has; ``probe`` is ffprobe's JSON, of which ``source`` was read.

    ``pages`` are those of teletext streams, by the stream's index.

    Of a transport stream with several services, only the tracks of the picture's own count, if it has any.
    """
    streams = items(probe.get("streams"))
    subtitles = [each for each in streams if each.get("codec_type") == "subtitle"]
    subtitles = [each for each in subtitles if _index(each) in source.video.companions] or subtitles
    readable = [each for each in subtitles if each.get("codec_name") in _TEXT]
    names = (str(each.get("codec_name") or "unknown") for each in subtitles if each.get("codec_name") not in _TEXT)
    return CaptionSource(
        tracks=tuple(track for each in readable for track in _tracks(each, pages.get(_index(each), ())))[:_MOST],
        unreadable=tuple(dict.fromkeys(names)),
        unit_filter=line21.unit_filter(source.video.codec),
        ancillary=next((_index(each) for each in streams if each.get("codec_name") == _ANCILLARY), None),
        zero_s=_zero_s(probe, source),
    )


def published(found: Sequence[tuple[CaptionTrack | None, tuple[Cue, ...]]]) -> tuple[Caption, ...]:
    """The captions that have text; None as the track stands for captions inside the video.

    What a drone notes down of itself, its pilot's place too, is left out. One of the others is the default: the file's
    own, or else the first that is not only for foreign lines (forced).
    """
    inside = CaptionTrack(index=-1, codec=_LINE_21, kind="captions")
    spoken: list[tuple[CaptionTrack, tuple[Cue, ...]]] = []
    for track, cues in found:
        # Some files say the same twice: as a track, and inside the picture.
        is_new = all(cues != others or (track or inside).language != other.language for other, others in spoken)
        if cues and is_new and not is_telemetry(cues):
            spoken.append((track or inside, cues))
    offered = [track for track, _ in spoken if not track.is_forced]
    default = next((track for track in offered if track.is_default), offered[0] if offered else None)
    made: list[Caption] = []
    for track, cues in spoken:
        is_default = track is default and not any(each.is_default for each in made)
        made.append(
            Caption(
                name=FOLDER if not made else f"{FOLDER}-{len(made) + 1}",
                language=track.language,
                label=_label(track, {each.label for each in made}),
                kind=track.kind,
                is_default=is_default,
                is_forced=track.is_forced,
                cues=cues,
            )
        )
    return tuple(made)


def unreadable_notice(names: Sequence[str]) -> tuple[Notice, ...]:
    """The notice of captions that are left out; none if there are no names."""
    if not names:
        return ()
    message = (
        f"This clip has captions that can't be turned into text and are left out: {', '.join(dict.fromkeys(names))}."
    )
    return (Notice(code=UNREADABLE, message=message),)


def _tracks(stream: Mapping[str, object], pages: Sequence[Page]) -> tuple[CaptionTrack, ...]:
    track = _track(stream)
    if len(pages) < 2:
        return (track,)
    return tuple(
        track.evolve(
            page=each.number,
            language=each.language,
            kind="captions" if each.is_for_the_deaf else track.kind,
            is_default=track.is_default and number == 0,
        )
        for number, each in enumerate(pages)
    )


def _track(stream: Mapping[str, object]) -> CaptionTrack:
    codec, tags, marks = (
        str(stream.get("codec_name")),
        _mapping(stream.get("tags")),
        _mapping(stream.get("disposition")),
    )
    # A teletext track may name several languages, one for each page; the first is that of the first page.
    language = str(tags.get("language") or "").partition(",")[0]
    is_caption = codec == _LINE_21 or bool(marks.get("hearing_impaired")) or bool(marks.get("captions"))
    return CaptionTrack(
        index=_index(stream),
        codec=codec,
        language=language_tag(language),
        kind="captions" if is_caption else "subtitles",
        is_default=bool(marks.get("default")),
        is_forced=bool(marks.get("forced")),
    )


def _label(track: CaptionTrack, taken: set[str]) -> str:
    name = language_name(track.language) if track.language else "Captions"
    name += " (CC)" if track.language and track.kind == "captions" else ""
    name += " (forced)" if track.is_forced else ""
    # RFC 8216, 4.3.4.1.1: names differ within a group.
    return next(each for number in range(1, 99) if (each := f"{name} {number}" if number > 1 else name) not in taken)


def _zero_s(probe: Mapping[str, object], source: Source) -> float:
    used = {source.video.index, *(track.index for programme in candidates(source) for track in programme.tracks)}
    starts = [_number(stream.get("start_time")) for stream in items(probe.get("streams")) if _index(stream) in used]
    known = [start for start in starts if start is not None]
    # There the encode counts from the first of the streams that it reads; of all others from the start of the file.
    if source.container in RESTARTING_CLOCKS and known:
        return min(known)
    return _number(_mapping(probe.get("format")).get("start_time")) or 0.0


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _index(stream: Mapping[str, object]) -> int:
    return int(_number(stream.get("index")) or 0)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None

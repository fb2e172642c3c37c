"""The sound: which of a source's tracks form a programme, and which programmes are published.

A programme is what a listener hears at once: a stereo track, two mono tracks as a broadcaster lays them out (1+2, 3+4,
…), or surround brought down to two channels, in one track or in several that say which channels they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.media.language import language_tag
from tasks.media.sound.channels import KNOWN, channels_of
from tasks.media.source import AudioStream, Recording
from tasks.records.base import Value

MAIN: Final = "audio"
_MOST: Final = 16


class Programme(Value):
    """Sound to publish: one track, a pair of mono tracks, or those of one surround sound.

    ``gain_db`` is applied to the mix, once and linearly.

    ``name`` is its folder below ``hls/``; the main programme is `MAIN`.
    """

    name: str = MAIN
    tracks: tuple[AudioStream, ...]
    gain_db: float = 0.0

    @property
    def language(self) -> str | None:
        """The tracks' language as an RFC 5646 tag, None where the file names none."""
        return language_tag(self.tracks[0].language)

    @property
    def is_downmixed(self) -> bool:
        """Whether more channels were recorded than are published."""
        return sum(track.channels for track in self.tracks) > 2


def candidates(source: Recording) -> tuple[Programme, ...]:
    """All programmes that the tracks can form, in the file's order; commentaries and audio descriptions come last.

    What the file plays by default comes first: QuickTime's tracks may be disabled, Matroska's stand behind others.

    Neighbouring tracks that hold different channels of one surround layout are one sound; so are mono tracks, two by
    two, unless their languages or codecs tell them apart. Of a transport stream with several services, only the tracks
    of the picture's own are taken, if it has any.
    """
    audio = [track for track in source.audio if track.index in source.companions] or source.audio
    found: list[Programme] = []
    waiting: AudioStream | None = None
    together = 0
    for place, track in enumerate(audio):
        if together:
            together -= 1
            continue
        if surround := _surround(audio[place:]):
            if waiting is not None:
                found.append(Programme(tracks=(waiting,)))
                waiting = None
            found.append(Programme(tracks=surround))
            together = len(surround) - 1
            continue
        if waiting is not None and track.channels == 1 and _alike(waiting) == _alike(track):
            found.append(Programme(tracks=(waiting, track)))
            waiting = None
            continue
        if waiting is not None:
            found.append(Programme(tracks=(waiting,)))
        waiting = track if track.channels == 1 else None
        if waiting is None:
            found.append(Programme(tracks=(track,)))
    if waiting is not None:
        found.append(Programme(tracks=(waiting,)))
    return tuple(sorted(found, key=lambda each: (each.tracks[0].is_aside, not each.tracks[0].is_default)))[:_MOST]


def published(sounding: Sequence[Programme], preferred: Sequence[str]) -> tuple[Programme, ...]:
    """One programme for each language, the default one first: the first language of ``preferred`` that is there."""
    by_language: dict[str | None, Programme] = {}
    for programme in sounding:
        by_language.setdefault(programme.language, programme)
    wishes = [language_tag(language) for language in preferred]
    ordered = sorted(
        by_language.values(),
        key=lambda each: wishes.index(each.language) if each.language in wishes else len(wishes),
    )
    return tuple(
        programme.evolve(name=MAIN if number == 0 else f"{MAIN}-{number + 1}")
        for number, programme in enumerate(ordered)
    )


def _alike(track: AudioStream) -> tuple[str | None, str]:
    """What both tracks of a pair have in common."""
    return track.language, track.codec


def _surround(tracks: Sequence[AudioStream]) -> tuple[AudioStream, ...]:
    """The first of these tracks with those that follow it and hold the other channels of a surround sound; or none.

    Where a track is mono nobody knows whether it holds the centre. It is taken to do so only in the midst of others
    that say which channel they hold.
    """
    found: tuple[AudioStream, ...] = ()
    held: list[str] = []
    if len(tracks) < 2 or channels_of(tracks[0].layout)[:1] != ["FL"] or tracks[0].channels > 2:
        return found
    for count, track in enumerate(tracks, start=1):
        channels = channels_of(track.layout)
        if not channels or track.may_change or track.language != tracks[0].language or set(channels) & set(held):
            break
        held += channels
        if count > 1 and set(held) - {"FL", "FR", "FC"} and frozenset(held) in KNOWN:
            found = tuple(tracks[:count])
    return found

"""Examine the sound: measure every programme, then decide which are published, and with which gain."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.arriving import Part
from tasks.adapters.ffmpeg import Urgency
from tasks.errors import SourceRejected
from tasks.media.ladder import AudioRung
from tasks.media.language import language_name
from tasks.media.sound import coded_sound, loudness
from tasks.media.sound.loudness import Measured
from tasks.media.sound.programmes import Programme, candidates, published
from tasks.media.source import Recording
from tasks.pipeline.services import Services
from tasks.records.base import Notice, Value
from tasks.records.clip_facts import Loudness, Sound

log: Final = structlog.get_logger()
# The figures are ffmpeg's last messages, of which 8 KiB are kept; those of one programme take little more than 1 KiB.
_AT_A_TIME: Final = 6


class Heard(Value):
    """The programmes to publish with their gains, the record's facts of them, and notices for the editor.

    ``lengths_s`` are the programmes' as far as they were heard, 0 where that is not known.
    """

    programmes: tuple[Programme, ...] = ()
    facts: tuple[Sound, ...] = ()
    notices: tuple[Notice, ...] = ()
    lengths_s: tuple[float, ...] = ()

    def with_gains_of(self, other: Heard) -> Heard:
        """The same, with the programmes of the other, which were encoded, and their gains in the facts."""
        facts = tuple(
            each.evolve(loudness=each.loudness and each.loudness.evolve(gain_db=programme.gain_db))
            for each, programme in zip(self.facts, other.programmes, strict=True)
        )
        return self.evolve(programmes=other.programmes, facts=facts)


class _Take(Value):
    """A programme that can be decoded; ``measured`` is None if ffmpeg printed no figures."""

    programme: Programme
    measured: Measured | None

    @property
    def is_empty(self) -> bool:
        return self.measured is not None and not self.measured.samples

    @property
    def is_silent(self) -> bool:
        return self.measured is not None and self.measured.is_silent


def listen(
    services: Services,
    folder: Path,
    source: Recording,
    rung: AudioRung,
    *,
    stop: threading.Event | None = None,
    first_s: float | None = None,
    urgency: Urgency = Urgency.ENCODE,
    feed: Part | None = None,
) -> Heard:
    """Measure the sound of the downloaded source in one decode, and decide; without sound nothing is run.

    With ``first_s`` only so many seconds of it are heard, and the decision may not be the last. With ``feed`` that part
    of the upload is heard as it arrives. Tracks that can't be decoded or hold nothing are passed over with a notice,
    and so are those of coded sound (`tasks.media.sound.coded_sound`), and silent ones where others sound.

    Raises:
        TemporarilyUnavailable: ffmpeg was killed, stalled or overran.
        process.Stopped: ``stop`` was set.
    """
    offered: Sequence[Programme] = candidates(source)

    def measure(programmes: Sequence[Programme]) -> list[_Take]:
        arguments = loudness.plan_measure(
            source, programmes, rung, max_pixels=services.settings.max_pixels, first_s=first_s
        )
        timeout_s = 600 + source.duration_s
        try:
            finished = services.ffmpeg.run(
                folder,
                arguments,
                timeout_s=timeout_s,
                on_progress=lambda _: None,
                urgency=urgency,
                stop=stop,
                feed=feed,
            )
        except SourceRejected:
            # One track that ffmpeg can't decode ends the whole run: without it the others may do.
            return [take for each in programmes for take in measure([each])] if len(programmes) > 1 else []
        figures = loudness.read_measured(finished.stderr_tail)
        taken = [_Take(programme=each, measured=figures.get(number)) for number, each in enumerate(programmes)]
        # A part that holds none of it says nothing of the rest.
        return taken if first_s is not None else [take for take in taken if not take.is_empty]

    takes: list[_Take] = []
    for start in range(0, len(offered), _AT_A_TIME):
        takes += measure(offered[start : start + _AT_A_TIME])
    coded = [
        take.programme
        for take in takes
        if take.measured is not None
        and coded_sound.may_be_coded(take.programme, take.measured)
        and is_coded(services, folder, take.programme, urgency=urgency, stop=stop, feed=feed)
    ]
    takes = [take for take in takes if take.programme not in coded]
    offered = [programme for programme in offered if programme not in coded]
    by_tracks = {take.programme.tracks: take for take in takes}
    readable = [take.programme for take in takes]
    sounding = [take.programme for take in takes if not take.is_silent]
    first, chosen = published(readable, rung.languages), published(sounding or readable, rung.languages)
    notices = [*_passed_over(source, offered, readable), *_left_out(source, coded)]
    notices += _replaced(source, first, chosen)
    programmes, facts = [], []
    for programme in chosen:
        measured, gain_db = by_tracks[programme.tracks].measured, 0.0
        if measured is not None:
            gain_db, missed = loudness.gain_for(measured, rung)
            found = (*loudness.judge(measured, programme), *missed)
            name = f"{language_name(programme.language)}: " if len(chosen) > 1 else ""
            notices += [each.evolve(message=name + each.message) for each in found]
        programmes.append(programme.evolve(gain_db=gain_db))
        facts.append(
            Sound(
                language=programme.language,
                tracks=_numbers(source, programme),
                loudness=measured
                and Loudness(
                    integrated_lufs=measured.integrated_lufs,
                    range_lu=measured.range_lu,
                    true_peak_dbtp=measured.true_peak_dbtp,
                    gain_db=gain_db,
                ),
            )
        )
    figures = [by_tracks[programme.tracks].measured for programme in chosen]
    return Heard(
        programmes=tuple(programmes),
        facts=tuple(facts),
        notices=tuple(notices),
        lengths_s=tuple(each.samples / rung.sample_rate if each is not None else 0.0 for each in figures),
    )


def is_coded(
    services: Services,
    folder: Path,
    programme: Programme,
    *,
    urgency: Urgency,
    stop: threading.Event | None,
    feed: Part | None,
    first_s: float = coded_sound.LOOKED_AT_S,
) -> bool:
    """Whether this programme's PCM is Dolby E or the like, by its first seconds.

    Raises:
        TemporarilyUnavailable: ffmpeg was killed, stalled or overran.
        process.Stopped: ``stop`` was set.
    """
    arguments, files = coded_sound.plan_look(programme, max_pixels=services.settings.max_pixels, first_s=first_s)
    paths = [folder / file for file in files]
    try:
        services.ffmpeg.run(folder, arguments, timeout_s=600, urgency=urgency, stop=stop, feed=feed)
        return coded_sound.is_coded(programme.tracks, [path.read_bytes() for path in paths])
    except SourceRejected as error:
        # A damaged beginning; that it could be heard is known.
        log.info("not looked for coded sound", detail=error.detail)
        return False
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _left_out(source: Recording, coded: Sequence[Programme]) -> list[Notice]:
    return [
        Notice(
            code="sound_unreadable",
            message=f"Sound track {_spelt(source, each)} is left out: it is Dolby E or other coded sound, not PCM.",
        )
        for each in coded
    ]


def _passed_over(source: Recording, offered: Sequence[Programme], readable: Sequence[Programme]) -> list[Notice]:
    known = {each.tracks for each in readable}
    count = source.unreadable_audio + sum(len(each.tracks) for each in offered if each.tracks not in known)
    if not count:
        return []
    tracks, them = ("A sound track of this clip is", "it") if count == 1 else (f"{count} sound tracks are", "them")
    return [Notice(code="sound_unreadable", message=f"{tracks} left out: nothing in {them} can be decoded.")]


def _replaced(source: Recording, first: Sequence[Programme], chosen: Sequence[Programme]) -> list[Notice]:
    heard = {each.language: each for each in chosen}
    notices = []
    for programme in first:
        instead = heard.get(programme.language)
        if instead is not None and instead.tracks == programme.tracks:
            continue
        message = f"Sound track {_spelt(source, programme)} is silent"
        message += f"; {_spelt(source, instead)} is heard instead." if instead else " and left out."
        notices.append(Notice(code="track_silent", message=message))
    return notices


def _numbers(source: Recording, programme: Programme) -> tuple[int, ...]:
    return tuple(number for number, track in enumerate(source.audio, start=1) if track in programme.tracks)


def _spelt(source: Recording, programme: Programme) -> str:
    return "+".join(str(number) for number in _numbers(source, programme))

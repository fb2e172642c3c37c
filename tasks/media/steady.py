"""Sound tracks that may change their channels in mid-stream are brought to one layout before they are mixed.

ffmpeg rebuilds a filter graph when its input changes, and the new graph begins at zero: it would put silence before
the rest, as long as all of the sound so far. So such tracks have a graph of their own, which keeps no time;
its output is steady, and a decoder in the same run (ffmpeg's loopback, ``-dec``) hands it on as if recorded like that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.media.ladder import AudioRung
from tasks.media.sound.mix import changing_downmix
from tasks.media.sound.programmes import Programme
from tasks.media.source import AudioStream


def steady(arguments: Sequence[str], programmes: Sequence[Programme], rung: AudioRung) -> tuple[str, ...]:
    """The arguments of a run that mixes these programmes, with tracks that may change read from a steady source.

    Further outputs may follow the arguments: what is added stands before their own.
    """
    made = list(arguments)
    if "-filter_complex" not in made:
        return tuple(made)
    place = made.index("-filter_complex")
    graph = made[place + 1]
    first: list[str] = []
    decoders: list[str] = []
    for programme in programmes:
        for track in programme.tracks:
            used = re.search(rf"\[(\d+:{track.index})\]", graph)
            if not track.may_change or used is None:
                continue
            number = len(decoders) // 2
            first += ["-map", used.group(1), f"-filter:a:{number}", _brought_to_one(track, programme, rung)]
            decoders += ["-dec", f"0:{number}"]
            graph = graph.replace(used.group(0), f"[dec:{number}]")
    if not first:
        return tuple(made)
    # Nothing is lost on the way: the samples stay floating point.
    first += ["-c:a", "pcm_f32le", "-f", "null", "-"]
    return (*made[:place], *first, *decoders, "-filter_complex", graph, *made[place + 2 :])


def _brought_to_one(track: AudioStream, programme: Programme, rung: AudioRung) -> str:
    # Of two mono tracks each is one side, whatever comes later.
    pan = "mono|c0<c0" if len(programme.tracks) > 1 else changing_downmix(track)
    return f"pan={pan},aformat=sample_fmts=flt:sample_rates={rung.sample_rate}"

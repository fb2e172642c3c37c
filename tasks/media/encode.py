"""The encode plan: ffmpeg commands that make all renditions from one decode, and the sound beside them (HLS, CMAF).

Pure: a source and a ladder go in, argument lists come out. Paths in them are relative to the workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import ffmpeg

from tasks.media.colour import scaled
from tasks.media.encoders import encoder_options
from tasks.media.faults import watched
from tasks.media.ladder import Ladder, PlannedRung, climb
from tasks.media.opening import unprobed
from tasks.media.picture import evened, of_one_graph, shown
from tasks.media.shapes import sizes
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme, candidates
from tasks.media.source import Recording, Source, VideoStream
from tasks.media.source_input import RESTARTING_CLOCKS, SOURCE_FILE, input_options, lasting, paced
from tasks.media.steady import steady
from tasks.media.threads import ALL_THREADS, Threads
from tasks.records.base import Value

OUTPUT: Final = "out"
HLS: Final = "hls"
MEDIA_PLAYLIST: Final = "index.m3u8"
PLAYLISTS: Final = f"{OUTPUT}/{HLS}/%v/{MEDIA_PLAYLIST}"
# Each message by itself, so that they can be counted.
HEAD: Final = ("-nostdin", "-hide_banner", "-loglevel", "repeat+warning", "-progress", "pipe:1")

# Sound that is made as fast as it can at first: a few segments.
_SOUND_BURST_S: Final = 6


class Run(Value):
    """One ffmpeg command and what it fills: a folder below ``out/hls/`` for each rung and for each programme."""

    arguments: tuple[str, ...]
    rungs: tuple[PlannedRung, ...] = ()
    sound: tuple[Programme, ...] = ()

    @property
    def tracks(self) -> tuple[str, ...]:
        """The folders' names."""
        return (*(rung.name for rung in self.rungs), *(programme.name for programme in self.sound))


class EncodePlan(Value):
    """How the video is made: ``runs``, one after the other; ``rungs`` are all to be published, tallest first.

    The first run looks for faults of the picture (`tasks.media.faults`) while it makes the smallest rung.
    """

    runs: tuple[Run, ...]
    rungs: tuple[PlannedRung, ...]
    mp4_rung: PlannedRung


def plan_encode(
    source: Source,
    ladder: Ladder,
    *,
    max_pixels: int,
    copied: PlannedRung | None = None,
    threads: Threads = ALL_THREADS,
) -> EncodePlan:
    """All video renditions in one decode; with the ladder's smallest rung first, in two.

    ``copied`` is a rung that exists already, out of the source's own pictures; key frames then stand where it has them.
    """
    fitting = climb(ladder, source.video)
    if copied is not None:
        kept = [rung for rung in fitting if not copied.replaces(rung)]
        rungs = tuple(sorted([copied, *kept], key=lambda rung: -min(rung.width, rung.height)))
    else:
        rungs = fitting
    made = tuple(rung for rung in rungs if rung != copied)
    smallest = next((rung for rung in reversed(made) if rung.codec == "h264"), rungs[-1])
    first = (smallest,) if ladder.start.smallest_first and len(made) > 1 else made
    rest = tuple(rung for rung in made if rung not in first)

    def run(some: tuple[PlannedRung, ...], seen: PlannedRung | None) -> Run:
        beside = copied is not None
        return _pictures(source, ladder, some, max_pixels=max_pixels, seen=seen, beside_copy=beside, threads=threads)

    runs = [run(first, smallest), *([run(rest, None)] if rest else [])]
    return EncodePlan(runs=tuple(runs), rungs=rungs, mp4_rung=_mp4_rung(rungs, ladder.mp4.max_height))


def plan_sound(
    source: Source, ladder: Ladder, programmes: Sequence[Programme], *, max_pixels: int, pace: float | None = None
) -> Run:
    """The programmes, mixed and encoded in a run of their own, so that they can be measured beside the video's encode.

    With ``pace``, so many seconds of it are made in a second once its beginning is there.
    """
    options = input_options(max_pixels=max_pixels) | unprobed(source)
    if pace is not None:
        options |= paced(pace, _SOUND_BURST_S)
    clip = ffmpeg.input(SOURCE_FILE, **options)
    streams = [mixed(clip, programme, ladder.audio) for programme in programmes]
    coded: dict[str, object] = {"c:a": "aac", "b:a": ladder.audio.bitrate_bps}
    coded |= hls_options([f"a:{number},name:{programme.name}" for number, programme in enumerate(programmes)], ladder)
    output = ffmpeg.output(*streams, PLAYLISTS, **coded)
    used = {track.index for programme in programmes for track in programme.tracks}
    arguments = steady(output.get_args(), programmes, ladder.audio)
    return Run(arguments=(*HEAD, *arguments, *in_step(source, used)), sound=tuple(programmes))


def plan_mp4(rung: PlannedRung, programme: Programme | None) -> tuple[str, ...]:
    """Arguments of a run that copies one rung and the sound into a progressive MP4, index first; nothing is encoded."""
    # Both inputs keep the times of the run that made them, or sound and picture would each start at zero.
    inputs = [ffmpeg.input(f"{OUTPUT}/{HLS}/{rung.name}/{MEDIA_PLAYLIST}")["v"]]
    if programme is not None:
        inputs.append(ffmpeg.input(f"{OUTPUT}/{HLS}/{programme.name}/{MEDIA_PLAYLIST}")["a"])
    output = ffmpeg.output(*inputs, f"{OUTPUT}/{mp4_path(rung)}", c="copy", movflags="+faststart", copyts=None)
    return ("-nostdin", "-hide_banner", "-loglevel", "warning", *output.get_args())


def mp4_path(rung: PlannedRung) -> str:
    """Where a rung's progressive MP4 stands below the version prefix."""
    return f"mp4/{rung.name}.mp4"


def _mp4_rung(rungs: Sequence[PlannedRung], max_height: int) -> PlannedRung:
    playable = [rung for rung in rungs if rung.codec == "h264"]
    return next((rung for rung in playable if min(rung.width, rung.height) <= max_height), playable[-1])


def _pictures(
    source: Source,
    ladder: Ladder,
    rungs: tuple[PlannedRung, ...],
    *,
    max_pixels: int,
    seen: PlannedRung | None,
    beside_copy: bool,
    threads: Threads,
) -> Run:
    """One decode for these rungs. The rung ``seen`` is checked for faults on its way to its encoder, or to nowhere."""
    video = source.video
    # What was seen of the picture before its size or colours changed is to be told, too.
    options = input_options(max_pixels=max_pixels, video=video) | lasting(source)
    options |= threads.of_decoder | of_one_graph(video)
    sizes = rungs or ((seen,) if seen else ())
    streams = _cascade(ffmpeg.input(SOURCE_FILE, **options)[str(video.index)], video, sizes)
    looks = []
    if seen is not None:
        place = sizes.index(seen)
        streams[place], look = watched(streams[place], seen.frame_rate)
        looks.append(look)
    gop = max(1, round(sizes[0].frame_rate * Fraction(ladder.gop_s)))
    if rungs:
        options = encoder_options(rungs, preset=ladder.preset, gop=gop, as_in_source=beside_copy, threads=threads)
        options |= hls_options([f"v:{number},name:{rung.name}" for number, rung in enumerate(rungs)], ladder)
        output = ffmpeg.output(*streams, PLAYLISTS, **options)
    else:
        output = ffmpeg.output(*streams, "-", format="null")
    # Frames are counted in the first output.
    arguments = ffmpeg.merge_outputs(output, *looks).get_args()
    return Run(arguments=(*HEAD, *threads.of_filters, *arguments, *in_step(source, {video.index})), rungs=rungs)


def in_step(source: Recording, used: set[int]) -> tuple[str, ...]:
    """If clocks may restart, ffmpeg counts from the first of the streams that it reads: all runs must read the same."""
    if source.container not in RESTARTING_CLOCKS:
        return ()
    tracks = [track.index for programme in candidates(source) for track in programme.tracks]
    pictures = {source.video.index} if isinstance(source, Source) else set()
    others = sorted(({*tracks} | pictures) - used)
    maps = [argument for index in others for argument in ("-map", f"0:{index}")]
    return (*maps, "-c", "copy", "-f", "null", "-") if maps else ()


def hls_options(streams: Sequence[str], ladder: Ladder) -> dict[str, object]:
    """Options of an HLS output with CMAF segments; ``streams`` are entries of its stream map."""
    return {
        "map_metadata": -1,
        "map_chapters": -1,
        "format": "hls",
        "hls_time": f"{ladder.segment_s:g}",
        "hls_playlist_type": "event",
        "hls_segment_type": "fmp4",
        # A name that a playlist or a folder shows is a whole file: uploads run beside the encode.
        "hls_flags": "independent_segments+temp_file",
        "hls_segment_options": "movflags=+cmaf",
        # What lies before 0 is for decoders only, and edit lists take it off in every track alike. Moved to 0 it would
        # need empty edits, which browsers pass over: they would play the sound too early.
        "avoid_negative_ts": "disabled",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": f"{OUTPUT}/{HLS}/%v/%05d.m4s",
        "var_stream_map": " ".join(streams),
    }


def _cascade(
    picture: ffmpeg.nodes.FilterableStream, video: VideoStream, rungs: tuple[PlannedRung, ...]
) -> list[ffmpeg.nodes.FilterableStream]:
    """Each rung is scaled from the next larger one, which costs a quarter less than all from the source."""
    rate = rungs[0].frame_rate
    # A picture that begins after the sound is held from the start on (fps_mode cfr), so both stay in step.
    # A last picture that isn't said to last is shown for a tick of its clock: rounded as others are, not at all. And
    # the begin of an only one could be rounded to its end.
    end = {} if video.rate_is_sure and not video.is_alone else {"eof_action": "pass"}
    begin = {"start_time": 0} if video.is_alone else {}
    stream = evened(shown(picture, video, rate=rate), video).filter("fps", str(rate), **begin, **end)
    if video.held:
        stream = stream.filter("tpad", stop_mode="clone", stop_duration=f"{video.held / float(video.frame_rate):.6f}")
    made = []
    for number, rung in enumerate(rungs):
        if number == 0:
            stream = scaled(stream, video.colour, rung.width, rung.height, within=sizes(video, rung.width, rung.height))
        else:
            # Nearer to the exact result than ffmpeg's own ``scale``, in less than two thirds of its time.
            stream = stream.filter("zscale", rung.width, rung.height, filter="lanczos").filter("setsar", 1)
        if number + 1 < len(rungs):
            split = stream.split()
            made.append(split[0])
            stream = split[1]
        else:
            made.append(stream)
    return made

"""Direct publication: a source whose video players accept as it is, is packaged by copy and playable at once.

Where such a source complies with a rung of the ladder, its copy is that rung for good, and the others put their key
frames where it has them; otherwise it gives way to the ladder when that is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import ffmpeg

from tasks.media.encode import HEAD, PLAYLISTS, Run, hls_options, in_step
from tasks.media.ladder import Ladder, PlannedRung, climb
from tasks.media.mp4.boxes import Fragment, Header, find
from tasks.media.package import MediaPlaylist, Track
from tasks.media.parameter_sets import Told
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import candidates, published
from tasks.media.source import AudioStream, Source
from tasks.media.source_input import SOURCE_FILE, input_options, paced
from tasks.media.steady import steady
from tasks.records.base import Value
from tasks.records.keys import ORIGINAL

PASSING_SOUND: Final = f"{ORIGINAL}-audio"
_CONTAINERS: Final = ("mov", "matroska", "mpegts", "flv")
# Streams that were recorded as they came may lack packets anywhere, and have no index of their key frames.
_FOR_GOOD: Final = ("mov", "matroska")
_INDEXED: Final = "mov"
_PROFILES: Final = ("Constrained Baseline", "Baseline", "Main", "High")
# What players guess of a file that does not tell is one of these, by its size.
# Their code points (ITU-T H.273), of which some mean the same.
_MATRICES: Final = {"bt709": (1,), "smpte170m": (6, 5)}
_PRIMARIES: Final = {
    **{"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "film": 8, "bt2020": 9},
    **{"smpte428": 10, "smpte431": 11, "smpte432": 12, "jedec-p22": 22, "ebu3213": 22},
}
_VIDEO: Final = 1
_HDR_TRANSFERS: Final = (16, 18)
_FASTEST: Final = 61
_IDR: Final = 5
# What the ladder allows itself: a buffer of two seconds of the cap.
_PEAK: Final = 2
# A file with so many times a rung's bits has too many in its picture alone, whatever its sound takes.
_FAR_TOO_MANY: Final = 2
# What has to give way is copied no faster than anybody loads it, in seconds of it in one second: to copy and upload
# half a gigabyte at once would take the processor from all that people wait for. The ladder is slower than that.
_PACE: Final = 8.0
_BURST_S: Final = 4
_LONGEST_SEGMENTS: Final = 2
# Sound that is heard until the ladder's own is there: ffmpeg's thorough search would take half a core at that pace.
_QUICK_AAC: Final = {"c:a": "aac", "aac_coder": "fast"}
SHORT_S: Final = 30.0
"""A clip that lasts no longer, in seconds, may be one segment."""

LONGEST_SEGMENT_S: Final = 20.0
"""Of other clips. ffmpeg holds a segment in memory until it is whole, and so does a player."""


class Direct(Value):
    """The run that copies, the rung it makes, and the ladder's rung that it would be, if any."""

    run: Run
    rung: PlannedRung
    stands_for: PlannedRung | None


def plan_direct(
    source: Source,
    ladder: Ladder,
    *,
    size_bytes: int,
    max_pixels: int,
    pace: float = _PACE,
    tells_the_same: bool = True,
) -> Direct | None:
    """How to package the source's own video; None if players would not accept it as it is.

    ``size_bytes`` is the upload's. Where the ladder does not wait for the copy, ``pace`` seconds of it are made in a
    second. The main sound programme goes with it: copied if it is AAC, else encoded as it is. Unless what the coded
    pictures say of themselves ``tells_the_same`` as the container (`tells_the_same`), it is written anew.
    """
    bitrate_bps = round(size_bytes * 8 / source.duration_s) if source.duration_s else 0
    if not (_is_playable(source) and 0 < bitrate_bps <= ladder.start.copy_max_bitrate_bps):
        return None
    video = source.video
    rung = PlannedRung(
        name=ORIGINAL,
        width=video.width,
        height=video.height,
        frame_rate=video.frame_rate,
        crf=0,
        max_bitrate_bps=bitrate_bps,
    )
    fitting = climb(ladder, video)
    # Only x264 is known to put its key frames exactly where another stream has them; and rungs are all of one colour.
    may_stand = (
        source.container in _FOR_GOOD and all(each.codec == "h264" for each in fitting) and video.colour.is_plain
    )
    alike = [
        each
        for each in fitting
        if may_stand and rung.replaces(each) and bitrate_bps <= _FAR_TOO_MANY * each.max_bitrate_bps
    ]
    options_of_pace = {} if alike else paced(max(_PACE, pace), _BURST_S)
    clip = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels), **options_of_pace)
    streams, options = [clip[str(video.index)]], {"c:v": "copy"}
    if not tells_the_same:
        # Players believe the stream, and would show otherwise what the container, and so the ladder, shows as it is.
        matrix, primaries = _MATRICES[video.colour.matrix][0], _PRIMARIES.get(video.colour.primaries, 1)
        colours = f"colour_primaries={primaries}:transfer_characteristics={_VIDEO}:matrix_coefficients={matrix}"
        options["bsf:v"] = f"h264_metadata=sample_aspect_ratio=1/1:{colours}:video_full_range_flag=0"
    sound = tuple(each.evolve(name=PASSING_SOUND) for each in published(candidates(source), ladder.audio.languages)[:1])
    tracks = [f"v:0,name:{ORIGINAL}"]
    for programme in sound:
        track = programme.tracks[0]
        is_taken = len(programme.tracks) == 1 and _is_played(track)
        streams.append(clip[str(track.index)] if is_taken else mixed(clip, programme, ladder.audio))
        options |= {"c:a": "copy"} if is_taken else _QUICK_AAC | {"b:a": str(ladder.audio.bitrate_bps)}
        tracks.append(f"a:0,name:{PASSING_SOUND}")
    output = ffmpeg.output(*streams, PLAYLISTS, **options, **hls_options(tracks, ladder))
    used = {video.index, *(track.index for programme in sound for track in programme.tracks)}
    arguments = (*HEAD, *steady(output.get_args(), sound, ladder.audio), *in_step(source, used))
    return Direct(
        run=Run(arguments=arguments, rungs=(rung,), sound=sound),
        rung=rung,
        stands_for=alike[0] if alike else None,
    )


def tells_the_same(told: Sequence[Told], source: Source) -> bool:
    """Whether the H.264 parameter sets agree with the container."""
    colour = source.video.colour
    # What is not told Chromium takes for BT.709 in HLS, however small the picture; told in part, it guesses by its size
    # in the MP4.
    matrices = (None, 1) if colour.matrix == "bt709" else _MATRICES.get(colour.matrix, ())
    return bool(told) and all(
        each.pixel_aspect in (None, 1)
        and not each.is_full_range
        and each.matrix in matrices
        and each.primaries in (None, _PRIMARIES.get(colour.primaries))
        and each.transfer not in _HDR_TRANSFERS
        and (each.matrix is None or None not in (each.primaries, each.transfer))
        for each in told
    )


def has_index(source: Source) -> bool:
    """Whether its container tells where its key frames lie before they are read; Matroska's index is at its end."""
    return source.container == _INDEXED


def is_cut_as(ladder: Ladder, playlist: MediaPlaylist) -> bool:
    """Whether no segment is longer than a ladder's may be; players load each of them whole."""
    longest_s = max((duration_s for _, duration_s in playlist.segments), default=0.0)
    return 0 < longest_s <= ladder.segment_s * _LONGEST_SEGMENTS


def complies(
    direct: Direct, ladder: Ladder, track: Track, header: Header, playlist: MediaPlaylist, fragments: Sequence[Fragment]
) -> bool:
    """Whether the finished copy is as good as the rung it stands for, by its rates, its times and its segments."""
    wanted = direct.stands_for
    if wanted is None or not playlist.is_complete:
        return False
    frame = Fraction(1) / wanted.frame_rate
    frames = sum(fragment.samples for fragment in fragments)
    return (
        track.average_bps <= wanted.max_bitrate_bps
        and track.peak_bps <= wanted.max_bitrate_bps * _PEAK
        and is_cut_as(ladder, playlist)
        and abs(Fraction(fragments[0].start, header.timescale)) < frame / 2
        # A steady rate, with no frame missing or too many.
        and abs(Fraction(sum(fragment.duration for fragment in fragments), header.timescale) - frames * frame) < frame
    )


def is_idr(sample: bytes, header: Header) -> bool:
    """Whether an access unit of H.264 is an instantaneous decoding refresh: nothing after it refers to what was before.

    Files mark key frames of open GOPs as sync samples too, where decoding may begin but players can't switch. The NAL
    units lie as ISO/IEC 14496-15 has them, each behind its length; their types are those of ITU-T H.264, table 7-1.
    """
    record = find(header.configuration, "avcC")
    if record is None or len(record) < 5:
        return False
    width = (record[4] & 3) + 1
    place = 0
    while place + width < len(sample):
        if sample[place + width] & 0x1F == _IDR:
            return True
        place += width + int.from_bytes(sample[place : place + width])
    return False


def _is_played(track: AudioStream) -> bool:
    return track.codec == "aac" and track.profile == "LC" and track.channels <= 2 and not track.may_change


def _is_playable(source: Source) -> bool:
    video, colour = source.video, source.video.colour
    return (
        source.container in _CONTAINERS
        and video.codec == "h264"
        and video.profile in _PROFILES
        and video.pixel_format == "yuv420p"
        and not video.is_interlaced
        and video.is_as_coded
        # A film's index begins with one.
        and (has_index(source) or video.begins_with_key_frame)
        # A copy has room for one description.
        and not video.changes_coding
        and (video.width, video.height) == (video.coded_width, video.coded_height)
        and video.width % 2 == 0
        and video.height % 2 == 0
        and video.rate_is_sure
        and video.frame_rate <= _FASTEST
        and colour.dynamic_range == "sdr"
        and colour.matrix in _MATRICES
        and not colour.full_range
    )

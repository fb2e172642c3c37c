"""ffprobe in the cage: asks what a file is, in bounded time."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tasks.adapters import machine_faults, process
from tasks.adapters.cage import MAX_ALLOCATION_BYTES, Cage, Limits
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import probed, restarts, timing
from tasks.media.decoders import DECODERS_WITH_CAPTIONS, without_lists
from tasks.media.partial import Listing, read_listing
from tasks.media.source_input import DEMUXERS, RESTARTING_CLOCKS, SOURCE_FILE
from tasks.media.unreadable import unreadable

_LIMITS: Final = Limits(memory_bytes=2 * 1024**3, output_bytes=1024**2, cpu_s=60)
# One spelling of what an upload may open, so that no call forgets it.
_UNTRUSTED: Final = (
    *("-v", "error", "-max_alloc", str(MAX_ALLOCATION_BYTES)),
    *("-format_whitelist", DEMUXERS, "-codec_whitelist", DECODERS_WITH_CAPTIONS, "-protocol_whitelist", "file"),
)
_TIMEOUT_S: Final = 30.0
KEY_FRAMES_OF_S: Final = 30
RATE_OF_S: Final = 20
_PACE_OF_S: Final = 5
_LOOKED_AT_PACKETS: Final = 16
# Tracks begin and end by so much apart, and lose packets on their way.
_SAME_S: Final = 1.0
_NOT_STARTED: Final = "probe_not_started"
# A line of its dumps: the place, and sixteen bytes in hexadecimal, by twos.
_DUMPED: Final = re.compile(r"[0-9a-f]{8}: (?=[0-9a-f ]{41})[0-9a-f]{2}")


class Ffprobe:
    """Runs ffprobe on files of a workspace."""

    def __init__(self, program: Path, cage: Cage) -> None:
        self._program = program
        self._cage = cage

    def source(
        self,
        folder: Path,
        name: str,
        *,
        max_pixels: int,
        measures_length: bool = True,
        stop: threading.Event | None = None,
    ) -> dict[str, object]:
        """The container, the streams and the first packets of an untrusted file, as ffprobe's JSON.

        With ``measures_length``, a duration that the container doesn't tell or can't know
        (`tasks.media.timing.is_length_told`), or that a clock which may start anew makes doubtful
        (`tasks.media.restarts`), is measured, unless reading all of the file takes half a minute.

        Raises:
            SourceRejected: it can't be read (``unreadable``, ``probe_overran``).
            TemporarilyUnavailable: ffprobe could not run (``probe_not_started``), was killed (``probe_killed``), or the
                machine failed under it (`machine_faults`); so with the calls below.
            process.Stopped: ``stop`` was set; so with the calls below.
        """
        arguments = [*_UNTRUSTED, "-max_pixels", str(max_pixels), "-show_format", "-show_programs", "-show_streams"]
        arguments += ["-show_stream_groups"]
        # Only packets tell that they are encrypted.
        arguments += ["-show_packets", "-read_intervals", f"%+#{_LOOKED_AT_PACKETS}", "-of", "json", name]
        try:
            finished = self._run(folder, arguments, stop)
        except process.Overran as error:
            raise SourceRejected(
                "probe_overran", "This file can't be read: it keeps the reader busy without end.", str(error)
            ) from error
        try:
            answer = json.loads(finished.stdout or b"{}")
        except ValueError:
            answer = {}
        if finished.exit_code != 0 or not isinstance(answer, dict):
            raise unreadable(finished.stderr_tail)
        form = answer.get("format")
        if measures_length and isinstance(form, dict):
            length_s = self._measured_length_s(folder, name, form, probed.items(answer.get("streams")), stop)
            if length_s is not None:
                form["duration"] = f"{length_s:.6f}"
                for each in probed.items(answer.get("streams")):
                    _forget_length(each)
        return answer

    def listing(
        self, folder: Path, name: str, *, max_pixels: int, stop: threading.Event | None = None
    ) -> Listing | None:
        """What the log says of an untrusted file that `source` refused; None where it doesn't name a stream.

        Raises:
            TemporarilyUnavailable: as `source`.
        """
        guards = _UNTRUSTED[_UNTRUSTED.index("-max_alloc") :]
        try:
            finished = self._run(
                folder, ["-v", "info", "-hide_banner", *guards, "-max_pixels", str(max_pixels), name], stop
            )
        except process.Overran:
            return None
        return read_listing(without_lists(finished.stderr_tail))

    def _measured_length_s(
        self,
        folder: Path,
        name: str,
        form: Mapping[str, object],
        streams: Sequence[Mapping[str, object]],
        stop: threading.Event | None,
    ) -> float | None:
        """How many seconds the file lasts, where its container's word is not to be had or believed; else None."""
        if not timing.is_length_told(form):
            # Matroska and WebM that were sent live don't tell; by the times of two pictures they may yet be days long.
            # The picture's span; "V" passes over attached stills. Without one, the sound's.
            spans = (self._span_s(folder, name, track, stop) for track in ("V:0", "a:0"))
            return next((each for each in spans if each is not None), None)
        if str(form.get("format_name")) not in RESTARTING_CLOCKS:
            return None
        told_s, entries = probed.number(form, "duration") or 0.0, "dts_time,size"
        begun = self._packet_fields(folder, name, None, first_s=_PACE_OF_S, stop=stop, entries=entries)
        if not restarts.is_doubtful(_numbers(begun), probed.number(form, "size") or 0, told_s):
            return None
        entries = "stream_index,dts_time,duration_time"
        # Captions may be silent for longer than any clock stands still.
        packets: dict[str, list[list[str]]] = {
            str(each.get("index")): [] for each in streams if each.get("codec_type") in ("audio", "video")
        }
        for index, *times in self._packet_fields(folder, name, None, first_s=None, stop=stop, entries=entries):
            packets.get(index, []).append(times)
        length_s = restarts.played_s([_numbers(each) for each in packets.values()])
        return length_s if length_s and abs(length_s - told_s) >= _SAME_S else None

    def _span_s(self, folder: Path, name: str, stream: str, stop: threading.Event | None) -> float | None:
        """The time, in seconds, between the stream's first and last packets; None where they have no times.

        A stream without a container has none; its packets have at least lengths, by the rate that it claims.
        """
        fields = self._packet_fields(folder, name, stream, first_s=None, stop=stop, entries="pts_time,duration_time")
        times = [time_s for field in fields if (time_s := _seconds(field[0])) is not None]
        if times:
            return max(times) - min(times)
        lengths = [length_s for field in fields if len(field) > 1 and (length_s := _seconds(field[1])) is not None]
        return sum(lengths) if lengths else None

    def key_frame_gap_s(
        self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None
    ) -> float | None:
        """The longest time, in seconds, between two key frames within the first half minute; None if there are not two.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, first_s=KEY_FRAMES_OF_S, stop=stop)
        times = [_seconds(field[0]) for field in fields if len(field) > 1 and field[1].startswith("K")]
        known = sorted(time_s for time_s in times if time_s is not None)
        return max((later - earlier for earlier, later in itertools.pairwise(known)), default=None)

    def extradata(self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None) -> bytes:
        """What the container says of the stream to its decoder; nothing where it can't be read."""
        arguments = [*_UNTRUSTED, "-select_streams", str(stream), "-show_data"]
        arguments += ["-show_entries", "stream=extradata", "-of", "default=nw=1:nk=1", name]
        try:
            told = self._run(folder, arguments, stop).stdout.decode("ascii", "replace")
        except process.Overran:
            return b""
        return b"".join(bytes.fromhex(line[10:51]) for line in told.splitlines() if _DUMPED.match(line))

    def packet_times_s(
        self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None
    ) -> list[float]:
        """The presentation times, in seconds and in the file's order, of the packets of the first twenty seconds.

        Packets that the file says are not to be shown (before an edit list's start) are left out.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, first_s=RATE_OF_S, stop=stop)
        times = [_seconds(field[0]) for field in fields if len(field) > 1 and "D" not in field[1]]
        return [time_s for time_s in times if time_s is not None]

    def _packet_fields(
        self,
        folder: Path,
        name: str,
        stream: int | str | None,
        *,
        first_s: int | None,
        stop: threading.Event | None,
        entries: str = "pts_time,flags",
    ) -> list[list[str]]:
        """These entries of each packet (of a stream) of the first seconds; none where reading them took too long."""
        arguments = [*_UNTRUSTED, *(() if stream is None else ("-select_streams", str(stream)))]
        arguments += ["-read_intervals", f"%+{first_s}"] if first_s is not None else []
        arguments += ["-show_entries", f"packet={entries}", "-of", "csv=p=0", name]
        try:
            lines = self._run(folder, arguments, stop).stdout.decode("ascii", "replace").splitlines()
        except process.Overran:
            return []
        return [line.split(",") for line in lines]

    def packets(self, folder: Path, name: str) -> tuple[int, int, int]:
        """Width, height and number of pictures of a file that we made ourselves, counted without decoding.

        Raises:
            TemporarilyUnavailable: it can't be read: the encoder left a damaged file (``encoder_output_damaged``).
        """
        arguments = ["-v", "error", "-select_streams", "v:0", "-count_packets"]
        arguments += ["-show_entries", "stream=width,height,nb_read_packets", "-of", "json", name]
        try:
            finished = self._run(folder, arguments)
            stream = json.loads(finished.stdout)["streams"][0]
            return int(stream["width"]), int(stream["height"]), int(stream["nb_read_packets"])
        except (process.Overran, ValueError, LookupError) as error:
            raise TemporarilyUnavailable(
                "encoder_output_damaged", "The encoder made a damaged file.", f"{name}: {error!r}"
            ) from error

    def _run(self, folder: Path, arguments: list[str], stop: threading.Event | None = None) -> process.Finished:
        try:
            finished = process.run(
                self._program,
                arguments,
                folder=folder,
                cage=self._cage,
                limits=_LIMITS,
                timeout_s=_TIMEOUT_S,
                stop=stop,
            )
        except (process.NotStarted, OSError) as error:
            raise TemporarilyUnavailable(_NOT_STARTED, "The file could not be examined.", str(error)) from error
        if finished.exit_code < 0:
            raise TemporarilyUnavailable(
                "probe_killed", "Reading the file was interrupted.", f"signal {-finished.exit_code}"
            )
        if finished.exit_code != 0:
            fault = machine_faults.of_program(
                finished.stderr_tail,
                folder,
                reads_upload=SOURCE_FILE in arguments,
                not_started=_NOT_STARTED,
                stop=stop,
            )
            if fault is not None:
                raise fault
        return finished


def _forget_length(stream: object) -> None:
    """Take out what a stream's length was said to be, by the clock that is not believed."""
    if isinstance(stream, dict):
        stream.pop("duration", None)
        if isinstance(tags := stream.get("tags"), dict):
            tags.pop("DURATION", None)


def _numbers(fields: list[list[str]]) -> list[tuple[float, float]]:
    """The first two entries of each packet that has both."""
    pairs = ((_seconds(field[0]), _seconds(field[1])) for field in fields if len(field) > 1)
    return [(one, two) for one, two in pairs if one is not None and two is not None]


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

"""ffprobe in the cage: asks what a file is, in bounded time."""

from __future__ import annotations

import itertools
import json
import math
import re
import threading
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from tasks.adapters import machine_faults, probe_length, process
from tasks.adapters.cage import MAX_ALLOCATION_BYTES, Cage, Limits
from tasks.adapters.probe_length import seconds
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.decoders import DECODERS_WITH_CAPTIONS, without_lists
from tasks.media.opening import FURTHER
from tasks.media.partial import Listing, read_listing
from tasks.media.source_input import DEMUXERS, SOURCE_FILE
from tasks.media.stream_reading import is_picture_late
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
_LOOKED_AT_PACKETS: Final = 16
# A listing takes a few hundred bytes for each stream, and what was written of it besides.
_LISTING_BYTES: Final = 256 * 1024
_FURTHER: Final = tuple(str(word) for name, value in FURTHER.items() for word in (f"-{name}", value))
_NOT_STARTED: Final = "probe_not_started"
_BESIDE: Final = "Matroska BlockAdditional"
# A line of its dumps: the place, and sixteen bytes in hexadecimal, by twos.
_DUMPED: Final = re.compile(r"[0-9a-f]{8}: (?=[0-9a-f ]{41})[0-9a-f]{2}")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stream's packets, and between which times, in seconds on the file's clock, they are shown or heard."""

    packets: int = 0
    begins_s: float = math.inf
    ends_s: float = -math.inf

    def with_packet(self, begins_s: float | None, lasts_s: float) -> Span:
        """With one packet more, which may have no time."""
        if begins_s is None:
            return replace(self, packets=self.packets + 1)
        return Span(
            packets=self.packets + 1,
            begins_s=min(self.begins_s, begins_s),
            ends_s=max(self.ends_s, begins_s + lasts_s),
        )


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
        (`tasks.media.transport.restarts`), is measured, unless reading all of the file takes half a minute.

        Raises:
            SourceRejected: it can't be read (``unreadable``, ``probe_overran``).
            TemporarilyUnavailable: ffprobe could not run (``probe_not_started``), was killed (``probe_killed``), or the
                machine failed under it (`machine_faults`); so with the calls below.
            process.Stopped: ``stop`` was set; so with the calls below.
        """
        answer = self._answer(folder, name, max_pixels, (), stop)
        if is_picture_late(answer):
            answer = self._answer(folder, name, max_pixels, _FURTHER, stop)
        if measures_length:
            probe_length.correct(answer, partial(self._packet_fields, folder, name, stop=stop))
        return answer

    def _answer(
        self, folder: Path, name: str, max_pixels: int, further: tuple[str, ...], stop: threading.Event | None
    ) -> dict[str, object]:
        arguments = [*_UNTRUSTED, *further, "-max_pixels", str(max_pixels), "-show_format", "-show_programs"]
        arguments += ["-show_streams", "-show_stream_groups"]
        # Only packets tell that they are encrypted.
        arguments += ["-show_packets", "-read_intervals", f"%+#{_LOOKED_AT_PACKETS}", "-of", "json", name]
        try:
            finished = self._run(folder, arguments, stop)
        except process.Overran as error:
            raise SourceRejected(
                "probe_overran", "This file can't be read: examining it does not come to an end.", str(error)
            ) from error
        try:
            answer = json.loads(finished.stdout or b"{}")
        except ValueError:
            answer = {}
        if finished.exit_code != 0 or not isinstance(answer, dict):
            raise unreadable(finished.stderr_tail)
        return answer

    def listing(
        self, folder: Path, name: str, *, max_pixels: int, stop: threading.Event | None = None
    ) -> Listing | None:
        """What ffprobe's log says of an untrusted file that `source` refused; None if it names no stream.

        Raises:
            TemporarilyUnavailable: as `source`.
        """
        guards = _UNTRUSTED[_UNTRUSTED.index("-max_alloc") :]
        try:
            arguments = ["-v", "info", "-hide_banner", *guards, "-max_pixels", str(max_pixels), name]
            finished = self._run(folder, arguments, stop, tail_bytes=_LISTING_BYTES)
        except process.Overran:
            return None
        return read_listing(without_lists(finished.stderr_tail))

    def key_frame_gap_s(
        self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None
    ) -> float | None:
        """The longest time, in seconds, between two key frames within the first half minute; None if there are not two.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, first_s=KEY_FRAMES_OF_S, stop=stop)
        times = [seconds(field[0]) for field in fields if len(field) > 1 and field[1].startswith("K")]
        known = sorted(time_s for time_s in times if time_s is not None)
        return max((later - earlier for earlier, later in itertools.pairwise(known)), default=None)

    def extradata(self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None) -> bytes:
        """The stream's extradata (what the container has for its decoder); nothing if it can't be read."""
        arguments = [*_UNTRUSTED, "-select_streams", str(stream), "-show_data"]
        arguments += ["-show_entries", "stream=extradata", "-of", "default=nw=1:nk=1", name]
        try:
            told = self._run(folder, arguments, stop).stdout.decode("ascii", "replace")
        except process.Overran:
            return b""
        return b"".join(bytes.fromhex(line[10:51]) for line in told.splitlines() if _DUMPED.match(line))

    def packet_times_s(
        self, folder: Path, name: str, stream: int, *, from_s: float | None = None, stop: threading.Event | None = None
    ) -> list[float]:
        """The presentation times, in seconds and in the file's order, of the packets of the first twenty seconds.

        With ``from_s``, on the file's own clock, of about twenty seconds from there. Packets that the file says are not
        to be shown (before an edit list's start) are left out.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, first_s=RATE_OF_S, from_s=from_s, stop=stop)
        times = [seconds(field[0]) for field in fields if len(field) > 1 and "D" not in field[1]]
        return [time_s for time_s in times if time_s is not None]

    def spans(self, folder: Path, name: str, *, stop: threading.Event | None = None) -> dict[int, Span]:
        """Of each stream how many packets it has, and from when to when; none where reading them took too long.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        found: dict[int, Span] = {}
        entries = "stream_index,pts_time,duration_time"
        for index, *times in self._packet_fields(folder, name, None, stop=stop, entries=entries):
            begins_s, lasts_s = (seconds(each) for each in (*times, "", "")[:2])
            found[int(index)] = found.get(int(index), Span()).with_packet(begins_s, lasts_s or 0.0)
        return found

    def is_transparent_throughout(
        self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None
    ) -> bool:
        """Whether each packet has transparency beside it (Matroska's BlockAdditional); False if reading took too long.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, stop=stop, entries="size:packet_side_data=side_data_type")
        return bool(fields) and all(_BESIDE in field for field in fields)

    def empty_at_end(self, folder: Path, name: str, stream: int, *, stop: threading.Event | None = None) -> int:
        """How many of the stream's last packets are empty: each repeats the picture before.

        Raises:
            TemporarilyUnavailable: ffprobe could not run to its end.
        """
        fields = self._packet_fields(folder, name, stream, stop=stop, entries="size")
        return sum(1 for _ in itertools.takewhile(lambda field: field[0] == "0", reversed(fields)))

    def _packet_fields(
        self,
        folder: Path,
        name: str,
        stream: int | str | None,
        *,
        first_s: int | None = None,
        from_s: float | None = None,
        stop: threading.Event | None = None,
        entries: str = "pts_time,flags",
    ) -> list[list[str]]:
        """These entries of each packet, of one stream or of all; none where reading them took too long.

        With ``first_s``, only the packets of the first seconds, or of as many from the time ``from_s`` on.
        """
        arguments = [*_UNTRUSTED, *(() if stream is None else ("-select_streams", str(stream)))]
        begin = "" if from_s is None else f"{from_s:.3f}"
        arguments += ["-read_intervals", f"{begin}%+{first_s}"] if first_s is not None else []
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

    def _run(
        self,
        folder: Path,
        arguments: list[str],
        stop: threading.Event | None = None,
        *,
        tail_bytes: int = process.TAIL_BYTES,
    ) -> process.Finished:
        try:
            finished = process.run(
                self._program,
                arguments,
                folder=folder,
                cage=self._cage,
                limits=_LIMITS,
                timeout_s=_TIMEOUT_S,
                stop=stop,
                tail_bytes=tail_bytes,
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

"""Canaries: files and addresses that nobody has a reason to touch, and a record of who did."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class OpenedFiles:
    """The names of the files in some folders that anybody on this machine opened, the caged included (inotify)."""

    def __init__(self, *folders: Path) -> None:
        self._watch = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._watch >= 0
        for folder in folders:
            assert _LIBC.inotify_add_watch(self._watch, os.fsencode(folder), _IN_OPEN) >= 0

    def names(self) -> set[str]:
        """What was opened since the last call; a folder that was listed counts as ""."""
        found = set()
        while True:
            try:
                data = os.read(self._watch, 65536)
            except BlockingIOError:
                return found
            place = 0
            while place < len(data):
                _, _, _, length = _EVENT.unpack_from(data, place)
                place += _EVENT.size
                found.add(os.fsdecode(data[place : place + length].rstrip(b"\0")))
                place += length

    def close(self) -> None:
        """End the watch."""
        os.close(self._watch)


class Listener:
    """A TCP port on the loopback that nobody should find."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._tcp.setblocking(False)
        self.port: int = self._tcp.getsockname()[1]

    def was_called(self) -> bool:
        """Whether anybody connected since the last call."""
        called = False
        while True:
            try:
                connection, _ = self._tcp.accept()
            except BlockingIOError:
                return called
            connection.close()
            called = True

    def close(self) -> None:
        """Stop listening."""
        self._tcp.close()


@contextmanager
def opened_files(*folders: Path) -> Iterator[OpenedFiles]:
    """Watch these folders."""
    watch = OpenedFiles(*folders)
    try:
        yield watch
    finally:
        watch.close()


@contextmanager
def listener() -> Iterator[Listener]:
    """Listen on a free port."""
    made = Listener()
    try:
        yield made
    finally:
        made.close()

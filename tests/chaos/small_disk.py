"""The workers' disk: a real one that is small, so that it can be filled without harm to anybody else on the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
# Room for the workspaces' reserve of 256 MiB, and for what clips of two seconds need.
_SIZE: Final = b"size=352m"


class SmallDisk:
    """A tmpfs on that folder; without user namespaces the folder stays what it is, and `fill` does nothing.

    `apart` must have been called, once, before this process had a second thread.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        libc = ctypes.CDLL(None, use_errno=True)
        mounted = libc.mount(b"newsreel", os.fsencode(folder), b"tmpfs", 0, _SIZE) if _is_apart else -1
        self.is_there = mounted == 0

    def fill(self, seconds: float) -> bool:
        """Leave not a byte free for so long; False where there is no such disk."""
        if not self.is_there:
            return False
        filler = self._folder / "filler"
        with self._lock:
            try:
                until = time.monotonic() + seconds
                with filler.open("ab") as file:
                    while time.monotonic() < until:
                        # What others give up meanwhile is taken, too.
                        with contextlib.suppress(OSError):
                            if free := shutil.disk_usage(self._folder).free:
                                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
                        time.sleep(0.05)
            finally:
                filler.unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """Take it away, with all that is on it."""
        if self.is_there:
            ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(self._folder), 2)


_is_apart = False


def apart() -> None:
    """Give this process and whoever it starts mounts of their own by a user namespace (unshare(2)), if that works."""
    global _is_apart
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        return
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _is_apart = True

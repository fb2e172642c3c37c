"""``python -I -S guard.py PARENT COMMAND…``: become COMMAND, and die with the process PARENT.

Run as a program, never imported. Doing this between fork and exec of a process that has threads could deadlock it, so a
small program of its own does it; the kernel keeps the wish across exec. The signal comes when the *thread*
that started this program ends: whoever uses it starts all its children from one thread that outlives them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bind this process's life to the parent's, then exec."""
    parent, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child began")  # The signal comes for later deaths only.
    try:
        os.execvp(command[0], command)  # noqa: S606 # the command comes from the supervisor, there is no shell
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

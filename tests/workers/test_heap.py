"""A worker's threads share one arena of the C library's heap, and what is free in it goes back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Threads that allocate at the same time get arenas of their own; malloc_info(3) lists them all.
PROGRAM = """
import ctypes, sys, threading
from workers import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if "one" in sys.argv:
    heap.share_one_arena()
barrier = threading.Barrier(4)

def allocate():
    barrier.wait()
    for _ in range(100):
        libc.malloc(1000)
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
file = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fflush(ctypes.c_void_p(file))
"""
FREED = """
import ctypes
from workers import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def resident_kib():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))

held = [libc.malloc(60_000) for _ in range(1000)]
for place in held:
    ctypes.memset(ctypes.c_void_p(place), 1, 60_000)
kept = libc.malloc(60_000)
for place in held:
    libc.free(ctypes.c_void_p(place))
before = resident_kib()
heap.give_back()
print(before - resident_kib())
"""

glibc = pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="other C libraries have no arenas")


def run(program: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@glibc
def test_all_threads_share_one_arena() -> None:
    assert run(PROGRAM).count("<heap nr=") > 1
    assert run(PROGRAM, "one").count("<heap nr=") == 1


@glibc
def test_what_is_free_goes_back_below_what_is_held() -> None:
    assert int(run(FREED)) > 50_000

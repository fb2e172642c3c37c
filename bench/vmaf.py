"""How good a rendition looks beside its source: VMAF (model 0.6.1) and SSIM, shown as large as the source is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.job import Job
from bench.programs import FFMPEG, run_quietly

_EVERY: Final = 5


@dataclass(frozen=True, kw_only=True)
class Look:
    """Means over every fifth frame: VMAF (0 to 100) and SSIM (0 to 1)."""

    vmaf: float
    ssim: float


def look(job: Job, made: Path, scratch: Path, *, every: int = _EVERY) -> Look:
    """Compare a rendition, a file or a playlist, with the job's clip, deinterlaced as it is for all renditions."""
    video = job.source.video
    # From zero on: where a clip's first picture comes later, a rendition shows that one until then.
    steady = f"fps={job.rungs[0].frame_rate}:start_time=0"
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

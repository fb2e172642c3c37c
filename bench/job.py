"""A job: one clip and the ladder it is made by, understood once, so that all sides make the same of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import config.ladders
from bench.material import Clip
from bench.programs import FFMPEG, FFPROBE, run_quietly
from config.settings import Settings
from tasks.adapters.cage import Cage
from tasks.adapters.ffprobe import Ffprobe
from tasks.media.ladder import Ladder, PlannedRung, climb, read_ladder
from tasks.media.sound import loudness
from tasks.media.sound.programmes import Programme, candidates, published
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.media.source_reading import SourceLimits, read_recording

SETTINGS: Final = Settings()


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made of a clip: these rungs and this programme, its gain measured already."""

    clip: Clip
    source: Source
    ladder: Ladder
    rungs: tuple[PlannedRung, ...]
    programme: Programme


def encoded_ladder(folder: Path, name: str = "news") -> Path:
    """A shipped ladder with every rung encoded, as a file: a rung that is copied would flatter the pipeline."""
    text = config.ladders.find(name).read_text(encoding="utf-8")
    path = folder / f"{name}-encoded.toml"
    path.write_text(re.sub(r"(copy_max_bitrate_bps = )[\d_]+", r"\g<1>0", text), encoding="utf-8")
    return path


def prepare(clip: Clip, ladder_file: Path, folder: Path) -> Job:
    """Probe the clip and hear how loud it is, which no side's clock counts; ``folder`` gets a link to the clip."""
    folder.mkdir(parents=True)
    (folder / SOURCE_FILE).symlink_to(clip.path.resolve())
    answer = Ffprobe(FFPROBE, Cage("off")).source(folder, SOURCE_FILE, max_pixels=SETTINGS.max_pixels)
    limits = SourceLimits(duration_s=SETTINGS.max_duration_s, pixels=SETTINGS.max_pixels, streams=SETTINGS.max_streams)
    source = read_recording(answer, limits)
    if not isinstance(source, Source):
        raise SystemExit(f"{clip.path} has no picture")
    ladder = read_ladder(ladder_file.read_text(encoding="utf-8"), ladder_file.name)
    (programme, *_) = published(candidates(source), ladder.audio.languages)
    arguments = loudness.plan_measure(source, [programme], ladder.audio, max_pixels=SETTINGS.max_pixels)
    heard = loudness.read_measured(run_quietly([FFMPEG, *arguments], folder=folder))[0]
    gain_db, _ = loudness.gain_for(heard, ladder.audio)
    shutil.rmtree(folder)
    return Job(
        clip=clip,
        source=source,
        ladder=ladder,
        rungs=climb(ladder, source.video),
        programme=programme.evolve(gain_db=gain_db),
    )

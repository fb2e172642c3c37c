"""The outcome of one version: what was encoded is verified and packaged, and told in the record's words."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.media import dash, encode, package, quality
from tasks.media.encode import EncodePlan
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline import captions, examine_picture, packaging
from tasks.pipeline.examine_sound import Heard
from tasks.pipeline.job import Job
from tasks.records import keys
from tasks.records.base import Notice
from tasks.records.clip_facts import Mp4, Rendition, SourceFacts


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What lies in the workspace once every run has ended, and what became known on the way."""

    source: Source
    facts: SourceFacts
    plan: EncodePlan
    picture: Progress
    heard: Heard
    captioned: captions.Extracted
    left_out: tuple[Notice, ...]

    @property
    def picture_s(self) -> float:
        """Its pictures are counted: the sound may be longer or shorter than they are."""
        return self.picture.frames / float(self.plan.rungs[0].frame_rate)


def of(job: Job, encoded: Encoded, edition: str) -> tuple[dict[str, object], tuple[Notice, ...]]:
    """Verify and package what was encoded; returns the record's fields and what an editor should know.

    Raises:
        TemporarilyUnavailable: a rendition is not as it was planned, or the MP4 could not be made.
        process.Stopped: the job was stopped; OSError: the disk failed.
    """
    source, heard = encoded.source, encoded.heard
    sounds_s = [packaging.sound_s(job.folder, each) for each in heard.programmes]
    longest_s = max([encoded.picture_s, *sounds_s])
    told_s = encoded.picture_s
    if encoded.picture.frames and not source.video.duration_s:
        # Only the length of the whole is promised, which the longest track has.
        told_s = max(encoded.picture.time_s, longest_s)
    warnings = (
        *quality.judge_length(source, told_s),
        *quality.judge_ends(encoded.picture_s, sounds_s),
        *encoded.left_out,
        *quality.judge_damage(encoded.picture),
        *quality.audio_notice(heard.programmes),
        *heard.notices,
        *encoded.captioned.notices,
        *examine_picture.look(job.folder, encoded.plan.rungs[-1], encoded.picture_s),
    )
    said = encoded.captioned.captions
    made = _package(job, encoded, edition)
    made |= {"sound": heard.facts, "captions": captions.facts(said, edition)}
    lasting_s = round(quality.true_length_s(source, longest_s), 3)
    made |= {"source": encoded.facts.evolve(sha256=job.upload.whole(), duration_s=lasting_s)}
    return made, warnings


def _package(job: Job, encoded: Encoded, edition: str) -> dict[str, object]:
    """Verify every rendition, write playlists, manifest and the MP4; returns the record's fields naming them."""
    root, plan, programmes = job.output / encode.HLS, encoded.plan, encoded.heard.programmes
    made = [packaging.read_picture(root, rung) for rung in plan.rungs]
    for picture in made:
        quality.verify_rendition(picture.rung, packaging.measured(picture), encoded.picture.frames)
    if any(rung.name == keys.ORIGINAL for rung in plan.rungs):
        packaging.verify_aligned(made)
    sounds = [packaging.read_sound(root, programme) for programme in programmes]
    listed = [each for each in made if each.rung in package.worth_listing([(each.rung, each.track) for each in made])]
    packaging.write(job.output, listed, sounds, programmes, captions=encoded.captioned.captions)

    (job.output / "mp4").mkdir()
    job.services.ffmpeg.run(
        job.folder,
        encode.plan_mp4(plan.mp4_rung, programmes[0] if programmes else None),
        timeout_s=600 + encoded.picture.time_s,
        stop=job.stop,
    )
    mp4 = job.output / encode.mp4_path(plan.mp4_rung)
    codecs = [next(each.track.codecs for each in made if each.rung == plan.mp4_rung)]
    codecs += [each.track.codecs for each in sounds[:1]]
    return {
        "hls": f"{edition}/{encode.HLS}/{package.MULTIVARIANT}",
        "dash": f"{edition}/{dash.MANIFEST}",
        "mp4": (
            Mp4(
                url=f"{edition}/{encode.mp4_path(plan.mp4_rung)}",
                width=plan.mp4_rung.width,
                height=plan.mp4_rung.height,
                bitrate_bps=round(mp4.stat().st_size * 8 / encoded.picture.time_s),
                size_bytes=mp4.stat().st_size,
                codecs=",".join(codecs),
            ),
        ),
        "renditions": tuple(
            Rendition(
                name=each.name,
                width=each.rung.width,
                height=each.rung.height,
                frame_rate=round(float(each.rung.frame_rate), 3),
                codecs=each.track.codecs,
                bitrate_bps=each.track.average_bps,
            )
            for each in listed
        ),
    }

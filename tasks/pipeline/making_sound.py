"""Making one version of an audio-only clip: measure, encode every bit rate, package, upload, publish."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from tasks.adapters.clock import utc_now
from tasks.adapters.ffmpeg import Urgency
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import dash, encode, package, quality
from tasks.media.progress import Progress
from tasks.media.sound import sound_only
from tasks.media.sound.sound_only import SoundRendition
from tasks.media.source import SoundSource
from tasks.pipeline import packaging, pictures, uploaded
from tasks.pipeline.examine import describe_source
from tasks.pipeline.examine_sound import Heard, listen
from tasks.pipeline.job import Job
from tasks.pipeline.lease import Lease
from tasks.pipeline.streaming import Stream, beside_the_encode
from tasks.pipeline.version_files import ENCODE_SHARE
from tasks.records import keys, lifecycle
from tasks.records.base import Notice
from tasks.records.clip_facts import AudioFile

# Streams without an index: ffprobe takes their length from their size and first bit rate.
_ESTIMATED: Final = ("aac", "ac3", "amr", "eac3", "mp3")


def make(job: Job, source: SoundSource, lease: Lease) -> None:
    """Make a version and publish it; its upload is being downloaded to the workspace.

    Raises:
        As `tasks.pipeline.making.make`.
    """
    services, folder, name, work = job.services, job.folder, job.name, job.work
    facts = describe_source(work.source, source, job.upload.whole())
    services.clips.update(
        name, lambda current: lifecycle.describe(current, owner=lease.owner, now=utc_now(), source=facts, warnings=())
    )
    edition = keys.edition(work.version, work.attempts)
    stream = Stream(services, folder, name, edition, lease)
    # It is heard as a whole first: that takes a fifth of the encode, and nothing has to be made twice.
    heard = listen(services, folder, source, job.ladder.audio, stop=job.stop)
    if not heard.programmes:
        reasons = " ".join(notice.message for notice in heard.notices)
        raise SourceRejected(
            "undecodable", "No sound in this file can be decoded; it is damaged, or of an unknown format.", reasons
        )
    renditions = sound_only.plan_renditions(heard.programmes, job.ladder)
    with nullcontext() if work.hls else beside_the_encode(stream, lease):
        encoded_s = _encode(job, source, renditions, stream, lease)
    is_estimated = not source.duration_s or source.container in _ESTIMATED
    shortness = _short(source, encoded_s, is_estimated=is_estimated)
    warnings = (*shortness, *heard.notices, *uploaded.joint_notices(job, source))
    made = _package(job, heard, renditions, edition, encoded_s)
    if is_estimated:
        made["source"] = facts.evolve(duration_s=round(encoded_s, 3))
    lease.through_outages(stream.complete)
    pictures.await_or_make(job, source)
    lease.raise_if_stopped()
    lease.through_outages(
        lambda: services.clips.update(
            name,
            lambda record: lifecycle.publish(record, owner=lease.owner, now=utc_now(), made=made, warnings=warnings),
        )
    )


def _encode(
    job: Job, source: SoundSource, renditions: tuple[SoundRendition, ...], stream: Stream, lease: Lease
) -> float:
    """Make all renditions; returns their length in seconds."""
    run = sound_only.plan_encode(source, job.ladder, renditions, max_pixels=job.max_pixels)
    for track in run.tracks:
        (job.output / encode.HLS / track).mkdir(parents=True)
    stream.follow_only_sound(run, renditions)
    last = Progress()

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress
        if source.duration_s:
            lease.report(ENCODE_SHARE * min(1.0, progress.time_s / source.duration_s), progress.speed)

    limit_s = job.services.settings.max_duration_s
    job.services.ffmpeg.run(
        job.folder,
        run.arguments,
        timeout_s=600 + (source.duration_s or limit_s),
        on_progress=note,
        urgency=Urgency.ENCODE,
        longest_s=source.longest_s(limit_s),
        stop=job.stop,
    )
    return last.time_s


def _short(source: SoundSource, encoded_s: float, *, is_estimated: bool) -> tuple[Notice, ...]:
    notices = quality.judge_length(source, encoded_s)
    return () if is_estimated else notices


def _package(
    job: Job, heard: Heard, renditions: tuple[SoundRendition, ...], edition: str, encoded_s: float
) -> dict[str, object]:
    """Read everything back, write playlist and manifest and the file to download; returns the record's fields."""
    out = job.output
    sounds = [packaging.read_sound(out / encode.HLS, each.track, of=each.programme.name) for each in renditions]
    for sound in sounds:
        if not sound.playlist.is_complete:
            detail = f"{sound.name}: its playlist was not closed"
            raise TemporarilyUnavailable("encoder_output_damaged", "The encoder made a damaged file.", detail)
    tracks = [sound.track for sound in sounds]
    text = sound_only.multivariant_playlist(list(zip(renditions, tracks, strict=True)))
    (out / encode.HLS / package.MULTIVARIANT).write_text(text, encoding="utf-8")
    (out / dash.FOLDER).mkdir()
    (out / dash.MANIFEST).write_text(dash.manifest([], sounds), encoding="utf-8")
    m4a = out / sound_only.M4A
    m4a.parent.mkdir()
    job.services.ffmpeg.run(job.folder, sound_only.plan_m4a(renditions[0]), timeout_s=600 + encoded_s, stop=job.stop)
    return {
        "hls": f"{edition}/{encode.HLS}/{package.MULTIVARIANT}",
        "dash": f"{edition}/{dash.MANIFEST}",
        "audio": (
            AudioFile(
                url=f"{edition}/{sound_only.M4A}",
                type=package.content_type(sound_only.M4A),
                bitrate_bps=round(m4a.stat().st_size * 8 / encoded_s),
                size_bytes=m4a.stat().st_size,
                codecs=tracks[0].codecs,
            ),
        ),
        "sound": heard.facts,
    }

"""Tapes of many partitions: the store is asked for all of them at once, since a distant one takes time to answer."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

from tasks.adapters.object_store import ObjectStore, ObjectStream
from tasks.adapters.ordered_download import Upload
from tests import clips
from tests.conftest import Buckets
from tests.media.fronts.laid import looked


class Meeting(ObjectStore):
    """A store that answers nobody who asks for a place of ``places`` before a second one does."""

    def __init__(self, store: ObjectStore, places: set[int]) -> None:
        super().__init__(store._client)
        self.places = places
        self.turns = itertools.count()
        self.met = threading.Barrier(2)

    def exactly(self, bucket: str, key: str, *, etag: str, part: range | None = None) -> ObjectStream:
        if part is not None and part.start in self.places and next(self.turns) < 2:
            self.met.wait(20)
        return super().exactly(bucket, key, etag=etag, part=part)


def test_partitions_are_asked_for_at_once(store: ObjectStore, buckets: Buckets, tmp_path: Path) -> None:
    path = tmp_path / "tape.mxf"
    clips.make(path, "-f", "lavfi", "-i", "testsrc2=duration=34", "-c:v", "mpeg2video", "-b:v", "1M")
    tape = path.read_bytes()
    etag = store.put(buckets.incoming, path.name, tape, content_type="application/mxf")
    front, asked = looked(tape)
    bodies = {part.start for part in asked[-4:]}
    assert len(bodies) == 4

    meeting = Meeting(store, bodies)
    upload = Upload(store=meeting, bucket=buckets.incoming, key=path.name, etag=etag, size_bytes=len(tape))
    assert upload.look() == front is not None
    assert next(meeting.turns) >= 4

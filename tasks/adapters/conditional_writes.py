"""Tests whether a store's conditional writes hold when several clients race: every publication relies on them.

Some servers pass over ``If-Match`` and ``If-None-Match``, or look and write in two steps, so that several racers win.
"""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tasks.adapters.object_store import NoSuchObject, ObjectStore, PreconditionFailed
from tasks.errors import ConfigurationError, TemporarilyUnavailable

PROBE_PREFIX: Final = ".newsreel-doctor/"
_PAUSE_S: Final = 1.0
# Threads that are started one after the other; only a machine that starts no more of them takes that long.
_MEET_S: Final = 30.0
_REMEDY: Final = (
    "Remedy: use a store whose conditional PUT is atomic (AWS S3, or a current SeaweedFS or MinIO), and see that "
    "no proxy in front of it drops the If-Match and If-None-Match headers"
)


def verify_conditional_writes(
    store: ObjectStore, bucket: str, *, rounds: int = 5, racers: int = 16, patience_s: float = 0.0
) -> None:
    """Let ``racers`` writers race to create one object, then to replace it, ``rounds`` times; exactly one may win each.

    Leaves nothing behind; what it writes lies under ``.newsreel-doctor/``, which no reader looks at. A store that does
    not answer is asked again until ``patience_s`` are over.

    Raises:
        ConfigurationError: the store let more than one writer win, or none; the message has the remedy.
        TemporarilyUnavailable: the store does not answer, or this machine can't run so many writers.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _verify(store, bucket, rounds=rounds, racers=racers)
        except TemporarilyUnavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(min(_PAUSE_S, patience_s))


def _verify(store: ObjectStore, bucket: str, *, rounds: int, racers: int) -> None:
    key = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
    with ThreadPoolExecutor(max_workers=racers) as pool:
        try:
            for _ in range(rounds):
                created = _race(pool, racers, store, bucket, key, if_match=None)
                _race(pool, racers, store, bucket, key, if_match=created)
                store.delete(bucket, key)
        finally:
            store.delete(bucket, key)


def _race(
    pool: ThreadPoolExecutor, racers: int, store: ObjectStore, bucket: str, key: str, *, if_match: str | None
) -> str:
    """Run one race and return the ETag of what its winner wrote."""
    # All racers wait for each other, since connecting takes far longer than writing.
    start = threading.Barrier(racers, timeout=_MEET_S)

    def write(body: bytes) -> bool:
        start.wait()
        try:
            store.put(bucket, key, body, content_type="text/plain", if_match=if_match, if_absent=if_match is None)
        except PreconditionFailed:
            return False
        return True

    bodies = [f"{uuid.uuid4().hex} {racer}".encode() for racer in range(racers)]
    try:
        outcomes = list(pool.map(write, bodies))
    except RuntimeError as error:
        # One of them could not be started (or came too late): the others need not wait for it.
        start.abort()
        raise TemporarilyUnavailable(
            "machine_exhausted", f"This machine could not let {racers} writers race each other.", repr(error)
        ) from error
    won = [body for body, has_won in zip(bodies, outcomes, strict=True) if has_won]
    header = "If-None-Match: *" if if_match is None else "If-Match"
    try:
        stored = store.get(bucket, key)
    except NoSuchObject:
        stored = None
    if not won and stored is not None and stored.body in bodies:
        # The winner's answer was lost on its way, and the client's own retry came second.
        won = [stored.body]
    if len(won) != 1:
        raise ConfigurationError(
            f"Conditional writes do not hold: {len(won)} of {racers} racing PUTs with {header} on one object of the "
            f"bucket {bucket} succeeded, where exactly one must. {_REMEDY}"
        )
    if stored is None or stored.body != won[0]:
        raise ConfigurationError(
            f"Conditional writes do not hold: a PUT with {header} that lost the race stands in the bucket "
            f"{bucket} in the winner's place. {_REMEDY}"
        )
    return stored.etag

"""The deliveries of outgoing webhooks in the media bucket: those pending, and for a while those that are done.

Each is an object of its own. It is noted as done before it is taken from those under way, so that a worker that dies
in between loses nothing: at worst an event is sent twice under the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.endpoints import Endpoint
from tasks.adapters.object_store import NoSuchObject, ObjectStore, PreconditionFailed
from tasks.records import deliveries, keys
from tasks.records.base import Record
from tasks.records.deliveries import Delivery, EndpointState

log: Final = structlog.get_logger()
KEPT: Final = 1000
"""How many deliveries that are done with stay listed for each endpoint,"""
KEPT_FOR: Final = timedelta(hours=72)
"""and for how long; what an endpoint that is configured no more left behind goes then, too, while there are others."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A pending delivery, and its object's ETag."""

    delivery: Delivery
    etag: str


class Outbox:
    """The configured endpoints, and the deliveries to all; one for each process.

    A delivery that can't be read is logged and passed over, and deleted when others of its age would be.
    Raises `TemporarilyUnavailable` when the store fails.
    """

    def __init__(self, store: ObjectStore, bucket: str, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self._store = store
        self._bucket = bucket
        # A listing names each object's ETag: what was read under it need not be read again.
        self._known: dict[str, dict[str, Kept]] = {}
        self._unreadable: set[tuple[str, str]] = set()

    def add(self, delivery: Delivery) -> bool:
        """Add a delivery; False if it was added already."""
        try:
            self._put(keys.webhook_pending(delivery.endpoint, delivery.id), delivery, if_absent=True)
        except PreconditionFailed:
            return False
        return True

    def pending(self, endpoint: str) -> list[Kept]:
        """The endpoint's pending deliveries, in the order of ids. Only what changed since the last call is read."""
        known, found = self._known.get(endpoint, {}), {}
        for info in self._store.list(self._bucket, keys.webhook_pending(endpoint)):
            kept = known.get(info.key)
            if (info.key, info.etag) in self._unreadable:
                continue
            if kept is None or kept.etag != info.etag:
                with suppress(NoSuchObject):
                    kept = self._read(info.key)
            if kept is not None:
                found[info.key] = kept
        self._known[endpoint] = found
        return list(found.values())

    def note(self, kept: Kept, outcome: Delivery) -> None:
        """Record the outcome of an attempt; what an operator has ordered meanwhile is kept."""
        pending = keys.webhook_pending(outcome.endpoint, outcome.id)
        if outcome.state is deliveries.DeliveryState.PENDING:
            with suppress(PreconditionFailed, NoSuchObject):
                self._put(pending, outcome, if_match=kept.etag)
            return
        self._put(keys.webhook_done(outcome.endpoint, outcome.id), outcome)
        self._store.delete(self._bucket, pending)

    def done(self, endpoint: str, *, most: int = KEPT) -> Iterator[Delivery]:
        """The deliveries that were made or given up, the newest first."""
        listed = [info.key for info in self._store.list(self._bucket, keys.webhook_done(endpoint))]
        for key in islice(sorted(listed, reverse=True), most):
            with suppress(NoSuchObject):
                if kept := self._read(key):
                    yield kept.delivery

    def find(self, endpoint: str, webhook_id: str) -> Delivery | None:
        """The delivery of that id to the endpoint."""
        for key in (keys.webhook_pending(endpoint, webhook_id), keys.webhook_done(endpoint, webhook_id)):
            with suppress(NoSuchObject):
                if kept := self._read(key):
                    return kept.delivery
        return None

    def replay(self, endpoint: str, webhook_id: str) -> Delivery | None:
        """Make the delivery due again now; None if there is none of that id."""
        found = self.find(endpoint, webhook_id)
        if found is None:
            return None
        wanted = deliveries.again(found, now=utc_now())
        self._put(keys.webhook_pending(endpoint, webhook_id), wanted)
        self._store.delete(self._bucket, keys.webhook_done(endpoint, webhook_id))
        return wanted

    def names(self) -> list[str]:
        """The names of all endpoints of which there are deliveries or a state."""
        return list(self._store.folders(self._bucket, keys.WEBHOOK_ENDPOINTS))

    def state(self, endpoint: str) -> EndpointState | None:
        """What is known of the endpoint."""
        with suppress(NoSuchObject, ValueError):
            return EndpointState.model_validate_json(self._store.get(self._bucket, keys.webhook_state(endpoint)).body)
        return None

    def announce(self, endpoint: Endpoint) -> EndpointState:
        """The state of a configured endpoint; one whose configuration changed is enabled again."""
        wanted, found = endpoint.state(), self.state(endpoint.name)
        if found is not None and found.fingerprint == wanted.fingerprint:
            return found
        self.set_state(wanted)
        return wanted

    def set_state(self, state: EndpointState) -> None:
        """Replace what is known of the endpoint."""
        self._put(keys.webhook_state(state.name), state)

    def collect(self, now: datetime | None = None) -> int:
        """Delete old deliveries, and what is left of endpoints that are no longer configured."""
        before, configured = (now or utc_now()) - KEPT_FOR, {each.name for each in self.endpoints}
        doomed: list[str] = []
        for name in self.names():
            done = list(self._store.list(self._bucket, keys.webhook_done(name)))
            done.sort(key=lambda info: info.key)
            doomed += [info.key for info in done[:-KEPT]]
            doomed += [info.key for info in done[-KEPT:] if info.modified_at < before]
            left = list(self._store.list(self._bucket, keys.webhook_pending(name)))
            if name in configured:
                left = [info for info in left if (info.key, info.etag) in self._unreadable]
            else:
                left += self._store.list(self._bucket, keys.webhook_state(name))
            doomed += [info.key for info in left if info.modified_at < before]
        return self._store.delete_all(self._bucket, doomed)

    def _read(self, key: str) -> Kept | None:
        stored = self._store.get(self._bucket, key)
        try:
            return Kept(delivery=Delivery.model_validate_json(stored.body), etag=stored.etag)
        except ValueError:
            self._unreadable.add((key, stored.etag))
        log.error("object unreadable", key=key, remedy="none: this event is lost, all others are told")
        return None

    def _put(self, key: str, record: Record, *, if_match: str | None = None, if_absent: bool = False) -> None:
        self._store.put(
            self._bucket,
            key,
            record.to_json(),
            content_type="application/json; charset=utf-8",
            if_match=if_match,
            if_absent=if_absent,
        )

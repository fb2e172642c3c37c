"""Listings: times read fast are those that botocore would read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.utils import parse_timestamp

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore, _read_time
from tests.conftest import Buckets


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-12T11:00:30Z",
        "2026-03-12T11:00:30.123Z",
        "2026-03-12T11:00:30.123456789Z",
        "2026-03-12T18:00:30+07:00",
        "Thu, 12 Mar 2026 11:00:30 GMT",
        "1773313230",
    ],
)
def test_a_time_is_read_as_botocore_reads_it(told: str) -> None:
    assert _read_time(told) == parse_timestamp(told)
    assert _read_time(told).replace(microsecond=0) == datetime(2026, 3, 12, 11, 0, 30, tzinfo=UTC)


def test_a_listing_tells_when_each_object_was_put(store: ObjectStore, buckets: Buckets) -> None:
    store.put(buckets.incoming, "clips/now.mp4", b"x", content_type="video/mp4")
    (info,) = store.list(buckets.incoming, "clips/now.mp4")
    assert info.modified_at.utcoffset() == timedelta(0)
    assert abs(info.modified_at - utc_now()) < timedelta(minutes=5)
    assert abs(info.modified_at - store.head(buckets.incoming, "clips/now.mp4").modified_at) < timedelta(seconds=1)

"""The proxy before the store passes everything on unharmed until it is armed, and then does what its fault says."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tasks.adapters.conditional_writes import verify_conditional_writes
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.records import RecordStore
from tasks.errors import TemporarilyUnavailable
from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from tests import servers
from tests.chaos.plan import FaultKind
from tests.chaos.proxy import HOST, ProxyLoop, StoreProxy
from tests.chaos.test_reader import RECORD
from tests.conftest import REGION, Buckets

BODY = b"0123456789" * 1000


@pytest.fixture(scope="module")
def proxy(s3_server: servers.S3Server) -> Iterator[StoreProxy]:
    """A proxy before the tests' store."""
    port = urlsplit(s3_server.endpoint_url).port
    assert port is not None
    loop = ProxyLoop()
    yield StoreProxy(loop, port)
    loop.stop()


@pytest.fixture
def impatient(proxy: StoreProxy) -> Iterator[ObjectStore]:
    """A client behind the proxy that tries everything once, so that each fault shows."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=f"http://{HOST}:{proxy.port}", region_name=REGION, config=config)
    yield ObjectStore(client)
    proxy.disarm()
    client.close()


def test_an_unarmed_proxy_changes_nothing(impatient: ObjectStore, store: ObjectStore, buckets: Buckets) -> None:
    impatient.put(buckets.media, "clips/Đê 1.bin", BODY, content_type="video/mp4")
    assert impatient.get(buckets.media, "clips/Đê 1.bin") == store.get(buckets.media, "clips/Đê 1.bin")
    assert [each.key for each in impatient.list(buckets.media, "clips/")] == ["clips/Đê 1.bin"]
    assert impatient.head(buckets.media, "clips/Đê 1.bin").size_bytes == len(BODY)
    impatient.delete(buckets.media, "clips/Đê 1.bin")
    assert list(store.list(buckets.media, "clips/")) == []


@pytest.mark.parametrize(
    ("kind", "arrives"), [(FaultKind.STORE_503, False), (FaultKind.CUT_REQUEST, False), (FaultKind.LOST_ANSWER, True)]
)
def test_a_write_that_seems_to_fail_has_arrived_only_if_its_answer_was_lost(
    proxy: StoreProxy, impatient: ObjectStore, store: ObjectStore, buckets: Buckets, kind: FaultKind, arrives: bool
) -> None:
    before = proxy.hits[kind]
    proxy.arm(kind, requests=1, lasts_s=0)
    with pytest.raises((ClientError, BotoCoreError)):
        impatient._client.put_object(Bucket=buckets.media, Key=f"w/{kind}", Body=BODY)
    assert [each.key for each in store.list(buckets.media, f"w/{kind}")] == ([f"w/{kind}"] if arrives else [])
    assert proxy.hits[kind] == before + 1


def test_a_cut_answer_is_noticed(
    proxy: StoreProxy, impatient: ObjectStore, store: ObjectStore, buckets: Buckets
) -> None:
    store.put(buckets.media, "r/1", BODY, content_type="video/mp4")
    proxy.arm(FaultKind.CUT_ANSWER, requests=1, lasts_s=0)
    with pytest.raises((ClientError, BotoCoreError)):
        impatient._client.get_object(Bucket=buckets.media, Key="r/1")["Body"].read()
    assert impatient.get(buckets.media, "r/1").body == BODY


def test_an_object_is_read_again_when_its_answer_was_cut_and_not_for_ever(
    proxy: StoreProxy, impatient: ObjectStore, store: ObjectStore, buckets: Buckets
) -> None:
    """A record that is read in the middle of an encode must not cost that encode."""
    store.put(buckets.media, "r/2", BODY, content_type="video/mp4")
    proxy.arm(FaultKind.CUT_ANSWER, requests=2, lasts_s=0)
    assert impatient.get(buckets.media, "r/2").body == BODY
    proxy.arm(FaultKind.CUT_ANSWER, requests=100, lasts_s=0)
    with pytest.raises(TemporarilyUnavailable):
        impatient.get(buckets.media, "r/2")


def test_a_start_waits_for_a_store_that_is_away_for_a_moment(
    proxy: StoreProxy, impatient: ObjectStore, buckets: Buckets
) -> None:
    proxy.arm(FaultKind.STORE_503, requests=4, lasts_s=0)
    with pytest.raises(TemporarilyUnavailable):
        verify_conditional_writes(impatient, buckets.media, rounds=1, racers=1)
    verify_conditional_writes(impatient, buckets.media, rounds=1, racers=1, patience_s=30)


def test_a_fault_that_meets_nobody_is_counted_as_such(proxy: StoreProxy) -> None:
    proxy.arm(FaultKind.CUT_ANSWER, requests=3, lasts_s=0)
    assert proxy.disarm() == {FaultKind.CUT_ANSWER: 1}
    assert proxy.disarm() == {}


@pytest.mark.parametrize("kind", [FaultKind.STORE_409, FaultKind.STORE_412, FaultKind.LOST_412])
def test_a_record_whose_write_is_refused_without_a_reason_changes_once_all_the_same(
    proxy: StoreProxy, impatient: ObjectStore, buckets: Buckets, kind: FaultKind
) -> None:
    records = RecordStore(impatient, buckets.media, ClipRecord, keys.clip_record)
    name = f"120320_REFUSED{list(FaultKind).index(kind)}"

    def counted(record: ClipRecord | None) -> ClipRecord:
        return RECORD.evolve(name=name) if record is None else record.evolve(attempts=record.attempts + 1)

    for attempts in range(3):
        before = proxy.hits[kind]
        proxy.arm(kind, requests=1, lasts_s=0)
        committed = records.update(name, counted)
        assert proxy.hits[kind] == before + 1
        assert committed.changed
        found = records.get(name)
        assert found is not None
        assert found.attempts == attempts
    impatient.delete(buckets.media, keys.clip_record(name))


def test_only_conditional_writes_are_refused_as_such(
    proxy: StoreProxy, impatient: ObjectStore, buckets: Buckets
) -> None:
    proxy.arm(FaultKind.STORE_412, requests=1, lasts_s=0)
    impatient.put(buckets.media, "w/plain", BODY, content_type="video/mp4")
    assert impatient.get(buckets.media, "w/plain").body == BODY
    assert proxy.disarm() == {FaultKind.STORE_412: 1}

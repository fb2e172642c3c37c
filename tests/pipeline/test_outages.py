"""What an encode has made outlasts an absence of the store, as long as the lease does."""

from __future__ import annotations

import pytest

from tasks.errors import LeaseLost, TemporarilyUnavailable
from tasks.pipeline import lease as leases
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services


@pytest.fixture
def lease(services: Services, monkeypatch: pytest.MonkeyPatch) -> Lease:
    monkeypatch.setattr(leases, "_OUTAGE_PAUSE_S", 0.01)
    return Lease(services, "120320_AWAY1", "somebody")


def test_a_step_is_done_again_until_the_store_answers(lease: Lease) -> None:
    answers = iter([TemporarilyUnavailable("store_unavailable", "", ""), None, "done"])

    def step() -> str | None:
        answer = next(answers)
        if isinstance(answer, TemporarilyUnavailable):
            raise answer
        return answer

    assert lease.through_outages(step) is None
    assert lease.through_outages(step) == "done"


def test_another_fault_is_not_waited_for(lease: Lease) -> None:
    def step() -> None:
        raise TemporarilyUnavailable("disk_full", "", "")

    with pytest.raises(TemporarilyUnavailable):
        lease.through_outages(step)


def test_whoever_has_lost_the_lease_waits_no_longer(lease: Lease) -> None:
    def step() -> None:
        lease.stop.set()
        raise TemporarilyUnavailable("store_unavailable", "", "")

    with pytest.raises(LeaseLost):
        lease.through_outages(step)

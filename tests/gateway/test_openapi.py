"""The API as its own description has it: generated requests, right and wrong ones, are answered as described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import TOKEN, close, serving
from workers.services import build_services

OPERATOR = "an operator's token"
EXAMPLES = 3
CHECKED = [
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
]
# Streams without end are not generated requests' business.
ENDLESS = "/api/v1/changes"


@pytest.fixture(scope="module")
def described(settings: Settings, store: ObjectStore, buckets: Buckets) -> Iterator[Services]:
    """A gateway with a clip and an article, where operators may act."""
    samples.publish(store, buckets.media, samples.ready_clip("a"), samples.article("tin"))
    more = {"operator_token": SecretStr(OPERATOR), "reads_per_s": 0.0, "events_per_s": 0.0}
    made = build_services(settings.model_copy(update=more))
    yield made
    close(made)


@pytest.mark.timeout(300)
def test_every_operation_answers_as_it_is_described(described: Services) -> None:
    from schemathesis import checks

    checks.load_all_checks()
    wanted = checks.CHECKS.get_by_names(CHECKED)
    faults: list[str] = []
    with serving(described) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path != ENDLESS:
                _try(operation, wanted, url, faults)
    assert not faults, "\n\n".join(faults)


def _try(operation: Any, wanted: list[Any], url: str, faults: list[str]) -> None:
    @hypothesis_settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
    )
    @given(case=operation.as_strategy())
    def answers(case: Any) -> None:
        token = TOKEN if operation.path == "/events" else OPERATOR
        # Who asks to wait is answered late; that has tests of its own.
        case.query = {name: value for name, value in (case.query or {}).items() if name != "wait"}
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        answer = case.call_and_validate(base_url=url, checks=wanted, timeout=30)
        # 501 is oEmbed's own answer to a format that is not had.
        assert answer.status_code < 500 or answer.status_code == 501

    try:
        answers()
    except* Exception as group:
        faults.append(f"{operation.method.upper()} {operation.path}: " + "; ".join(map(repr, group.exceptions))[:1500])

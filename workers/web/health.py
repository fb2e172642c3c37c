"""``/healthz``: whether the gateway can do its work, which is whether the store and the broker answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import anyio
import redis
import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.services import Services
from workers.web.problems import RETRY_AFTER_S

_log = structlog.get_logger()

_LIMIT_S: Final = 3.0


def router(services: Services) -> APIRouter:
    """The route that load balancers and supervisors ask."""
    routes = APIRouter(tags=["health"])
    # Threads of their own: a store that hangs must not use up those that serve readers.
    threads = anyio.CapacityLimiter(4)

    @routes.get(
        "/healthz", summary="Whether the store and the broker answer", responses={503: {"description": "One is not."}}
    )
    async def get_health() -> JSONResponse:
        """``{"status": "ok"}``, or 503 with the parts that do not answer."""
        missing = []
        for part, check in (("store", _check_store), ("broker", _check_broker)):
            if not await _answers(part, partial(check, services), threads):
                missing.append(part)
        if missing:
            body = {"status": "unavailable", "missing": missing}
            return JSONResponse(body, 503, {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"})
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    return routes


async def _answers(part: str, check: Callable[[], None], threads: anyio.CapacityLimiter) -> bool:
    try:
        with anyio.fail_after(_LIMIT_S):
            await run_sync(check, abandon_on_cancel=True, limiter=threads)
    except (TemporarilyUnavailable, redis.RedisError, TimeoutError) as error:
        detail = error.detail if isinstance(error, TemporarilyUnavailable) else str(error)
        _log.warning("health.missing", part=part, detail=detail or f"no answer within {_LIMIT_S} s")
        return False
    return True


def _check_store(services: Services) -> None:
    # Listing tells a missing bucket from an empty one, and finds nothing to send.
    next(services.store.list(services.settings.media_bucket, "healthz/"), None)


def _check_broker(services: Services) -> None:
    timeouts = {"socket_timeout": _LIMIT_S, "socket_connect_timeout": _LIMIT_S}
    with redis.Redis.from_url(services.settings.broker_url, **timeouts) as client:
        client.ping()

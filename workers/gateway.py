"""The HTTP gateway: takes events from stores, serves stories, media and records to everybody else."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

import click
import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from config.logs import configure_logs
from config.settings import Settings, load_settings
from tasks.adapters.sns import SnsTopics
from tasks.errors import ConfigurationError
from tasks.pipeline.services import Services
from workers.services import build_services
from workers.web import api, deliveries, desk, embed, events, health, media, operate, pages, problems, syndication
from workers.web.access import ReadersOnly
from workers.web.catalogue import Catalogue
from workers.web.cors import Cors
from workers.web.headers import SafeHeaders
from workers.web.hosts import KnownHosts
from workers.web.limits import Limits
from workers.web.patience import Patience, impatient

_log = structlog.get_logger()

# A reader's download is cut off then; players ask again for the rest.
_SHUTDOWN_S: Final = 5
_MAX_HEADER_BYTES: Final = 32 * 1024
_ABOUT: Final = (
    "Clips and articles as newsreel publishes them. Records are JSON objects of their own bucket, media stand beside "
    "them; every URL in a record is relative to the record. Errors are problem details (RFC 9457)."
)


def create_app(services: Services, sns: SnsTopics | None = None) -> FastAPI:
    """The gateway as an ASGI application. Nothing is sent to a server before the first request.

    Raises:
        ConfigurationError: a secret in the settings is not one.
    """
    app = FastAPI(title="newsreel", version="1", description=_ABOUT, docs_url=None, redoc_url=None)
    # The last one added sees a request first: an answer of any of them carries safe headers and tells who may read it,
    # and a preflight, which never carries a token, is answered before one is asked for.
    for layer in (ReadersOnly, Limits, KnownHosts, Cors, SafeHeaders):
        app.add_middleware(layer, settings=services.settings)
    problems.install(app)
    app.include_router(events.router(services, sns))
    catalogue = Catalogue(services)
    app.include_router(api.router(services, catalogue))
    app.include_router(desk.router(services, catalogue))
    for part in (operate, deliveries, media, health, pages, embed, syndication):
        app.include_router(part.router(services))
    pages.mount_static(app)
    return app


def server_config(
    app: FastAPI, settings: Settings, *, host: str, port: int, patience: Patience | None = None
) -> uvicorn.Config:
    """How the gateway is served: by one process, with bounds on connections and on the time they take."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=impatient(patience or Patience()),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        log_level="warning",
        # The address that limits count by; who may say another one is set, and by default nobody is.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        limit_concurrency=settings.max_connections,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
def main(host: str, port: int) -> None:
    """Serve newsreel's events, stories, media and API over HTTP until SIGINT or SIGTERM."""
    try:
        settings = load_settings()
        services = build_services(settings)
        app = create_app(services)
    except (ConfigurationError, ValidationError, OSError) as error:
        raise click.ClickException(str(error)) from error
    configure_logs(settings)
    server = uvicorn.Server(server_config(app, settings, host=host, port=port))
    _log.info("gateway.starting", host=host, port=port)
    # Uvicorn ends in order on SIGINT and then raises it once more.
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    main()

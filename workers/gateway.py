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
from config.settings import load_settings
from tasks.errors import ConfigurationError
from tasks.pipeline.services import Services
from workers.services import build_services
from workers.web import api, events, health, media, pages, problems
from workers.web.headers import SafeHeaders

_log = structlog.get_logger()

# A reader's download is cut off then; players ask again for the rest.
_SHUTDOWN_S: Final = 5
_ABOUT: Final = (
    "Clips and articles as newsreel publishes them. Records are JSON objects of their own bucket, media stand beside "
    "them; every URL in a record is relative to the record. Errors are problem details (RFC 9457)."
)


def create_app(services: Services) -> FastAPI:
    """The gateway as an ASGI application. Nothing is sent to a server before the first request."""
    app = FastAPI(title="newsreel", version="1", description=_ABOUT, docs_url=None, redoc_url=None)
    app.add_middleware(SafeHeaders)
    problems.install(app)
    for part in (events, api, media, health, pages):
        app.include_router(part.router(services))
    pages.mount_static(app)
    return app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
def main(host: str, port: int) -> None:
    """Serve newsreel's events, stories, media and API over HTTP until SIGINT or SIGTERM."""
    try:
        settings = load_settings()
        services = build_services(settings)
    except (ConfigurationError, ValidationError, OSError) as error:
        raise click.ClickException(str(error)) from error
    configure_logs(settings.log_format, settings.log_level)
    config = uvicorn.Config(
        create_app(services),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    _log.info("gateway.starting", host=host, port=port)
    # Uvicorn ends in order on SIGINT and then raises it once more.
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The one composition root: settings become adapters here, and everything else receives what it needs."""

from __future__ import annotations

from collections.abc import Callable

import redis
from celery import Celery

import config.ladders
from config.celery import celery_options
from config.settings import Settings
from tasks.adapters import binaries
from tasks.adapters.cage import Cage
from tasks.adapters.changes import ChangeNotes
from tasks.adapters.doorbell import Doorbell
from tasks.adapters.endpoints import read_endpoints
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.outbox import Outbox
from tasks.adapters.records import RecordStore
from tasks.adapters.sources import Sources
from tasks.adapters.workspace import Workspaces
from tasks.errors import ConfigurationError
from tasks.media.ladder import Ladder, read_ladder
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord


def build_services(
    settings: Settings,
    *,
    app: Celery | None = None,
    cage: Cage | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Services:
    """Adapters for one process. Nothing is sent anywhere yet, but the cage is tested.

    Parameters:
        app: the Celery app that sends messages; by default a new one for these settings, which serves no tasks.
        cage: one that was tried already, so that it is not tried again.
        is_stopping: tells the work that the process is to end.

    Raises:
        ConfigurationError: a ladder, program or cage that the settings name isn't to be had, or webhooks are not right.
    """
    sender = app or celery_app(settings)
    store = ObjectStore.connect(endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    found = binaries.locate(settings.ffmpeg)
    cage = cage or Cage(settings.cage)
    client = redis_client(settings)
    doorbell = Doorbell(sender, client)
    changes = ChangeNotes(store, settings.media_bucket, settings.zone, doorbell=doorbell, client=client)
    return Services(
        settings=settings,
        store=store,
        clips=RecordStore(store, settings.media_bucket, ClipRecord, keys.clip_record, changes.clip),
        articles=RecordStore(store, settings.media_bucket, ArticleRecord, keys.article_record, changes.article),
        doorbell=doorbell,
        changes=changes,
        outbox=Outbox(store, settings.media_bucket, read_endpoints(settings.webhooks.get_secret_value())),
        ffmpeg=Ffmpeg(found.ffmpeg, cage),
        ffprobe=Ffprobe(found.ffprobe, cage),
        workspaces=Workspaces(settings.workspace_dir),
        sources=Sources(store, settings.workspace_dir),
        ladder=load_ladder(settings.ladder),
        find_ladder=load_ladder,
        is_caged=cage.works,
        is_stopping=is_stopping,
    )


def celery_app(settings: Settings) -> Celery:
    """A Celery app for these settings; task modules are named as strings and imported by workers only."""
    app = Celery("newsreel", set_as_current=False)
    app.conf.update(celery_options(settings))
    return app


def redis_client(settings: Settings) -> redis.Redis:
    """A client of the broker's Redis with bounded waits."""
    return redis.Redis.from_url(
        settings.broker_url, socket_timeout=10, socket_connect_timeout=5, health_check_interval=30
    )


def load_ladder(name: str) -> Ladder:
    """The ladder of that name or path.

    Raises:
        ConfigurationError: there is none, or it is not valid.
    """
    try:
        path = config.ladders.find(name)
        return read_ladder(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise ConfigurationError(str(error)) from error

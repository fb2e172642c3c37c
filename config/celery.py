"""Celery's options, and the reason of each that is not its default."""

from __future__ import annotations

from kombu import Queue

from config import queues
from config.settings import Settings

TASK_MODULES = (
    "tasks.ingest",
    "tasks.transcode",
    "tasks.thumbnails",
    "tasks.link",
    "tasks.reconcile",
    "tasks.feeds",
    "tasks.notify",
)
# Retries of webhooks are this late at most; new events ring by themselves.
_NOTIFY_S = 5.0
# As far as S3 lets two clocks differ. A worker judges by its own clock whether a message has expired, and one that is a
# little ahead of the scheduler must not pass over all of them.
_CLOCKS_DIFFER_S = 15 * 60.0


def celery_options(settings: Settings) -> dict[str, object]:
    """The options for these settings."""
    return {
        "broker_url": settings.broker_url,
        "imports": TASK_MODULES,
        "task_queues": [Queue(name, routing_key=name) for name in queues.ALL_QUEUES],
        "task_default_queue": queues.INGEST,
        "task_create_missing_queues": False,
        "task_routes": {task: {"queue": queue} for task, queue in queues.TASK_QUEUES.items()},
        # Truth is in the object store: results would only fill Redis.
        "task_ignore_result": True,
        "task_acks_late": False,
        "result_backend": None,
        # A worker takes a message when it can start it, so nothing urgent waits behind what another one hoards.
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        # The order in which a worker names its queues is the order in which it empties them.
        "broker_transport_options": {
            "queue_order_strategy": "priority",
            "socket_keepalive": True,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A Redis that refuses to write (it can't save, it is a replica, it has too few) ends no worker either: it is
        # connected to anew until it does.
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Flower shows what these events tell.
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_proc_alive_timeout": 30,
        # A fresh process now and then keeps slow leaks of libraries from mattering.
        "worker_max_tasks_per_child": 200,
        "beat_scheduler": "config.beat:SteadyScheduler",
        "beat_schedule": {
            "reconcile": {
                "task": queues.RECONCILE_TASK,
                "schedule": settings.reconcile_interval_s,
                "options": {"queue": queues.RECONCILE, "expires": _expires_s(settings.reconcile_interval_s)},
            },
            **({"notify": _notify_entry()} if settings.webhooks.get_secret_value().strip() else {}),
        },
        "beat_max_loop_interval": min(5.0, settings.reconcile_interval_s),
        "timezone": settings.timezone,
    }


def _notify_entry() -> dict[str, object]:
    return {
        "task": queues.NOTIFY_TASK,
        "schedule": _NOTIFY_S,
        "args": (queues.DUE,),
        "options": {"queue": queues.NOTIFY, "expires": _expires_s(_NOTIFY_S)},
    }


def _expires_s(interval_s: float) -> float:
    """After how long one that nobody took is dropped: what has piled up meanwhile would all do the same."""
    return max(interval_s, _CLOCKS_DIFFER_S)

"""Flower's own configuration file: ``celery --app workers.app flower --conf=config/flower.py``.

Flower executes it and takes every global that bears the name of one of its options. The login comes from
NEWSREEL_FLOWER_USER and NEWSREEL_FLOWER_PASSWORD, the place to listen at from NEWSREEL_FLOWER_ADDRESS and
NEWSREEL_FLOWER_PORT.
"""

import ast
from typing import Any

import tornado.web
from flower.views import monitor

from config.settings import load_settings

_settings = load_settings()
_password = _settings.flower_password.get_secret_value()
if not _password:
    # Without a login Flower would show every clip's name to whoever finds the port.
    raise SystemExit("Flower does not start without a password. Remedy: set NEWSREEL_FLOWER_PASSWORD.")

address = _settings.flower_address
port = _settings.flower_port
basic_auth = [f"{_settings.flower_user}:{_password}"]

# Flower asks for the login everywhere but here, where it tells of workers and tasks too.
monitor.Metrics.get = tornado.web.authenticated(monitor.Metrics.get)

# A window, not a remote control: work is started by what lies in storage, and nothing in Flower may send a task again,
# stop a worker or take a queue from it.
read_only = True
# Nothing is kept between runs either: an old task that came back with a restart would tell of work that is long done.
persistent = False
max_tasks = 10_000
max_workers = 200
purge_offline_workers = 3600

# A machine that encodes answers late; at Flower's own limit of one second its queues would be missing from the list.
inspect_timeout = 3000.0

tasks_columns = "name,args,state,received,started,runtime,worker,uuid"
natural_time = True


def format_task(task: Any) -> Any:
    """Show the clip's (or article's, or upload's) name as it is spelt, in place of a Python tuple's repr."""
    try:
        arguments = ast.literal_eval(task.args or "")
    except (SyntaxError, ValueError):
        return task  # Celery cuts long arguments off; what is left is shown as it came.
    if isinstance(arguments, tuple | list):
        task.args = ", ".join(str(argument) for argument in arguments)
    return task

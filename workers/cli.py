"""The command line, ``newsreel``: runs the command, and turns errors into one line and an exit code."""

from __future__ import annotations

import difflib
import importlib
import sys
from importlib.metadata import version
from typing import Final, NoReturn

import click
from pydantic import ValidationError

from config.settings import PREFIX
from tasks.errors import NewsreelError, TemporarilyUnavailable

# Each is the module of its name in workers.commands, imported only when it is run.
_COMMANDS: Final = {
    "up": "Run all of newsreel on this machine.",
    "demo": "Publish an example story on a local stack.",
    "put": "Upload clips and articles.",
    "status": "Show the state of clips, articles and queues.",
    "retry": "Process a failed clip again.",
    "cancel": "Stop processing a clip.",
    "withdraw": "Take a clip offline.",
    "restore": "Publish a withdrawn clip again.",
    "reprocess": "Encode a new version of a clip.",
    "priority": "Change the priority of a waiting clip.",
    "poster": "Choose a clip's poster frame.",
    "reconcile": "Find lost work and leftovers, and repair both.",
    "webhooks": "List, replay and test webhook deliveries.",
    "doctor": "Check the installation, and name remedies.",
}

_INTERRUPTED: Final = 130
# What libraries raise when a server does not answer; looked up only where the library is loaded at all.
_UNREACHABLE: Final = (
    ("redis", "RedisError"),
    ("kombu.exceptions", "OperationalError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("urllib.error", "URLError"),
    ("httpx", "TransportError"),
)

_HELP: Final = """Turn uploaded clips into published stories.

\b
Examples:
  newsreel up                         run everything, with data in .newsreel
  newsreel put clips/*.mp4 --wait     upload, and follow until ready
  newsreel status 120320_OHAI1        one clip: its state, the reason, what to do
  newsreel doctor                     check the installation, and name remedies

\b
Exit codes:
  0    done
  1    failed; the message says why, and what to do
  2    wrong usage
  130  interrupted
"""


class _Commands(click.Group):
    """The commands, each imported when it is run: the help of one needs nothing of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"workers.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS:
            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("newsreel"), prog_name="newsreel", message="%(prog)s %(version)s")
def newsreel() -> None:
    """The group; its help is above."""


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        code = newsreel.main(prog_name="newsreel", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        click.echo(f"Error: {message}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def explain(error: Exception) -> str | None:
    """What to tell the user, with the remedy; None for an error that is a bug of newsreel."""
    if isinstance(error, NewsreelError):
        detail = getattr(error, "detail", "")
        remedy = " Remedy: start newsreel (newsreel up), or run: newsreel doctor" if _is_silence(error) else ""
        return (f"{error} ({detail})" if detail else str(error)) + remedy
    if isinstance(error, ValidationError):
        return _explain_settings(error) if error.title == "Settings" else None
    if isinstance(error, ConnectionError | TimeoutError) or _is_unreachable(error):
        return (
            f"A server does not answer: {error}. Remedy: start newsreel with `newsreel up`, or run `newsreel doctor`."
        )
    if isinstance(error, OSError):
        where = f"{error.filename} can't be used: {error.strerror}" if error.filename else str(error)
        return f"{where}. Remedy: choose a folder that you may write to, or free some disk space."
    return None


def _is_silence(error: NewsreelError) -> bool:
    return isinstance(error, TemporarilyUnavailable) and error.code in ("store_unavailable", "broker_unavailable")


def _explain_settings(error: ValidationError) -> str:
    problems = (
        f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}" if problem["loc"] else problem["msg"]
        for problem in error.errors(include_input=False)  # The value may be a secret.
    )
    return f"A setting is wrong. {'; '.join(problems)}. Remedy: correct it in the environment."


def _is_unreachable(error: Exception) -> bool:
    return any(
        (module := sys.modules.get(name)) is not None and isinstance(error, getattr(module, kind))
        for name, kind in _UNREACHABLE
    )


if __name__ == "__main__":
    main()

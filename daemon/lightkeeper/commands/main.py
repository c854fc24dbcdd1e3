"""The command line: all commands in one group, and the exit status of every error."""

import os
import re
import signal
import sys
import traceback
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import click

from lightkeeper import __version__
from lightkeeper.alerting.errors import AlertingError
from lightkeeper.commands.account import account
from lightkeeper.commands.audit import audit
from lightkeeper.commands.backup import backup, restore
from lightkeeper.commands.check import check
from lightkeeper.commands.compare import compare
from lightkeeper.commands.correct import correct
from lightkeeper.commands.dashboards import dashboards
from lightkeeper.commands.demo import demo
from lightkeeper.commands.drill import drill
from lightkeeper.commands.expected import expected
from lightkeeper.commands.follow import follow
from lightkeeper.commands.list import list_documents
from lightkeeper.commands.maintenance import maintenance
from lightkeeper.commands.monitors import monitors
from lightkeeper.commands.run import poll, run
from lightkeeper.commands.shared import complain
from lightkeeper.commands.simulate import simulate
from lightkeeper.commands.status import show, status
from lightkeeper.commands.terminal import HarmlessStream
from lightkeeper.commands.token import token
from lightkeeper.commands.track import track
from lightkeeper.commands.triage import ack, close, recheck
from lightkeeper.commands.web import web
from lightkeeper.domain.errors import ExitStatus, LightkeeperError

_OUTPUTS: Final = ("stdout", "stderr")
_POLLING: Final = ("run", "poll", "check")
_WITHOUT_STORE: Final = frozenset(
    {"monitors", "dashboards", "account", "drill", "demo", "simulate", "token"}
)
_SMUGGLED: Final = re.compile("[\udc80-\udcff]")  # bytes that Python put into an argument
_OTHER_NAMES: Final = {
    "acknowledge": "ack",
    "resolve": "close",
    "sandbox": "simulate",
    "start": "run",
    "watch": "run",
}
"""Words that people try, and the command they mean; click itself finds misspellings."""


def run_command_line() -> int:
    """Run the command line; the exit status. A user's mistake is one message, no traceback."""
    for name in _OUTPUTS:
        if getattr(sys, name) is None:  # closed: a socket would get its number
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        setattr(sys, name, HarmlessStream(getattr(sys, name)))
    try:
        return _run()
    finally:
        for name in _OUTPUTS:
            try:
                getattr(sys, name).flush()
            except OSError:
                setattr(sys, name, None)  # at exit it would fail once more, with status 120


def _run() -> int:
    try:
        return int(main.main(prog_name="lightkeeper", standalone_mode=False) or ExitStatus.OK)
    except (LightkeeperError, AlertingError) as exc:
        complain(str(exc))
        return exc.exit_status
    except click.ClickException as exc:
        with suppress(OSError):
            exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader of our output is gone; click exits by itself then.
        return ExitStatus.OK
    except OSError as exc:
        complain(exc.strerror or str(exc))
        return ExitStatus.IO_ERROR
    except Exception as exc:  # noqa: BLE001  # the program's own boundary
        if (explained := _explained(exc)) is not None:
            return explained
        where = traceback.extract_tb(exc.__traceback__)[-1]
        at = f"{Path(where.filename).name}:{where.lineno}"
        complain(f"internal error: {type(exc).__name__} at {at}: please report it")
        return ExitStatus.SOFTWARE


def _explained(exc: Exception) -> int | None:
    """The exit status where an error is no mistake of ours, once it was explained; else None."""
    if isinstance(exc, UnicodeEncodeError) and any(_SMUGGLED.search(each) for each in sys.argv):
        complain("an argument is not text in UTF-8: write it in UTF-8")
        return ExitStatus.USAGE
    try:
        _verify_store()
    except LightkeeperError as unsound:
        complain(str(unsound))
        return unsound.exit_status
    return None


def _verify_store() -> None:
    """Raise `StoreCorrupt` where the store holds what lightkeeper never writes."""
    from lightkeeper.commands.shared import load_store_settings
    from lightkeeper.store.database import Database

    if set(sys.argv[1:2]) & _WITHOUT_STORE:
        return
    with closing(Database(load_store_settings().database_url.get_secret_value())) as database:
        if database.version():
            database.verify()


class _Commands(click.Group):
    """Answers a command that has another name here with that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if name := _OTHER_NAMES.get(args[0]):
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {name!r}?", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lightkeeper")
@click.pass_context
def main(context: click.Context) -> None:
    """Watch the documents of Form 526 claims until each is done or failed.

    Settings come from the environment (LIGHTKEEPER_...), or from the file that
    LIGHTKEEPER_SETTINGS_FILE names; systemd/README.md lists them.
    """
    if context.invoked_subcommand == "run":
        # A SIGHUP that comes before the loop can handle it waits instead of killing the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    if os.environ.get("LIGHTKEEPER_SETTINGS_FILE"):
        from lightkeeper.config.settings_file import SettingsFile

        context.obj = SettingsFile(os.environ)
        try:
            context.obj.read(lighthouse=context.invoked_subcommand in _POLLING)
        except LightkeeperError:
            if context.invoked_subcommand != "check":  # which names it among all else
                raise


for _command in (
    *(
        track,
        follow,
        compare,
        expected,
        run,
        poll,
        status,
        list_documents,
        show,
        ack,
        close,
        recheck,
        correct,
        audit,
    ),
    *(maintenance, token, check, backup, restore, web),
    *(monitors, dashboards, account, drill, demo, simulate),
):
    main.add_command(_command)

"""The command line: the group of all commands, and what becomes of their errors."""

import os
import signal
import sys
import traceback
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import click

from lightkeeper import __version__
from lightkeeper.alerting.errors import AlertingError
from lightkeeper.commands.backup import backup, restore
from lightkeeper.commands.check import check
from lightkeeper.commands.dashboards import dashboards
from lightkeeper.commands.demo import demo
from lightkeeper.commands.drill import drill
from lightkeeper.commands.monitors import monitors
from lightkeeper.commands.run import poll, run
from lightkeeper.commands.shared import complain
from lightkeeper.commands.simulate import simulate
from lightkeeper.commands.status import show, status
from lightkeeper.commands.track import track
from lightkeeper.commands.triage import ack, close, recheck
from lightkeeper.domain.errors import ExitStatus, LightkeeperError

_OUTPUTS: Final = ("stdout", "stderr")
_FOR_LIGHTHOUSE: Final = ("run", "poll", "check")


def run_command_line() -> int:
    """Run the command line; the exit status. A user's mistake is one message, no traceback."""
    for name in _OUTPUTS:
        if getattr(sys, name) is None:  # started with it closed: no socket must take its place
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
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
        return int(main.main(standalone_mode=False) or ExitStatus.OK)
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
        # The reader of our output is gone (then click exits): nothing is left to say.
        return ExitStatus.OK
    except OSError as exc:
        complain(exc.strerror or str(exc))
        return ExitStatus.IO_ERROR
    except Exception as exc:  # noqa: BLE001  # the program's own boundary
        where = traceback.extract_tb(exc.__traceback__)[-1]
        at = f"{Path(where.filename).name}:{where.lineno}"
        complain(f"a mistake in lightkeeper: {type(exc).__name__} at {at}: please report it")
        return ExitStatus.SOFTWARE


class _Commands(click.Group):
    """Answers an unknown command with the nearest that there is."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=0.5)
            if not near:
                raise
            raise click.UsageError(f"{exc.message} Did you mean {near[0]!r}?", ctx) from exc


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lightkeeper")
@click.pass_context
def main(context: click.Context) -> None:
    """Watch over the documents of Form 526 claims until each has arrived.

    Settings come from the environment (LIGHTKEEPER_...), or from the file that
    LIGHTKEEPER_SETTINGS_FILE names; systemd/README.md lists them.
    """
    if context.invoked_subcommand == "run":
        # A SIGHUP that comes before the loop can handle it waits, and kills nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    if os.environ.get("LIGHTKEEPER_SETTINGS_FILE"):
        from lightkeeper.config.settings_file import SettingsFile

        context.obj = SettingsFile(os.environ)
        context.obj.read(lighthouse=context.invoked_subcommand in _FOR_LIGHTHOUSE)


for _command in (
    *(track, run, poll, status, show, ack, close, recheck, check, backup, restore),
    *(monitors, dashboards, drill, demo, simulate),
):
    main.add_command(_command)

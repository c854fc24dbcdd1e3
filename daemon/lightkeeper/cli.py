"""The commands. Imports are local: `--help` must not wait for libraries it does not use."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lightkeeper import __version__
from lightkeeper.assets_cli import monitors
from lightkeeper.backup_cli import backup, restore
from lightkeeper.casework_cli import ack, close, recheck
from lightkeeper.dashboards_cli import dashboards
from lightkeeper.drill_cli import drill
from lightkeeper.journal import is_journal, marked
from lightkeeper.model import DocumentType, LightkeeperError
from lightkeeper.sandbox_cli import sandbox

if TYPE_CHECKING:
    from lightkeeper.settings import Settings, StoreSettings
    from lightkeeper.settings_file import SettingsFile
    from lightkeeper.store.database import Database
    from lightkeeper.tracing import Tracer

EX_OK: Final = 0
EX_NO: Final = 1
EX_DATA: Final = 65
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_INTERRUPTED: Final = 130
_OUTPUTS: Final = ("stdout", "stderr")
_FOR_LIGHTHOUSE: Final = ("run", "poll", "check")


def run() -> int:
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
        return int(main.main(standalone_mode=False) or EX_OK)
    except LightkeeperError as exc:
        _complain(str(exc))
        return exc.exit_status
    except click.ClickException as exc:
        with suppress(OSError):
            exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EX_INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # Whoever read our output is gone (then click exits): nothing to say, nobody to say it to.
        return EX_OK
    except OSError as exc:
        _complain(exc.strerror or str(exc))
        return EX_IOERR
    except Exception as exc:  # noqa: BLE001  # the program's own boundary
        where = traceback.extract_tb(exc.__traceback__)[-1]
        at = f"{Path(where.filename).name}:{where.lineno}"
        _complain(f"a mistake in lightkeeper: {type(exc).__name__} at {at}: please report it")
        return LightkeeperError.exit_status


def _complain(message: str, level: str = "error") -> None:
    """Say it on stderr; where that cannot take it, the exit status has to do."""
    text = f"lightkeeper: {message}"
    with suppress(OSError):
        click.echo(marked(text, level) if is_journal(sys.stderr) else text, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lightkeeper")
@click.pass_context
def main(context: click.Context) -> None:
    """Watch over the documents of Form 526 claims until each has arrived.

    Settings come from the environment (LIGHTKEEPER_...), or from the file that
    LIGHTKEEPER_SETTINGS_FILE names; the README lists them.
    """
    if context.invoked_subcommand == "run":
        # One that comes before the loop can take it in waits for that, and kills nobody.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    if os.environ.get("LIGHTKEEPER_SETTINGS_FILE"):
        from lightkeeper.settings_file import SettingsFile

        context.obj = SettingsFile(os.environ)
        context.obj.read(lighthouse=context.invoked_subcommand in _FOR_LIGHTHOUSE)


for _command in (monitors, dashboards, drill, ack, close, recheck, backup, restore, sandbox):
    main.add_command(_command)


@main.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, allow_dash=True, readable=False)
)
@click.option("--request-id", help="Lighthouse's requestId.")
@click.option("--submission-id", help="Id of the Form 526 submission.")
@click.option("--document-type", type=click.Choice([str(kind) for kind in DocumentType]))
@click.option("--attachment-id", help="Id of the attachment; a veteran_upload needs one.")
@click.option("--tracked-at", help="When it was handed to Lighthouse (ISO 8601); default now.")
def track(file: Path | None, **options: str | None) -> int:
    """Track one document by options, or many from FILE (JSON Lines or CSV; - is stdin)."""
    from lightkeeper import handing_in

    if file is None:
        document = handing_in.document(options)
        with closing(_store(_store_settings(), create=True)) as database:
            click.echo(handing_in.one(database, document))
        return EX_OK
    if any(options.values()):
        raise click.UsageError("give either FILE or the options of one document")
    with (
        handing_in.opened(file) as lines,
        closing(_store(_store_settings(), create=True)) as database,
    ):
        tally = handing_in.many(database, lines, file)
    click.echo(f"{tally.new} tracked, {tally.known} known already, {tally.refused} refused")
    return EX_DATA if tally.refused else EX_OK


@main.command("run")
@click.pass_obj
def run_command(file: "SettingsFile | None") -> int:
    """Watch until stopped: poll Lighthouse, keep the store, tell Datadog.

    SIGHUP reads the settings anew and goes on with them, or with those before if they are wrong.
    """
    from lightkeeper.parts import watch
    from lightkeeper.service import Stop
    from lightkeeper.settings import Settings
    from lightkeeper.settings_file import SettingsFile

    settings_file = file or SettingsFile(os.environ)
    with Stop().on_signals(reloads=True) as stop:
        settings = _settings()
        tracer = _tracer(settings)
        with closing(watch(settings, create=True, tracer=tracer)) as parts:

            def renew() -> list[str]:
                with settings_file.undone_on_error():
                    settings_file.read(lighthouse=True)
                    changed = parts.renew(Settings.load(lighthouse=True))
                # Only now: a reload that is refused changes no tag of a log line.
                _configure_logs(tracer.correlation if tracer else dict)
                _warn_of_unknown_settings()
                return changed

            parts.service().run(stop, renew)
    return EX_OK


@main.command()
def poll() -> int:
    """Ask about everything that is due, once, and exit."""
    from lightkeeper.parts import watch
    from lightkeeper.service import Stop

    settings = _settings()
    tracer = _tracer(settings)
    with (
        Stop().on_signals() as stop,
        closing(watch(settings, create=False, tracer=tracer)) as parts,
    ):
        result = parts.single_pass().run(stop)
        agent_away = parts.emitter.reachable is False
    click.echo(f"asked about {result.asked} documents")
    if agent_away:
        _complain(
            f"warning: no Datadog Agent at {settings.agent_url}; "
            "what was learned stays untold until there is one"
        )
    if result.not_asked:
        _complain(
            f"not every document was asked about: {result.reason}; "
            "they stay due, and `lightkeeper check` may tell what is wrong"
        )
        return EX_TEMPFAIL
    return EX_OK


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> int:
    """Say how many documents stand where."""
    from lightkeeper import views

    with closing(_store(_store_settings())) as database:
        overview = views.overview(database)
    click.echo(views.overview_json(overview) if as_json else views.overview_text(overview))
    return EX_OK


@main.command()
@click.argument("request_id", required=False, type=click.IntRange(0, 2**63 - 1))
@click.option("--submission", help="All documents of this Form 526 submission.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(request_id: int | None, submission: str | None, as_json: bool) -> int:
    """Show the history of the document REQUEST_ID, or what became of a submission."""
    from lightkeeper import views

    if (request_id is None) == (submission is None):
        raise click.UsageError("give either REQUEST_ID or --submission ID")
    with closing(_store(_store_settings())) as database, database.guarded():
        found = (
            views.document(database, request_id)
            if request_id is not None
            else views.submission(database, submission or "")
        )
        if found is None:
            what = f"request id {request_id}" if submission is None else f"submission {submission}"
            _complain(f"{what} is not tracked here ({database.place})")
            return EX_NO
    click.echo(views.as_json(found) if as_json else views.as_text(found))
    return EX_OK


@main.command()
def check() -> int:
    """Try settings, database, token, Lighthouse and Agent one by one."""
    from lightkeeper.checks import checks

    _leave_no_core()
    _configure_logs()
    results = []
    for result in checks():
        results.append(result)
        click.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name:<10}  {result.detail}")
    return EX_OK if all(result.ok for result in results) else EX_NO


@main.command()
@click.option(
    "--seconds", default=30, show_default=True, type=click.IntRange(8, 3_600), help="How long."
)
def demo(seconds: int) -> int:
    """Watch a day of documents in half a minute, against a stand-in of Lighthouse."""
    from lightkeeper.demo import show_demo

    return show_demo(seconds)


def _settings() -> "Settings":
    """All settings, those for Lighthouse too."""
    from lightkeeper.settings import Settings

    _leave_no_core()
    settings = Settings.load(lighthouse=True)
    _configure_logs()
    _warn_of_unknown_settings()
    return settings


def _leave_no_core() -> None:
    """A core dump would hold the key."""
    import resource

    with suppress(ValueError, OSError):  # forbidden where it is not needed: the unit says it too
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _store_settings() -> "StoreSettings":
    """The settings of commands that only look into the store or put something there."""
    from lightkeeper.settings import StoreSettings

    settings = StoreSettings.load()
    _warn_of_unknown_settings()
    return settings


def _warn_of_unknown_settings() -> None:
    from lightkeeper.settings import unknown_settings

    for name in unknown_settings(os.environ):
        _complain(f"warning: no such setting: {name}", "warning")


def _tracer(settings: "Settings") -> "Tracer | None":
    """Tracing, where it is asked for; otherwise nothing of it is imported."""
    if not settings.tracing:
        return None
    from lightkeeper import tracing

    tracer = tracing.start()
    _configure_logs(tracer.correlation)
    return tracer


def _configure_logs(correlation: Callable[[], Mapping[str, str]] = dict) -> None:
    from lightkeeper import logs
    from lightkeeper.signals import unified_tags

    unified = {f"dd.{key}": value for key, value in unified_tags(os.environ).items()}
    logs.configure(unified=unified, correlation=correlation)


def _store(settings: "StoreSettings", *, create: bool = False) -> "Database":
    from lightkeeper.store.database import open_database

    return open_database(settings.database_url.get_secret_value(), create=create)

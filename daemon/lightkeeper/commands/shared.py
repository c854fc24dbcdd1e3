"""What commands share: settings, the store, logs, and messages on stderr.

Heavy imports are inside the functions, so that `--help` stays fast.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.telemetry.journald import is_journal, marked

if TYPE_CHECKING:
    from lightkeeper.config.settings import Settings, StoreSettings
    from lightkeeper.service.watched_envs import WatchedEnvs
    from lightkeeper.store.database import Database
    from lightkeeper.telemetry.tracing import Tracer


BY: Final = click.option("--by", help="Who does this; default: the login name.")
"""A command's option for who is in the audit log."""
_INSTALLED: Final = Path(__file__).parents[1] / "definitions"
_CHECKOUT: Final = Path(__file__).parents[3]


def places(name: str) -> list[Path]:
    """Where a folder of this name may be: in the working directory, or where it came with us."""
    return [Path(name), _INSTALLED / name, _CHECKOUT / name]


def shipped(name: str) -> Path:
    """The folder of this name in the working directory, or else the one that came with us."""
    for folder in places(name):
        if os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises where it may not look
            return folder
    return Path(name)


def folder_option(
    name: str, what: str, flag: str = "--folder"
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A command's option for the folder `name`, with `shipped` for a default."""
    return click.option(
        flag,
        default=lambda: shipped(name),
        show_default=f"{name}, or else the installed one",
        type=click.Path(path_type=Path),
        help=what,
    )


def watched() -> "WatchedEnvs | None":
    """The envs that the monitors watch which are at hand; None where there are none."""
    from lightkeeper.alerting.errors import AlertingError
    from lightkeeper.alerting.files.variables import each_environment, load_variables
    from lightkeeper.service.watched_envs import WatchedEnvs

    folder = shipped("monitors")
    path = folder / "variables.json"
    if not os.path.lexists(path):
        return None
    envs: dict[str, str] = {}
    problems: list[str] = []
    for values, file in each_environment(folder):
        try:
            envs.setdefault(load_variables(path, ["env"], values)["env"], str(file))
        except AlertingError as exc:
            problems.append(str(exc))
    return WatchedEnvs(envs, str(folder), problems[0] if problems else "")


class Unreadable(LightkeeperError):
    """The input file cannot be read."""

    exit_status = ExitStatus.NO_INPUT


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The open `file`, or stdin for `-`; raises `Unreadable`."""
    if str(file) == "-":
        if sys.stdin is None:
            raise Unreadable(
                "standard input is closed: pipe the lines into this command, or name a file"
            )
        yield sys.stdin.buffer
        return
    try:
        lines = file.open("rb")
    except OSError as exc:
        raise Unreadable(f"{file}: {exc.strerror}") from exc
    with lines:
        yield lines


def complain(message: str, level: str = "error") -> None:
    """Print a message to stderr, redacted if that is the journal.

    If stderr is closed, the exit status alone remains.
    """
    text = f"lightkeeper: {message}"
    if is_journal(sys.stderr):
        from lightkeeper.telemetry.logging import redact

        text = marked(redact(text), level)
    with suppress(OSError):
        click.echo(text, err=True)


def load_settings() -> "Settings":
    """All settings, those for Lighthouse included; configures the logs."""
    from lightkeeper.config.settings import Settings

    forbid_core_dumps()
    settings = Settings.load(lighthouse=True)
    configure_logs()
    warn_of_unknown_settings()
    return settings


def load_store_settings() -> "StoreSettings":
    """The settings of commands that use the store alone."""
    from lightkeeper.config.settings import StoreSettings

    settings = StoreSettings.load()
    warn_of_unknown_settings()
    return settings


def open_store(
    settings: "StoreSettings", *, create: bool = False, look: bool = False
) -> "Database":
    """The store that the settings name; raises what `open_database` raises."""
    from lightkeeper.store.database import open_database

    return open_database(settings.database_url.get_secret_value(), create=create, look=look)


def start_tracing(settings: "Settings") -> "Tracer | None":
    """The tracer if tracing is on; otherwise ddtrace is not imported."""
    if not settings.tracing:
        return None
    from lightkeeper.telemetry import tracing

    tracer = tracing.start()
    configure_logs(tracer.correlation)
    return tracer


def configure_logs(correlation: Callable[[], Mapping[str, str]] = dict) -> None:
    """Configure logs, with Datadog's unified service tags."""
    from lightkeeper.telemetry import logging
    from lightkeeper.telemetry.tag_values import unified_tags

    unified = {f"dd.{key}": value for key, value in unified_tags(os.environ).items()}
    logging.configure(unified=unified, correlation=correlation)


def forbid_core_dumps() -> None:
    """Forbid core dumps: they would hold the private key."""
    import resource

    with suppress(ValueError, OSError):  # a sandbox may forbid it; the systemd unit sets it too
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def warn_of_unknown_settings() -> None:
    """Print a warning for each variable with our prefix that is not a setting."""
    from lightkeeper.config.settings import unknown_settings

    for name in unknown_settings(os.environ):
        complain(f"warning: no such setting: {name}", "warning")


def api_environment() -> str:
    """The environment of the API's tokens: the `env` of our signals."""
    from lightkeeper.config.api_tokens import NO_ENVIRONMENT
    from lightkeeper.telemetry.tag_values import unified_tags

    return unified_tags(os.environ).get("env", NO_ENVIRONMENT)


def login_name() -> str:
    """Who runs this command; by number where the system knows no name."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def name_of(by: str | None) -> str:
    """Who does this, for the audit log: `by`, or else the login name.

    Raises `IncompleteNote` for a name that cannot be stored.
    """
    from lightkeeper.casework.triage import check_note

    who = login_name() if by is None else by
    check_note(who, "", needs_reason=False)
    return who


def note_write(who: str, action: str, what: str) -> None:
    """Note in the audit log of the store what was done to files.

    A store that is not there or cannot be written keeps no token from being revoked: it is said
    instead.
    """
    from functools import partial

    from lightkeeper.service.clock import now
    from lightkeeper.store import audit
    from lightkeeper.store.transact import transact

    try:
        with closing(open_store(load_store_settings())) as store:
            transact(store, partial(audit.note, store, who, action, what, now()))
    except LightkeeperError as exc:
        complain(f"the audit log lacks this command: {exc}", "warning")

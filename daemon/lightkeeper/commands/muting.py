"""`lightkeeper account mute` and `unmute`: a monitor is muted for a time, with who and why."""

import os
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lightkeeper.commands.account_access import account_at_hand
from lightkeeper.commands.shared import BY, folder_option, login_name
from lightkeeper.commands.values import of_env, values_options
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.time import SECOND
from lightkeeper.service.clock import now

if TYPE_CHECKING:
    from lightkeeper.alerting.account.client import Account
    from lightkeeper.alerting.account.muted import MonitorHeld
    from lightkeeper.alerting.files.variables import Values

_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=30)
_folder = folder_option("monitors", "The folder of monitors and variables.json.")


def _length(_context: click.Context, _option: click.Parameter, text: str) -> timedelta:
    from pydantic import TypeAdapter, ValidationError

    from lightkeeper.config.durations import Duration

    try:
        length = timedelta(milliseconds=TypeAdapter(Duration).validate_python(text))
    except (ValidationError, OverflowError) as exc:
        raise click.BadParameter("write a number with a unit, such as 30m, 2h or 1d") from exc
    if not _SHORTEST <= length <= _LONGEST:
        raise click.BadParameter("a monitor is muted for a minute at least, and 30 days at most")
    return length


@click.command()
@click.argument("key")
@click.option(
    "--for", "length", required=True, metavar="LENGTH", callback=_length, help="For how long: 2h."
)
@BY
@click.option("--reason", "--why", "reason", required=True, help="Why; on-call reads it.")
@_folder
@values_options
def mute(
    key: str, length: timedelta, by: str | None, reason: str, folder: Path, values: "Values"
) -> int:
    """Mute the monitor KEY for a time; who does it, and why, stands in Datadog.

    A monitor that is muted already is muted until the new time. What is wrong when it ends
    notifies then. Without --env it is about the environment of DD_ENV, if that is set. Such as:
    lightkeeper account mute documents-slow --for 2h --reason "load test"
    """
    from lightkeeper.alerting.account import muted
    from lightkeeper.casework.triage import check_note

    who = login_name() if by is None else by
    check_note(who, reason)
    there, env, monitor = _found(key, folder, values)
    at = datetime.fromtimestamp(now() / SECOND, UTC)
    until = at + length
    muted.mute(there, monitor, until=until, words=f"Muted by {who}: {reason}", now=at)
    click.echo(
        f"{key} of {env} (monitor {monitor.number}): muted until {until:%Y-%m-%dT%H:%M:%SZ}; "
        f"`lightkeeper account unmute {key}{_options(values)}` ends it"
    )
    return ExitStatus.OK


@click.command()
@click.argument("key")
@_folder
@values_options
def unmute(key: str, folder: Path, values: "Values") -> int:
    """End what `mute` did to the monitor KEY; what is wrong notifies then.

    Downtimes of planned outages, and those that people made in Datadog, stay, and are named.
    """
    from lightkeeper.alerting.account import muted
    from lightkeeper.alerting.account.downtimes import mark_of

    there, env, monitor = _found(key, folder, values)
    ended, others = muted.unmute(there, monitor)
    said = "mute ended" if ended else "was not muted by `lightkeeper account mute`"
    click.echo(f"{key} of {env} (monitor {monitor.number}): {said}")
    for row in others:
        marked = mark_of(row)
        whose = f"{marked}: it ends with that window" if marked else "people: end it in Datadog"
        click.echo(f"also muted by the downtime {row['id']} of {whose}")
    return ExitStatus.OK


def _found(key: str, folder: Path, values: "Values") -> "tuple[Account, str, MonitorHeld]":
    """The account, the env, and the monitor in it; of the files only env and names are read."""
    from lightkeeper.alerting.account.muted import find
    from lightkeeper.alerting.files.definitions import need_folder
    from lightkeeper.alerting.files.variables import load_variables
    from lightkeeper.telemetry.tag_values import unified_tags

    need_folder(folder, "--folder")
    values = of_env(folder, values, unified_tags(os.environ).get("env", ""))
    env = load_variables(folder / "variables.json", ["env"], values)["env"]
    known = {path.stem for path in folder.glob("*.json")} - {"variables"}
    there = account_at_hand()
    return there, env, find(there, env, key, known)


def _options(values: "Values") -> str:
    """The options that name the same environment again."""
    named = [f" --env {shlex.quote(values.environment)}"] if values.environment else []
    named += [f" --variables {shlex.quote(str(values.file))}"] if values.file else []
    return "".join([*named, *(f" --set {shlex.quote(one)}" for one in values.single)])

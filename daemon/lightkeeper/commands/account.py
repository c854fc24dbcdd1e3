"""`lightkeeper account`: plan and apply the definitions in a Datadog account."""

import os
from collections.abc import Callable
from contextlib import closing, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightkeeper.alerting.errors import AlertingError
from lightkeeper.commands.account_access import account_at_hand
from lightkeeper.commands.account_files import AccountFiles, read_files, refuse_mistakes
from lightkeeper.commands.account_maintenance import maintenance
from lightkeeper.commands.account_usage import AccountCommands, ComparingCommand
from lightkeeper.commands.muting import mute, unmute
from lightkeeper.commands.shared import complain, folder_option
from lightkeeper.commands.values import of_env, values_options
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.account.client import Account
    from lightkeeper.alerting.account.plan import Plan
    from lightkeeper.alerting.files.variables import Values
    from lightkeeper.config.settings import Settings

_json = click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")


@click.group(cls=AccountCommands)
def account() -> None:
    """Plan and apply the definitions in a Datadog account.

    They are those of the environment that --env names, or else DD_ENV, or else variables.json.
    Monitors are muted there, too: by hand, or by the planned outages that lightkeeper knows of.
    DD_SITE names the site, DD_API_KEY and DD_APP_KEY (or DD_API_KEY_FILE and DD_APP_KEY_FILE) hold
    the keys. What does not carry lightkeeper's mark is never touched.
    """


def _definitions(command: Callable[..., int]) -> Callable[..., int]:
    """A command's options for the definitions of one environment."""

    @folder_option("monitors", "The folder of monitors, slos/ and variables.json.")
    @click.option(
        "--dashboards",
        type=click.Path(path_type=Path),
        show_default="dashboards beside the folder",
        help="The folder of dashboards.",
    )
    @values_options
    @wraps(command)
    def with_definitions(**options: Any) -> int:
        return command(**options)

    return with_definitions


@account.command()
def check() -> int:
    """Try the keys, and name the permissions that they lack; nothing is written."""
    from lightkeeper.alerting.account.checked import permissions

    there = account_at_hand()
    if there.organisation() is not None:
        _say(f"ok    DD_API_KEY: {there.access.site} knows it")
    found = []
    for one in permissions(there):
        found.append(one)
        advice = "" if one.held else ": give it to the owner and the scopes of DD_APP_KEY"
        _say(f"{'ok  ' if one.held else 'FAIL'}  {one.name}{advice}")
    if not any(one.held for one in found):
        _say(f"FAIL  DD_APP_KEY: {there.access.site} does not take it with this DD_API_KEY")
    return ExitStatus.OK if all(one.held for one in found) else ExitStatus.NO


@account.command(cls=ComparingCommand)
@_definitions
@_json
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan for `apply`."
)
def plan(
    folder: Path, dashboards: Path | None, values: "Values", as_json: bool, out: Path | None
) -> int:
    """Show what differs between the files and the account, field by field.

    What `monitors check` or `dashboards check` finds in a payload that would be written, and what
    Datadog finds, is named then, and the plan refused. The exit status is 0 where nothing differs,
    2 where something does, and another after an error.
    """
    from lightkeeper.alerting.account.saved_plan import save

    there = account_at_hand()
    made = _planned(there, read_files(folder, dashboards, values), as_json=as_json)
    if out is not None:
        save(made, out)
        if not as_json:
            _say(f"saved: carry it out with `lightkeeper account apply {out}`")
    return ExitStatus.CHANGES if made.pending else ExitStatus.OK


@account.command(cls=ComparingCommand)
@_definitions
@_json
def drift(folder: Path, dashboards: Path | None, values: "Values", as_json: bool) -> int:
    """Show what differs in the account, as `plan` does, and publish how much; for a timer.

    The exit status is 0 where nothing differs, 2 where something does, and another after an error.
    """
    from lightkeeper.config.settings import Settings
    from lightkeeper.telemetry import logging
    from lightkeeper.telemetry.tag_values import unified_tags

    logging.configure(level="error")  # that the Agent is unreachable is said below, and once
    settings = Settings.load()
    env = unified_tags(settings.tag_variables).get("env", "")
    try:
        values = of_env(folder, values, env)
        files = read_files(folder, dashboards, values)
        env = files.env
        made = _compared(account_at_hand(), files)
    except BaseException as exc:
        said = str(exc) if isinstance(exc, AlertingError) else f"it ended in {type(exc).__name__}"
        _publish(settings, env, None, said)
        raise
    is_reached = _publish(settings, env, len(made.pending))
    _show(made, as_json)
    if not is_reached:
        complain(
            f"warning: Datadog Agent unreachable at {settings.agent_url}: start it, or set "
            "DD_DOGSTATSD_URL: no monitor learns of this comparison",
            "warning",
        )
    return ExitStatus.CHANGES if made.pending else ExitStatus.OK


def _publish(settings: "Settings", env: str, differing: int | None, problem: str = "") -> bool:
    """Report a comparison under the env that it is about; whether the Agent was reached."""
    from lightkeeper.service.connections import build_emitter
    from lightkeeper.telemetry.account_drift import report_drift

    with closing(build_emitter(settings.model_copy(update={"env": env}))) as emitter:
        return report_drift(emitter, differing, problem)


@account.command()
@click.argument("file", required=False, metavar="[PLAN]", type=click.Path(path_type=Path))
@_definitions
@click.option(
    "--allow-delete",
    "deletes",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Delete up to N objects of lightkeeper's whose files are gone.",
)
@click.option("--first", is_flag=True, help="Fill an account that lists no object at all.")
def apply(
    file: Path | None,
    folder: Path,
    dashboards: Path | None,
    values: "Values",
    deletes: int,
    first: bool,
) -> int:
    """Carry out PLAN, which `account plan --out` saved; without it, make a plan and show it first.

    Where the account changed since the plan was made, nothing is written. An apply that was
    interrupted is run again: nothing is made twice.
    """
    from lightkeeper.alerting.account.apply import Consent, summary
    from lightkeeper.alerting.account.apply import apply as carry_out
    from lightkeeper.alerting.account.errors import BadPlan
    from lightkeeper.alerting.account.saved_plan import load

    made = load(file) if file else None
    if (
        made is not None
        and _are_named()
        and read_files(folder, dashboards, values).wanted != made.wanted
    ):
        raise BadPlan(
            f"{file}: is not the plan for the definitions that the options name: make a new one, "
            "or leave the options out"
        )
    there = account_at_hand()
    if made is None:
        made = _planned(there, read_files(folder, dashboards, values))
    try:
        applied = carry_out(there, made, Consent(deletes, first), _say)
    except KeyboardInterrupt:
        complain("interrupted: run it again, and what is done already stays")
        return ExitStatus.INTERRUPTED
    _say(summary(applied))
    return ExitStatus.OK


@account.command("import")
@click.argument("number", metavar="ID")
@click.option("--key", help="The file's name without .json; from the object's name by default.")
@_definitions
def import_command(
    number: str, key: str | None, folder: Path, dashboards: Path | None, values: "Values"
) -> int:
    """Write the file of an object that was made by hand, and mark the object as lightkeeper's.

    ID is that of a monitor, an SLO or a dashboard. The next plan finds no difference in it.
    """
    from lightkeeper.alerting.account.errors import AccountMoved
    from lightkeeper.alerting.account.imported import adopt, imported, kind_of
    from lightkeeper.alerting.account.objects import ObjectKind

    kind = kind_of(number)
    source = click.get_current_context().get_parameter_source("folder")
    if source is click.core.ParameterSource.DEFAULT and not Path("monitors").is_dir():
        raise click.UsageError("there is no folder monitors here: name yours with --folder")
    there = account_at_hand()
    files = read_files(folder, dashboards, values, may_be_empty=True)
    found = imported(there, number, key, files.wanted, files.assets.variables)
    places = {ObjectKind.SLO: folder / "slos", ObjectKind.DASHBOARD: files.board_folder}
    path = places.get(kind, folder) / f"{found.key}.json"
    if os.path.lexists(path):
        raise AccountMoved(f"{path}: is there already: write another key with --key")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.text, encoding="utf-8")
        adopt(there, found, files.env)
    except BaseException:
        path.unlink(missing_ok=True)  # so that it can be run again
        raise
    _say(
        f"{path}: {kind} {number}; complete what stands beside its payload, and run "
        "`lightkeeper monitors check`: the file holds for every environment"
    )
    return ExitStatus.OK


def _say(line: str) -> None:
    """Print a line; where its reader is gone, what the command does and its status stay."""
    with suppress(BrokenPipeError):
        click.echo(line)


def _are_named() -> bool:
    """Whether an option says which definitions are meant."""
    source = click.get_current_context().get_parameter_source
    names = ("folder", "dashboards", "envs", "variables", "single")
    return any(source(name) is click.core.ParameterSource.COMMANDLINE for name in names)


def _show(made: "Plan", as_json: bool) -> None:
    import json

    from lightkeeper.alerting.account.plan import as_json as written

    if as_json:
        _say(json.dumps(written(made), indent=2, ensure_ascii=False))
        return
    for line in made.lines():
        _say(line)


def _planned(there: "Account", files: AccountFiles, *, as_json: bool = False) -> "Plan":
    """Make the plan and show it. Raises for what may not be written, by the lint or Datadog."""
    from lightkeeper.alerting.account.checked import validate

    made = _compared(there, files)
    _show(made, as_json)
    refuse_mistakes(files, made)
    validate(there, made)
    return made


def _compared(there: "Account", files: AccountFiles) -> "Plan":
    from lightkeeper.alerting.account.plan import make
    from lightkeeper.alerting.account.snapshot import read

    organisation = there.organisation()
    held = read(there, files.env)
    return make(files.wanted, held, files.env, there.access.site, organisation)


for _command in (mute, unmute, maintenance):
    account.add_command(_command)

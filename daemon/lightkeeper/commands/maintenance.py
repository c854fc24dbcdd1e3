"""`lightkeeper maintenance`: maintenance windows are announced, listed and ended."""

from contextlib import closing

import click

from lightkeeper.commands.shared import BY, complain, load_store_settings, login_name, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now


@click.group()
def maintenance() -> None:
    """Announce planned outages of Lighthouse.

    Each is a maintenance window. While one is in effect the daemon polls and publishes as always,
    and what the window explains does not page.
    """


@maintenance.command()
@click.option(
    "--from",
    "since",
    metavar="TIME",
    help="When it begins, or how long ago it began; default: now.",
)
@click.option(
    "--until",
    required=True,
    metavar="TIME",
    help="When it ends, or how long it lasts: 8h. Of a date the whole day.",
)
@click.option("--why", "--reason", "reason", required=True, help="Why; on-call reads it.")
@click.option(
    "--step",
    multiple=True,
    metavar="STEP",
    help="The step that is out; may be repeated. Default: all of Lighthouse.",
)
@BY
def add(since: str | None, until: str, reason: str, step: tuple[str, ...], by: str | None) -> int:
    """Announce a maintenance window.

    A TIME is a date, or a time such as 2026-12-05T22:00:00Z (UTC if it names no zone). Such as:
    lightkeeper maintenance add --from 2026-12-05T22:00Z --until 8h --why "BGS upgrade"
    """
    from lightkeeper.casework import maintenance_windows as casework
    from lightkeeper.casework.filters import WrongFilter, steps_named
    from lightkeeper.store.filters import Listing
    from lightkeeper.store.maintenance_windows import MaintenanceWindows

    at, who = now(), login_name() if by is None else by
    with closing(open_store(load_store_settings())) as store:
        try:
            starts_at, ends_at = casework.times(since, until, at)
            steps = steps_named(step, Listing(store).steps())
            store.durable()
            window = casework.announce(
                MaintenanceWindows(store),
                starts_at,
                ends_at,
                steps=sorted(steps),
                reason=reason,
                by=who,
                now=at,
            )
        except (WrongFilter, casework.WrongWindow) as exc:
            raise click.UsageError(str(exc)) from exc
    click.echo(casework.announced(window, at))
    return ExitStatus.OK


@maintenance.command(name="list")
@click.option("--all", "also_over", is_flag=True, help="Those that are over, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_windows(also_over: bool, as_json: bool) -> int:
    """List the maintenance windows that are in effect or to come."""
    import orjson

    from lightkeeper.casework import maintenance_windows as casework
    from lightkeeper.store.maintenance_windows import MaintenanceWindows

    at = now()
    with closing(open_store(load_store_settings(), look=True)) as store:
        windows = MaintenanceWindows(store)
        found = windows.all() if also_over else windows.not_over(at)
    if as_json:
        shown = [casework.data(each, at) for each in found]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(casework.table(found, at)))
    return ExitStatus.OK


@maintenance.command()
@click.argument(
    "window_ids", nargs=-1, required=True, metavar="ID...", type=click.IntRange(0, 2**63 - 1)
)
@BY
def end(window_ids: tuple[int, ...], by: str | None) -> int:
    """End maintenance windows now, or before they begin.

    `lightkeeper maintenance list` names their IDs.
    """
    from lightkeeper.casework import maintenance_windows as casework
    from lightkeeper.store.maintenance_windows import MaintenanceWindows

    at, who = now(), login_name() if by is None else by
    with closing(open_store(load_store_settings())) as store:
        store.durable()
        done, unknown = casework.end(MaintenanceWindows(store), window_ids, who, at)
    for line in done:
        click.echo(line)
    for line in unknown:
        complain(line)
    return ExitStatus.BAD_DATA if unknown else ExitStatus.OK

"""`lightkeeper follow`: tracks what another program hands to Lighthouse, from its own table."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import (
    BY,
    complain,
    configure_logs,
    load_store_settings,
    login_name,
    name_of,
    open_store,
)
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.casework.follow import Follower
    from lightkeeper.config.settings import StoreSettings
    from lightkeeper.domain.time import Instant
    from lightkeeper.service.stop import Stop


def source_options(command: Callable[..., int]) -> Callable[..., int]:
    """A command's options for vets-api's database, and for how much of its table."""
    url = click.option(
        "--source-url",
        "given",
        help="Its PostgreSQL: postgresql://user@host/name. Better LIGHTKEEPER_FOLLOW_SOURCE_URL: "
        "other users see the options of a process.",
    )
    since = click.option(
        "--since", help="Only what was created then or later, such as 7d; default: all."
    )
    return url(since(command))


@click.group()
def follow() -> None:
    """Track what another program hands to Lighthouse."""


@follow.command("vets-api")
@source_options
@click.option("--once", is_flag=True, help="End once all that is there was taken.")
@click.option("--beside-daemon", is_flag=True, hidden=True)  # `lightkeeper run` gives it
def vets_api(given: str | None, since: str | None, once: bool, beside_daemon: bool) -> int:
    """Track each row of vets-api's table lighthouse526_document_uploads, as it comes.

    Its table is read, and never written. A row without a request id is tracked when the id comes,
    and a wrong one once it is right.
    """
    from lightkeeper.casework.filters import instant_of
    from lightkeeper.config.settings import Settings
    from lightkeeper.service.clock import now
    from lightkeeper.service.connections import build_emitter
    from lightkeeper.service.follower_process import end_with_daemon
    from lightkeeper.service.following import build_follow_loop, build_follower
    from lightkeeper.service.stop import Stop
    from lightkeeper.store.vets_api import VetsApiUploads

    settings = load_store_settings()
    url = source_url(settings, given)
    begin = 0 if since is None else instant_of("--since", since, now(), 0)
    # Beside the daemon a store that is gone is the daemon's to make.
    create = "database_url" in settings.model_fields_set and not beside_daemon
    with (
        closing(VetsApiUploads(url)) as uploads,
        closing(open_store(settings, create=create)) as store,
        Stop().on_signals() as stop,
    ):
        if beside_daemon:
            end_with_daemon()
        store.durable()
        if once:
            return _once(build_follower(settings, uploads, store, reject=_reject), stop, begin)
        configure_logs()
        with closing(build_emitter(Settings.load())) as emitter:
            loop = build_follow_loop(settings, uploads, store, emitter, reject=_reject)
            loop.run(stop, begin)
    return ExitStatus.OK


def source_url(settings: "StoreSettings", given: str | None) -> str:
    """The address of vets-api's database: the one given, or else that of the settings."""
    from lightkeeper.store.vets_api import SOURCE_SETTING

    configured = settings.follow_source_url
    url = given or (configured.get_secret_value() if configured else None)
    if url is None:
        raise click.UsageError(f"name vets-api's database: set {SOURCE_SETTING}")
    return url


@follow.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_waiting(as_json: bool) -> int:
    """List the rows that cannot be tracked, the oldest first, and say when all was taken last.

    They have no request id, because Lighthouse has not taken their documents, or are wrong. Only
    what the store knows is shown: vets-api's database is not asked.
    """
    import orjson

    from lightkeeper.casework import waiting as casework
    from lightkeeper.store.followed import following, waiting

    with closing(open_store(load_store_settings(), look=True)) as store:
        rows, how_well = waiting(store), following(store)
    if as_json:
        shown = [casework.data(each) for each in rows]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(casework.table(rows, how_well)))
    return ExitStatus.OK


@follow.command()
@click.argument(
    "row_ids", nargs=-1, required=True, metavar="ROW_ID...", type=click.IntRange(0, 2**63 - 1)
)
@click.option("--why", "--reason", "reason", required=True, help="Why, for those who read it.")
@BY
def settle(row_ids: tuple[int, ...], reason: str, by: str | None) -> int:
    """Count rows that cannot be tracked no longer: staff have nothing left to do for them.

    `lightkeeper follow list` names their ids. If a row can be tracked after all, it is.
    """
    from lightkeeper.casework.follow import SOURCE
    from lightkeeper.casework.triage import check_note
    from lightkeeper.service.clock import now
    from lightkeeper.store.followed import Followed

    who = login_name() if by is None else by
    check_note(who, reason, reason_option="--why")
    named = list(dict.fromkeys(row_ids))
    with closing(open_store(load_store_settings())) as store:
        store.durable()
        found = Followed(store, SOURCE).settle(named, who, reason, now())
    for row_id in found:
        click.echo(f"row {row_id} is settled")
    unknown = [each for each in named if each not in found]
    for row_id in unknown:
        complain(f"row {row_id} is none that cannot be tracked: see lightkeeper follow list")
    return ExitStatus.BAD_DATA if unknown else ExitStatus.OK


@follow.command()
@BY
def end(by: str | None) -> int:
    """End the signals of a follower of vets-api. Stop the follower first.

    What was tracked stays. A follower that is started later goes on where this one was.
    """
    from lightkeeper.casework.follow import SOURCE
    from lightkeeper.service.clock import now
    from lightkeeper.store.followed import Followed

    who = name_of(by)
    with closing(open_store(load_store_settings())) as store:
        store.durable()
        was_followed = Followed(store, SOURCE).end(who, now())
    click.echo("vets-api is no longer followed" if was_followed else "vets-api was not followed")
    return ExitStatus.OK


def _reject(row_id: int, reason: str) -> None:
    complain(f"row {row_id}: {reason}")


def _once(follower: "Follower", stop: "Stop", since: "Instant") -> int:
    tally = follower.round(lambda: stop.requested, since)
    click.echo(
        f"{tally.new} tracked, {tally.known} known already, {tally.rejected} rejected, "
        f"{tally.without_request_id} without a request id"
    )
    if stop.requested:
        complain("stopped before the end of the table: to track the rest, run it again")
        return ExitStatus.TERMINATED
    return ExitStatus.BAD_DATA if tally.rejected else ExitStatus.OK

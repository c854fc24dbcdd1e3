"""`lightkeeper status` counts documents; `lightkeeper show` displays one of them."""

from contextlib import closing
from typing import Any

import click

from lightkeeper.commands.shared import complain, load_store_settings, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.time import SECOND
from lightkeeper.service.clock import now


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> int:
    """Count documents by status and step, and those in trouble."""
    from lightkeeper.casework import lookup

    settings = load_store_settings()
    with closing(open_store(settings, look=True)) as database:
        overview = lookup.overview(database, now(), settings.policy)
    click.echo(_json(overview) if as_json else _table(overview))
    return ExitStatus.OK


@click.command()
@click.argument("request_id", required=False, type=click.IntRange(0, 2**63 - 1))
@click.option("--submission", help="Show all documents of this Form 526 submission.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(request_id: int | None, submission: str | None, as_json: bool) -> int:
    """Show one document with its history, or one submission.

    For a submission, the last lines are what the veteran may read.
    """
    from lightkeeper.casework import lookup

    if (request_id is None) == (submission is None):
        raise click.UsageError("give either REQUEST_ID or --submission ID")
    settings = load_store_settings()
    with closing(open_store(settings, look=True)) as database, database.guarded():
        found = (
            lookup.document(database, request_id, now(), settings.policy)
            if request_id is not None
            else lookup.submission(database, submission or "", now(), settings.policy)
        )
        if found is None:
            what = f"request id {request_id}" if submission is None else f"submission {submission}"
            complain(f"{what} is not tracked here ({database.place}): check the id")
            return ExitStatus.NO
    click.echo(_json(found.data) if as_json else "\n".join(found.lines))
    return ExitStatus.OK


def _json(data: dict[str, Any]) -> str:
    import orjson

    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


def _table(data: dict[str, Any]) -> str:
    """The overview of `casework.lookup` for a person."""
    from lightkeeper.casework.maintenance_windows import in_effect

    lost = data["unacknowledged"] - data["in_efolder_not_bgs"] - data["efolder_unknown"]
    lines = [
        f"tracked {data['tracked']} = pending {data['pending']} + done {data['done']} "
        f"+ failed {data['failed']}",
        *map(in_effect, data["maintenance"]),
        "",
        f"{data['slow']} slow: {data['stuck']} stuck, {data['overdue']} of these overdue",
        f"{data['not_found']} not found by Lighthouse",
        f"{data['unacknowledged']} failed, unacknowledged:",
        f"  {lost} not in the eFolder",
        f"  {data['in_efolder_not_bgs']} in the eFolder but not in BGS",
        f"  {data['efolder_unknown']} perhaps in the eFolder",
        f"{data['contradictory']} done, contradictory",
        f"{data['acknowledged']} acknowledged, not settled yet",
        f"{data['expected_missing']} expected, not tracked",
        f"{data['unpublished']} transitions not yet published to Datadog",
    ]
    rows = [
        (kind, status, step, count)
        for kind, by_status in data["documents"].items()
        for status, by_step in by_status.items()
        for step, count in by_step.items()
    ]
    if rows:
        lines += ["", f"{'document type':<18}{'status':<9}{'step':<26}{'documents':>9}"]
        lines += [
            f"{kind:<18}{status:<9}{step:<26}{count:>9}" for kind, status, step, count in rows
        ]
    lines += ["", f"last tracked: {_ago(data, 'tracked')}"]
    return "\n".join([*lines, f"last ended well: {_ago(data, 'ended_well')}"])


def _ago(data: dict[str, Any], what: str) -> str:
    from lightkeeper.casework.text import lasting

    at, ago_s = data[f"last_{what}_at"], data[f"last_{what}_ago_s"]
    return "never" if at is None else f"{lasting(ago_s * SECOND)} ago ({at})"

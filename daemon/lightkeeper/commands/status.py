"""`lightkeeper status` counts documents; `lightkeeper show` displays one of them."""

from contextlib import closing

import click

from lightkeeper.commands.shared import complain, load_store_settings, open_store
from lightkeeper.domain.errors import ExitStatus


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> int:
    """Count documents by status and step, and those in trouble."""
    from lightkeeper.casework import lookup

    with closing(open_store(load_store_settings())) as database:
        overview = lookup.overview(database)
    click.echo(lookup.overview_json(overview) if as_json else lookup.overview_text(overview))
    return ExitStatus.OK


@click.command()
@click.argument("request_id", required=False, type=click.IntRange(0, 2**63 - 1))
@click.option("--submission", help="Show all documents of this Form 526 submission.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(request_id: int | None, submission: str | None, as_json: bool) -> int:
    """Show one document with its history, or one submission.

    For a submission, the last line is what the veteran may read.
    """
    from lightkeeper.casework import lookup

    if (request_id is None) == (submission is None):
        raise click.UsageError("give either REQUEST_ID or --submission ID")
    with closing(open_store(load_store_settings())) as database, database.guarded():
        found = (
            lookup.document(database, request_id)
            if request_id is not None
            else lookup.submission(database, submission or "")
        )
        if found is None:
            what = f"request id {request_id}" if submission is None else f"submission {submission}"
            complain(f"{what} is not tracked here ({database.place}): check the id")
            return ExitStatus.NO
    click.echo(lookup.as_json(found) if as_json else lookup.as_text(found))
    return ExitStatus.OK

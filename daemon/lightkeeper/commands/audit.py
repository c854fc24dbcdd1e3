"""`lightkeeper audit`: what callers and staff wrote, for people, spreadsheets and programs."""

from contextlib import closing
from itertools import islice
from typing import Final

import click

from lightkeeper.commands.filters import FORMAT
from lightkeeper.commands.shared import load_store_settings, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now

_WRITTEN_AT_ONCE: Final = 200


@click.command()
@click.option("--since", metavar="TIME", help="Written then or later.")
@click.option("--until", metavar="TIME", help="Written then or earlier.")
@FORMAT
def audit(since: str | None, until: str | None, form: str) -> int:
    """List what was written: when, by whom, and what.

    By the API's callers, under the names of their tokens, by the follower of vets-api's table, and
    by staff: track, ack, close, recheck, correct, maintenance, expected, follow, token and
    restore. A TIME is a date (its whole day, UTC), a time such as
    2026-11-23T14:05:00Z, or how long ago, such as 12h or 7d.
    """
    from lightkeeper.casework.audit import lines
    from lightkeeper.casework.filters import between

    first, last = between("", since, until, now())
    with closing(open_store(load_store_settings(), look=True)) as database:
        written = lines(database, first, last, form)
        while text := "".join(islice(written, _WRITTEN_AT_ONCE)):
            click.echo(text, nl=False)
    return ExitStatus.OK

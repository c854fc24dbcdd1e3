"""`lightkeeper list`: the documents that match a filter, for people, spreadsheets and programs."""

from contextlib import closing
from itertools import islice
from typing import Any, Final

import click

from lightkeeper.commands.filters import FILTERS, FORMAT, asked, filter_of, with_options
from lightkeeper.commands.shared import load_store_settings, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now

_WRITTEN_AT_ONCE: Final = 200


@click.command(name="list")
@with_options(*FILTERS)
@FORMAT
def list_documents(form: str, **options: Any) -> int:
    """List documents with step, condition, since when, and reason.

    All of them, or those that match every option; an option that is given twice allows both
    values. A TIME is a date (its whole day, UTC), a time such as 2026-11-23T14:05:00Z, or how
    long ago, such as 12h or 7d. All failures of the last week:
    lightkeeper list --status failed --failed-since 7d
    """
    from lightkeeper.casework.filters import Asked
    from lightkeeper.casework.listing import lines
    from lightkeeper.store.filters import Listing

    at, settings = now(), load_store_settings()
    with closing(open_store(settings, look=True)) as database:
        wanted = filter_of(asked(options) or Asked(), database, settings.policy, at)
        written = lines(Listing(database), wanted, form, at, settings.policy)
        while text := "".join(islice(written, _WRITTEN_AT_ONCE)):
            click.echo(text, nl=False)
    return ExitStatus.OK

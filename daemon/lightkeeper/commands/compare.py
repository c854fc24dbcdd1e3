"""`lightkeeper compare`: where another program and the store disagree about documents."""

from contextlib import closing
from itertools import islice
from typing import Final

import click

from lightkeeper.commands.filters import Word
from lightkeeper.commands.follow import source_options, source_url
from lightkeeper.commands.shared import load_store_settings, open_store
from lightkeeper.domain.errors import ExitStatus

_WRITTEN_AT_ONCE: Final = 200


@click.group()
def compare() -> None:
    """Find where another program and lightkeeper disagree."""


@compare.command("vets-api")
@source_options
@click.option(
    "--format",
    "form",
    type=Word(["table", "csv", "json", "jsonl"]),
    default="table",
    show_default=True,
)
def vets_api(given: str | None, since: str | None, form: str) -> int:
    """List the rows of vets-api's table that are not tracked, or of which it says something else.

    It says completed, and Lighthouse does not know the document or it failed; pending, and it
    failed; failed, and it is done. The exit status is 1 where there are any.
    """
    from lightkeeper.casework.compare import FIELDS, Comparison
    from lightkeeper.casework.filters import instant_of
    from lightkeeper.casework.listing import written
    from lightkeeper.service.clock import now
    from lightkeeper.store.vets_api import VetsApiUploads

    settings = load_store_settings()
    url = source_url(settings, given)
    begin = 0 if since is None else instant_of("--since", since, now(), 0)
    compared = Comparison()
    with (
        closing(VetsApiUploads(url)) as uploads,
        closing(open_store(settings, look=True)) as store,
    ):
        rows = compared.disagreements(uploads, store, begin)
        lines = written(rows, form, FIELDS, compared.table)
        while text := "".join(islice(lines, _WRITTEN_AT_ONCE)):
            click.echo(text, nl=False)
    return ExitStatus.NO if compared.disagreeing else ExitStatus.OK

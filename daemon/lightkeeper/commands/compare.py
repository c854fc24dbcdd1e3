"""`lightkeeper compare`: where another program and the store disagree about documents."""

from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from typing import Final

import click

from lightkeeper.commands.filters import FORMAT
from lightkeeper.commands.follow import source_options, source_url
from lightkeeper.commands.shared import (
    complain,
    configure_logs,
    load_store_settings,
    open_store,
)
from lightkeeper.domain.errors import ExitStatus

_WRITTEN_AT_ONCE: Final = 200


@click.group()
def compare() -> None:
    """Find where another program and lightkeeper disagree."""


@compare.command("vets-api")
@source_options
@FORMAT
def vets_api(given: str | None, since: str | None, form: str) -> int:
    """List the rows of vets-api's table that are not tracked, or of which it says something else.

    It says completed, and Lighthouse does not know the document or it failed; pending, and it
    failed; failed, and it is done; completed or failed, and it is stuck. The exit status is 1
    where there are any. Without --since it begins where the table was followed from, and Datadog
    is sent how many there are.
    """
    from lightkeeper.casework.compare import FIELDS, Comparison
    from lightkeeper.casework.filters import instant_of
    from lightkeeper.casework.follow import SOURCE
    from lightkeeper.casework.listing import written
    from lightkeeper.service.clock import now
    from lightkeeper.store.followed import Followed
    from lightkeeper.store.vets_api import VetsApiUploads

    settings = load_store_settings()
    configure_logs()
    url = source_url(settings, given)
    compared = Comparison(now(), settings.policy)
    with (
        closing(VetsApiUploads(url)) as uploads,
        closing(open_store(settings, look=True)) as store,
    ):
        if since is None:
            begin = Followed(store, SOURCE).taken_from() or 0
        else:
            begin = instant_of("--since", since, now(), 0)
        rows = compared.disagreements(uploads, store, begin)
        lines = written(rows, form, FIELDS, compared.table)
        while text := "".join(islice(lines, _WRITTEN_AT_ONCE)):
            click.echo(text, nl=False)
    if since is None:
        _publish(compared.counts, compared.lasting)
    return ExitStatus.NO if compared.disagreeing else ExitStatus.OK


def _publish(counts: Mapping[str, int], lasting: Mapping[str, int]) -> None:
    """Send how many rows the two disagree about, and warn where no Agent takes it."""
    from lightkeeper.config.settings import Settings
    from lightkeeper.service.connections import build_emitter
    from lightkeeper.telemetry.disagreements import report_disagreements

    settings = Settings.load()
    with closing(build_emitter(settings)) as emitter:
        if not report_disagreements(emitter, counts, lasting):
            complain(
                f"warning: Datadog Agent unreachable at {settings.agent_url}: start it, or set "
                "DD_DOGSTATSD_URL: Datadog does not learn of this comparison",
                "warning",
            )

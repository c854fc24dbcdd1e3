"""`lightkeeper ack`, `close` and `recheck`: what staff do about documents."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightkeeper.commands.filters import FILTERS, asked, filter_of, with_options
from lightkeeper.commands.input_lines import input_lines
from lightkeeper.commands.shared import BY, load_store_settings, login_name, open_store, opened
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.time import Instant
from lightkeeper.service.clock import now

if TYPE_CHECKING:
    from lightkeeper.casework.triage import Action, Chosen
    from lightkeeper.store.triage import Decide, Note, TriageStore


_selection = with_options(
    click.argument("request_ids", nargs=-1, metavar="[REQUEST_ID]..."),
    click.option(
        "--file",
        type=click.Path(path_type=Path, allow_dash=True, readable=False),
        help="A file with one request id a line; - is stdin.",
    ),
    *FILTERS,
    click.option(
        "--yes",
        type=click.IntRange(0),
        metavar="COUNT",
        help="Carry it out, if exactly COUNT documents match; without it, preview.",
    ),
    BY,
)
"""Options that choose the documents and name who acts."""


@click.command()
@_selection
@click.option("--reason", help="Why; `show` displays it. A preview needs none.")
@click.option("--revoke", is_flag=True, help="Take the acknowledgement back: they page again.")
def ack(revoke: bool, **options: Any) -> int:
    """Acknowledge documents: they do not page for a week.

    They page again after the week (a setting), or once Lighthouse reports another status. Name
    them by REQUEST_ID, by --file, or by a filter; a filter shows a preview first.
    """
    from lightkeeper.casework.triage import Action

    return _carry_out(Action.UNACK if revoke else Action.ACK, **options)


@click.command()
@_selection
@click.option("--reason", help="Why; `show` displays it. A preview needs none.")
@click.option("--revoke", is_flag=True, help="Reopen them: they are polled again.")
def close(revoke: bool, **options: Any) -> int:
    """Close documents that staff settled outside lightkeeper.

    They are polled no more. Name them by REQUEST_ID, by --file, or by a filter; a filter shows a
    preview first.
    """
    from lightkeeper.casework.triage import Action

    return _carry_out(Action.UNCLOSE if revoke else Action.CLOSE, **options)


@click.command()
@_selection
@click.option("--reason", help="Why; `show` displays it.")
def recheck(**options: Any) -> int:
    """Have documents polled next, also those that failed long ago.

    Name them by REQUEST_ID, by --file, or by a filter; a filter shows a preview first.
    """
    from lightkeeper.casework.triage import Action

    return _carry_out(Action.RECHECK, **options)


def _carry_out(
    action: "Action",
    *,
    request_ids: tuple[str, ...],
    file: Path | None,
    yes: int | None,
    by: str | None,
    reason: str | None,
    **options: Any,
) -> int:
    from lightkeeper.casework import triage
    from lightkeeper.store.triage import TriageStore

    at, wanted = now(), asked(options)
    if sum(each is not None for each in (request_ids or None, file, wanted)) != 1:
        raise click.UsageError("give either REQUEST_IDs, --file, or a filter such as --status")
    settings = load_store_settings()
    may = triage.decide(action, settings.policy, at)
    if wanted is not None and yes is None:
        with closing(open_store(settings, look=True)) as store:
            wanted_now = filter_of(wanted, store, settings.policy, at)
            chosen = triage.by_filter(TriageStore(store), wanted_now, action, may)
        click.echo(triage.preview(chosen.documents, action, yes, reason))
        return ExitStatus.OK
    note = _note(action, by, reason, at)
    with closing(open_store(settings)) as store:
        documents = TriageStore(store)
        if wanted is None:
            chosen = _by_request_ids(documents, request_ids, file, may)
        else:
            wanted_now = filter_of(wanted, store, settings.policy, at)
            chosen = triage.by_filter(documents, wanted_now, action, may)
            if len(chosen.documents) != yes:
                # What the preview did not show is not acknowledged: it may just have failed.
                click.echo(triage.preview(chosen.documents, action, yes, reason))
                return ExitStatus.NO
        store.durable()
        done_count = documents.carry_out([each.id for each in chosen.documents], may, note)
    click.echo(triage.outcome(action, done_count, chosen))
    return ExitStatus.BAD_DATA if chosen.rejected else ExitStatus.OK


def _note(action: "Action", by: str | None, reason: str | None, at: Instant) -> "Note":
    from lightkeeper.casework import triage

    if reason is None and action is not triage.Action.RECHECK:
        raise click.UsageError("Missing option '--reason'.")
    return triage.note(action, login_name() if by is None else by, reason or "", at)


def _by_request_ids(
    documents: "TriageStore", request_ids: tuple[str, ...], file: Path | None, may: "Decide"
) -> "Chosen":
    from lightkeeper.casework import triage

    if file is None:
        chosen, what = triage.by_lines(documents, request_ids, may), "argument"
    else:
        with opened(file) as stream:
            chosen, what = triage.by_lines(documents, input_lines(stream), may), "line"
    for line, reason in chosen.rejected:
        click.echo(f"{what} {line}: {reason}", err=True)
    return chosen

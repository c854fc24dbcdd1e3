"""`lightkeeper ack`, `close` and `recheck`: what staff do about documents."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightkeeper.commands.shared import load_store_settings, open_store, opened
from lightkeeper.domain.document import Condition, DocumentType, LighthouseStatus
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.time import Instant
from lightkeeper.service.clock import now

if TYPE_CHECKING:
    from lightkeeper.casework.triage import Action, Chosen
    from lightkeeper.store.triage import Decide, Filter, TriageStore


def _selection(command: Callable[..., int]) -> Callable[..., int]:
    """Options that choose the documents and name who acts."""
    options = (
        click.argument("request_ids", nargs=-1, metavar="[REQUEST_ID]..."),
        click.option(
            "--file",
            type=click.Path(path_type=Path, allow_dash=True, readable=False),
            help="A file with one request id a line; - is stdin.",
        ),
        click.option("--status", type=click.Choice([str(each) for each in LighthouseStatus])),
        click.option("--step", help="The step at which they are, or failed."),
        click.option("--document-type", type=click.Choice([str(each) for each in DocumentType])),
        click.option("--condition", type=click.Choice([str(each) for each in Condition])),
        click.option("--older-than", help="Handed to Lighthouse longer ago than this: 12h, 30d."),
        click.option(
            "--yes",
            type=click.IntRange(0),
            metavar="COUNT",
            help="Carry it out, if exactly COUNT documents match; without it, preview.",
        ),
        click.option("--by", help="Who does this; default: the login name."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_selection
@click.option("--reason", required=True, help="Why; `show` displays it.")
@click.option("--revoke", is_flag=True, help="Take the acknowledgement back: they page again.")
def ack(revoke: bool, **options: Any) -> int:
    """Acknowledge documents: they stop paging until they change.

    Name them by REQUEST_ID, by --file, or by a filter; a filter shows a preview first.
    """
    from lightkeeper.casework.triage import Action

    return _carry_out(Action.UNACK if revoke else Action.ACK, **options)


@click.command()
@_selection
@click.option("--reason", required=True, help="Why; `show` displays it.")
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
@click.option("--reason", default="", help="Why; `show` displays it.")
def recheck(**options: Any) -> int:
    """Poll documents at once, also those that failed long ago.

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
    reason: str,
    **filters: str | None,
) -> int:
    from lightkeeper.casework import triage
    from lightkeeper.store.triage import TriageStore

    at = now()
    wanted = _filter(at, **filters) if any(filters.values()) else None
    if sum(map(bool, (request_ids, file, wanted))) != 1:
        raise click.UsageError("give either REQUEST_IDs, --file, or a filter such as --status")
    settings = load_store_settings()
    note = triage.note(action, _login_name() if by is None else by, reason, at)
    may = triage.decide(action, settings.policy, at)
    with closing(open_store(settings)) as store:
        documents = TriageStore(store)
        if wanted is not None:
            chosen = triage.by_filter(documents, wanted, action, may)
            if (count := len(chosen.documents)) != yes:
                click.echo(triage.preview(chosen.documents, action))
                if not count:
                    return ExitStatus.OK if yes is None else ExitStatus.NO
                # What the preview did not show is not acknowledged: it may just have failed.
                now_match = "" if yes is None else f", because {count} documents match now"
                click.echo(f"nothing changed{now_match}: to go ahead, repeat with --yes {count}")
                return ExitStatus.OK if yes is None else ExitStatus.NO
        else:
            chosen = _by_request_ids(documents, request_ids, file, may)
        store.durable()
        done_count = documents.carry_out([each.id for each in chosen.documents], may, note)
    click.echo(triage.outcome(action, done_count, chosen))
    return ExitStatus.BAD_DATA if chosen.rejected else ExitStatus.OK


def _filter(
    at: Instant,
    *,
    status: str | None,
    step: str | None,
    document_type: str | None,
    condition: str | None,
    older_than: str | None,
) -> "Filter":
    from pydantic import TypeAdapter, ValidationError

    from lightkeeper.config.settings import Duration
    from lightkeeper.store.triage import Filter

    conditions = frozenset({condition} if condition else Condition)
    try:
        age = TypeAdapter(Duration).validate_python(older_than) if older_than else 0
    except ValidationError as exc:
        raise click.UsageError(
            "--older-than: give a number with a unit, such as 12h or 30d"
        ) from exc
    return Filter(conditions, status, step, document_type, at - age if age else None)


def _by_request_ids(
    documents: "TriageStore", request_ids: tuple[str, ...], file: Path | None, may: "Decide"
) -> "Chosen":
    from lightkeeper.casework import triage

    if file is None:
        chosen, what = triage.by_lines(documents, request_ids, may), "argument"
    else:
        with opened(file) as lines:
            chosen, what = triage.by_lines(documents, lines, may), "line"
    for line, reason in chosen.rejected:
        click.echo(f"{what} {line}: {reason}", err=True)
    return chosen


def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError) as exc:
        raise click.UsageError("no login name found: name who does this with --by") from exc

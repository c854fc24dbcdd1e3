"""`lightkeeper correct`: documents tracked with a wrong submission, attachment or type."""

from contextlib import closing

import click

from lightkeeper.commands.filters import DOCUMENT_TYPE
from lightkeeper.commands.shared import BY, complain, load_store_settings, login_name, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now


@click.command()
@click.argument("request_ids", nargs=-1, required=True, metavar="REQUEST_ID...")
@click.option("--submission-id", "--submission", help="The right Form 526 submission.")
@click.option(
    "--attachment-id", "--attachment", help="The right attachment; an empty one removes it."
)
@click.option("--document-type", "--type", "document_type", type=DOCUMENT_TYPE)
@BY
@click.option("--reason", required=True, help="Why; `show` displays it.")
def correct(
    request_ids: tuple[str, ...],
    submission_id: str | None,
    attachment_id: str | None,
    document_type: str | None,
    by: str | None,
    reason: str,
) -> int:
    """Correct the submission, attachment or type of documents.

    Their history keeps what it was, who changed it and why; correct them back to undo it. A wrong
    REQUEST_ID is another document's: correct it to that one's submission and attachment, or close
    it where there is no such document, and track the right one.
    """
    from lightkeeper.casework import correct as casework
    from lightkeeper.casework.intake import WrongDocument
    from lightkeeper.casework.triage import by_lines
    from lightkeeper.store.triage import Effect, TriageStore

    to = casework.Correction(submission_id, attachment_id, document_type)
    if to == casework.Correction():
        raise click.UsageError("give --submission-id, --attachment-id or --document-type")
    at, who = now(), login_name() if by is None else by
    with closing(open_store(load_store_settings())) as store:
        documents = TriageStore(store)
        store.durable()
        chosen = by_lines(documents, request_ids, lambda each: Effect(each.condition))
        problems = [f"argument {place}: {why}" for place, why in chosen.rejected]
        for each in chosen.documents:
            try:
                said = casework.correct(documents, each.request_id, to, who, reason, at)
            except WrongDocument as exc:
                problems.append(f"request id {each.request_id}: {exc}")
            else:
                click.echo(f"request id {each.request_id}: {said}")
    for problem in problems:
        complain(problem)
    return ExitStatus.BAD_DATA if problems else ExitStatus.OK

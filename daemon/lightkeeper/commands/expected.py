"""`lightkeeper expected`: what is expected and not tracked is listed, and settled."""

from contextlib import closing

import click

from lightkeeper.commands.filters import DOCUMENT_TYPE
from lightkeeper.commands.shared import BY, complain, load_store_settings, login_name, open_store
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now


@click.group()
def expected() -> None:
    """List and settle documents that are expected and not tracked.

    The system that submits claims says how many of which type a submission should have.
    """


@expected.command(name="list")
@click.option("--all", "also_settled", is_flag=True, help="What staff have settled, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_missing(also_settled: bool, as_json: bool) -> int:
    """List what is expected and not tracked, the oldest first.

    It is awaited for an hour (LIGHTKEEPER_EXPECTED_WITHIN), and missing from then on.
    """
    import orjson

    from lightkeeper.casework import expected as casework
    from lightkeeper.store.expected import ExpectedDocuments

    at, settings = now(), load_store_settings()
    with closing(open_store(settings, look=True)) as store:
        found = ExpectedDocuments(store).missing(also_settled=also_settled)
    within = settings.expected_within
    if as_json:
        shown = [
            {"form_526_submission_id": each.submission_id, **casework.data(each, at, within)}
            for each in found
        ]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(casework.table(found, at, within)))
    return ExitStatus.OK


@expected.command()
@click.argument("submission", metavar="SUBMISSION")
@click.option(
    "--document-type",
    "--type",
    "kinds",
    type=DOCUMENT_TYPE,
    multiple=True,
    help="What is missing of this type; may be repeated. Default: of every type.",
)
@click.option("--why", "--reason", "reason", required=True, help="Why, for those who read it.")
@click.option("--revoke", is_flag=True, help="Take that back: it is missing again.")
@BY
def settle(
    submission: str, kinds: tuple[str, ...], reason: str, revoke: bool, by: str | None
) -> int:
    """Stop counting a submission's missing documents: staff took care of them.

    The veteran reads so. Was there never such a document: have the system that expects it say the
    lower number instead. What is tracked after all is no longer missing.
    """
    from lightkeeper.casework import expected as casework
    from lightkeeper.store.expected import ExpectedDocuments

    who = login_name() if by is None else by
    with closing(open_store(load_store_settings())) as store:
        store.durable()
        expected = ExpectedDocuments(store)
        done = casework.settle(expected, submission, kinds, who, reason, now(), revoke=revoke)
    for line in done:
        click.echo(line)
    if not done:
        what = "nothing was settled" if revoke else "nothing is missing"
        complain(f"{what} of that submission: see lightkeeper expected list --all")
        return ExitStatus.BAD_DATA
    return ExitStatus.OK

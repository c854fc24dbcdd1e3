"""`lightkeeper track`: one document by options, or many from a file."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import load_store_settings, open_store, opened
from lightkeeper.commands.terminal import unfiltered
from lightkeeper.domain.document import DocumentType
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.plain_text import harmless

if TYPE_CHECKING:
    from lightkeeper.casework.intake import IntakeTally, Rejection
    from lightkeeper.domain.document import NewDocument
    from lightkeeper.store.database import Database


@click.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, allow_dash=True, readable=False)
)
@click.option("--request-id", help="The requestId that Lighthouse returned.")
@click.option("--submission-id", help="Id of the Form 526 submission.")
@click.option("--document-type", type=click.Choice([str(kind) for kind in DocumentType]))
@click.option("--attachment-id", help="Id of the attachment; a veteran_upload needs one.")
@click.option("--tracked-at", help="When it was handed to Lighthouse (ISO 8601); default: now.")
def track(file: Path | None, **options: str | None) -> int:
    """Track documents that were handed to Lighthouse.

    Describe one document by options, or many in FILE: JSON Lines, or CSV with a header; - is
    stdin. Tracking the same document again changes nothing.
    """
    if file is None:
        document = _document(options)
        with closing(open_store(load_store_settings(), create=True)) as database:
            click.echo(_track_one(database, document))
        return ExitStatus.OK
    if any(options.values()):
        raise click.UsageError("give either FILE or the options of one document, not both")
    with (
        opened(file) as lines,
        closing(open_store(load_store_settings(), create=True)) as database,
    ):
        tally = _track_many(database, lines, file)
    not_yet = f", {tally.not_handed_over} without a request id" if tally.not_handed_over else ""
    click.echo(
        f"{tally.new} tracked, {tally.known} known already, {tally.rejected} rejected{not_yet}"
    )
    return ExitStatus.BAD_DATA if tally.rejected else ExitStatus.OK


def _document(options: Mapping[str, str | None]) -> "NewDocument":
    """The document that the options describe; raises `WrongDocument`."""
    from lightkeeper.casework.intake import new_document
    from lightkeeper.service.clock import now

    required = ("request_id", "submission_id", "document_type")
    if missing := [name for name in required if options[name] is None]:
        flags = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise click.UsageError(f"missing: {flags} (or give a FILE)")
    fields = {
        "lighthouse_request_id": options["request_id"],
        "form_526_submission_id": options["submission_id"],
        "document_type": options["document_type"],
        "form_attachment_id": options["attachment_id"],
        "tracked_at": options["tracked_at"],
    }
    return new_document(fields, now())


def _track_one(database: "Database", new: "NewDocument") -> str:
    """Track one document; what to print: whether it is new or known already."""
    from lightkeeper.casework.intake import WrongDocument, conflict
    from lightkeeper.service.clock import now
    from lightkeeper.store.documents import Documents, Intake

    database.durable()
    documents = Documents(database)
    (fate,) = documents.add([new], now())
    if fate is Intake.CONFLICT:
        raise WrongDocument(conflict(documents, new))
    return f"request id {new.request_id}: {'tracked' if fate is Intake.NEW else 'known already'}"


def _track_many(database: "Database", lines: Iterable[bytes], file: Path) -> "IntakeTally":
    """Track every good line, and print why each other line is rejected."""
    from lightkeeper.casework.intake import track_lines
    from lightkeeper.service.clock import now
    from lightkeeper.store.documents import Documents

    def reject(rejection: "Rejection") -> None:
        with suppress(OSError):  # it is counted anyway, and the next lines are read
            # Made harmless here too: while there is a bar, rich has put itself before stderr.
            click.echo(harmless(f"line {rejection.line}: {rejection.reason}"), err=True)

    with _progress(lines, file) as (read, stored):
        database.durable()
        return track_lines(Documents(database), read, clock=now, reject=reject, stored=stored)


@contextmanager
def _progress(
    lines: Iterable[bytes], file: Path
) -> Iterator[tuple[Iterable[bytes], Callable[["IntakeTally"], None]]]:
    """`lines`, and a function to call with each new tally; on a terminal they move a bar."""
    if not sys.stderr.isatty():
        yield lines, lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    size = file.stat().st_size if file.is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=unfiltered(sys.stderr))) as bar:
        task = bar.add_task("reading", total=size)
        read_bytes = 0

        def counted() -> Iterator[bytes]:
            nonlocal read_bytes
            for line in lines:
                read_bytes += len(line)
                yield line

        def stored(tally: "IntakeTally") -> None:
            words = f"{tally.new:,} tracked, {tally.known:,} known, {tally.rejected:,} rejected"
            bar.update(task, completed=read_bytes, description=words)

        yield counted(), stored

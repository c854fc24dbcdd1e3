"""`lightkeeper track`: one document by options, or many from a file."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from lightkeeper.commands.filters import DOCUMENT_TYPE
from lightkeeper.commands.input_lines import input_lines
from lightkeeper.commands.shared import (
    BY,
    complain,
    load_store_settings,
    name_of,
    open_store,
    opened,
)
from lightkeeper.commands.terminal import unfiltered
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.plain_text import harmless

if TYPE_CHECKING:
    from lightkeeper.casework.intake import IntakeTally, Rejection
    from lightkeeper.domain.document import NewDocument
    from lightkeeper.service.stop import Stop
    from lightkeeper.store.database import Database


@click.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, allow_dash=True, readable=False)
)
@click.option("--request-id", help="The requestId that Lighthouse returned.")
@click.option("--submission-id", help="Id of the Form 526 submission.")
@click.option("--document-type", type=DOCUMENT_TYPE)
@click.option("--attachment-id", help="Id of the attachment; a veteran_upload needs one.")
@click.option("--tracked-at", help="When it was handed to Lighthouse (ISO 8601); default: now.")
@BY
def track(file: Path | None, by: str | None, **options: str | None) -> int:
    """Track documents that were handed to Lighthouse.

    Describe one document by options, or many in FILE: JSON Lines, or CSV with a header; - is
    stdin, which may stay open: each line is stored within two seconds. Tracking the same document
    again changes nothing.
    """
    who = name_of(by)
    if file is None:
        document = _document(options)
        with closing(_open_store()) as database:
            click.echo(_track_one(database, document, who))
        return ExitStatus.OK
    if any(options.values()):
        raise click.UsageError("give either FILE or the options of one document, not both")
    from lightkeeper.service.stop import Stop

    with opened(file) as stream, closing(_open_store()) as database, Stop().on_signals() as stop:
        tally = _track_many(database, stream, stop, file, who)
    not_yet = f", {tally.not_handed_over} without a request id" if tally.not_handed_over else ""
    click.echo(
        f"{tally.new} tracked, {tally.known} known already, {tally.rejected} rejected{not_yet}"
    )
    if stop.requested:
        complain("stopped before the end of the input: to track the rest, give it again")
        interrupted = stop.signal_number == signal.SIGINT
        return ExitStatus.INTERRUPTED if interrupted else ExitStatus.TERMINATED
    return ExitStatus.BAD_DATA if tally.rejected else ExitStatus.OK


def _open_store() -> "Database":
    """The store; a new one only where a setting names it, for the daemon must watch the same."""
    settings = load_store_settings()
    is_named = "database_url" in settings.model_fields_set
    database = open_store(settings, create=is_named)
    if database.path is not None and not is_named:
        complain(
            f"no LIGHTKEEPER_DATABASE_URL is set: the store is {database.path.absolute()}", "info"
        )
    return database


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


def _track_one(database: "Database", new: "NewDocument", by: str) -> str:
    """Track one document; what to print: whether it is new or known already."""
    from lightkeeper.casework.intake import WrongDocument, conflict
    from lightkeeper.service.clock import now
    from lightkeeper.store.documents import Documents, Intake

    database.durable()
    documents = Documents(database)
    (fate,) = documents.add([new], now(), by)
    if fate is Intake.CONFLICT:
        raise WrongDocument(conflict(documents, new))
    return f"request id {new.request_id}: {'tracked' if fate is Intake.NEW else 'known already'}"


def _track_many(
    database: "Database", stream: BinaryIO, stop: "Stop", file: Path, by: str
) -> "IntakeTally":
    """Track every good line, and print why each other line is rejected."""
    from lightkeeper.casework.intake import track_lines
    from lightkeeper.service.clock import now
    from lightkeeper.store.documents import Documents

    def reject(rejection: "Rejection") -> None:
        with suppress(OSError):  # it is counted anyway, and the next lines are read
            # Made harmless here too: while there is a bar, rich has put itself before stderr.
            click.echo(harmless(f"line {rejection.line}: {rejection.reason}"), err=True)

    lines = input_lines(stream, stop)
    with _progress(stream, file) as stored:
        database.durable()
        return track_lines(
            Documents(database), lines, clock=now, reject=reject, stored=stored, by=by
        )


@contextmanager
def _progress(stream: BinaryIO, file: Path) -> Iterator[Callable[["IntakeTally"], None]]:
    """A function to call with each new tally; on a terminal it moves a bar."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    size = file.stat().st_size if file.is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=unfiltered(sys.stderr))) as bar:
        task = bar.add_task("reading", total=size)

        def stored(tally: "IntakeTally") -> None:
            words = f"{tally.new:,} tracked, {tally.known:,} known, {tally.rejected:,} rejected"
            read_bytes = None if size is None else stream.tell()
            bar.update(task, completed=read_bytes, description=words)

        yield stored

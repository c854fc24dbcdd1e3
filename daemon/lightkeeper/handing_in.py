"""What `track` does: one document from options, or many from a file, told to a person."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from lightkeeper.intake import Refusal, Tally, WrongDocument, new_document, take_in
from lightkeeper.model import LightkeeperError, NewDocument, now
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents, Intake


class Unreadable(LightkeeperError):
    """The file to read cannot be read."""

    exit_status = 66


def document(options: Mapping[str, str | None]) -> NewDocument:
    """The document that the options of `track` describe; raises `WrongDocument`."""
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


def one(database: Database, new: NewDocument) -> str:
    """Track one document; what became of it, in words."""
    database.durable()
    (fate,) = Documents(database).add([new], now())
    if fate is Intake.CONFLICT:
        raise WrongDocument(
            f"conflict: request id {new.request_id} is tracked already, for another "
            "submission or as another document type; `lightkeeper show` tells which"
        )
    return f"{new.request_id}: {'tracked' if fate is Intake.NEW else 'known already'}"


def many(database: Database, lines: Iterable[bytes], file: Path) -> Tally:
    """Track every good line, and say of each other one why it is refused."""

    def refuse(refusal: Refusal) -> None:
        with suppress(OSError):  # it is counted all the same, and the lines after it are read
            click.echo(f"line {refusal.line}: {refusal.reason}", err=True)

    with _progress(lines, file) as (read, stored):
        database.durable()
        return take_in(Documents(database), read, clock=now, refuse=refuse, stored=stored)


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The bytes of `file`, of stdin for `-`; raises `Unreadable`."""
    if str(file) == "-":
        if sys.stdin is None:
            raise Unreadable("-: standard input is closed")
        yield sys.stdin.buffer
        return
    try:
        lines = file.open("rb")
    except OSError as exc:
        raise Unreadable(f"{file}: {exc.strerror}") from exc
    with lines:
        yield lines


@contextmanager
def _progress(
    lines: Iterable[bytes], file: Path
) -> Iterator[tuple[Iterable[bytes], Callable[[Tally], None]]]:
    """`lines`, and what to call with the tally after each batch, with a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lines, lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    size = file.stat().st_size if file.is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=size)
        read_bytes = 0

        def counted() -> Iterator[bytes]:
            nonlocal read_bytes
            for line in lines:
                read_bytes += len(line)
                yield line

        def stored(tally: Tally) -> None:
            words = f"{tally.new:,} tracked, {tally.known:,} known, {tally.refused:,} refused"
            bar.update(task, completed=read_bytes, description=words)

        yield counted(), stored

"""`lightkeeper backup` and `lightkeeper restore`: copies of the SQLite store."""

import signal
from pathlib import Path

import click

from lightkeeper.commands.shared import BY, load_store_settings, name_of, note_write
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now

_file = click.argument("file", type=click.Path(path_type=Path, readable=False))


@click.command()
@_file
def backup(file: Path) -> int:
    """Write a verified copy of the SQLite store to FILE.

    `lightkeeper run` may keep working meanwhile. FILE must not exist yet.
    """
    from lightkeeper.store.backup import back_up

    click.echo(back_up(_database_url(), file).text())
    return ExitStatus.OK


@click.command()
@_file
@click.option(
    "--discard-newer",
    is_flag=True,
    help="Restore even if the store holds documents or transitions that FILE lacks.",
)
@BY
def restore(file: Path, discard_newer: bool, by: str | None) -> int:
    """Replace the SQLite store by the backup FILE.

    Stop `lightkeeper run` first. The replaced store is kept beside the new one.
    """
    from lightkeeper.store.restore import put_back

    who = name_of(by)
    contents, kept = put_back(_database_url(), file, discard_newer=discard_newer, now=now())
    click.echo(contents.text())
    for path in kept:
        click.echo(f"the replaced store is kept as {path}")
    note_write(who, "restored", f"backup with {contents.text()}")
    return ExitStatus.OK


def _database_url() -> str:
    """The store's URL. From here on SIGTERM cleans up like Ctrl-C and leaves no half copy."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return load_store_settings().database_url.get_secret_value()

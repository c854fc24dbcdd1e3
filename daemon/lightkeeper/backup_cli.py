"""The commands that copy a store and put a copy back; `cli` puts them beside the others."""

from pathlib import Path
from typing import Final

import click

EX_OK: Final = 0

_file = click.argument("file", type=click.Path(path_type=Path, readable=False))


@click.command()
@_file
def backup(file: Path) -> int:
    """Copy the store to FILE, while lightkeeper runs, and verify the copy."""
    from lightkeeper.store.backup import back_up

    store = _store("pg_dump --format=custom --file=FILE --dbname=URL")
    click.echo(f"{file}: {back_up(store, file)}, verified")
    return EX_OK


@click.command()
@_file
@click.option(
    "--discard-newer",
    is_flag=True,
    help="Also where the store has documents or changes that FILE has not.",
)
def restore(file: Path, discard_newer: bool) -> int:
    """Put the backup FILE in the place of the store, which is kept beside it."""
    from lightkeeper.store import backup

    store = _store("pg_restore --clean --if-exists --dbname=URL FILE")
    contents, kept = backup.restore(store, file, discard_newer=discard_newer)
    click.echo(f"{store}: {contents}, from {file}")
    if kept is not None:
        click.echo(f"{kept}: what was there before; remove it once it is not needed")
    return EX_OK


def _store(instead: str) -> Path:
    """Where the SQLite store is; for PostgreSQL, what to use instead."""
    from lightkeeper.settings import StoreSettings
    from lightkeeper.store.backup import sqlite_path

    return sqlite_path(StoreSettings.load().database_url.get_secret_value(), instead)

"""The commands `lightkeeper backup` and `restore`; `cli` puts them beside the others."""

import signal
from pathlib import Path

import click

from lightkeeper.commands.shared import load_store_settings
from lightkeeper.domain.errors import ExitStatus

_file = click.argument("file", type=click.Path(path_type=Path, readable=False))


@click.command()
@_file
def backup(file: Path) -> int:
    """Write a verified copy of the SQLite store to FILE, also while `run` works on it."""
    from lightkeeper.store.backup import back_up

    click.echo(back_up(_database_url(), file).text())
    return ExitStatus.OK


@click.command()
@_file
@click.option("--discard-newer", is_flag=True, help="Also where that loses what FILE lacks.")
def restore(file: Path, discard_newer: bool) -> int:
    """Put the backup FILE in the place of the SQLite store, which is kept beside it."""
    from lightkeeper.store.restore import put_back

    contents, kept = put_back(_database_url(), file, discard_newer=discard_newer)
    click.echo(contents.text())
    for path in kept:
        click.echo(f"what was there before is kept as {path}")
    return ExitStatus.OK


def _database_url() -> str:
    """The store's address, once a stop can do no harm."""
    # A stop of the service manager cleans up like Ctrl-C: no half copy is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return load_store_settings().database_url.get_secret_value()

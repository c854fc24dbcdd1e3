"""The commands `lightkeeper backup` and `restore`; `cli` puts them beside the others."""

import signal
from pathlib import Path

import click

_file = click.argument("file", type=click.Path(path_type=Path, readable=False))


@click.command()
@_file
def backup(file: Path) -> int:
    """Write a verified copy of the SQLite store to FILE, also while `run` works on it."""
    from lightkeeper.store.backup import back_up

    click.echo(back_up(_database_url(), file).text())
    return 0


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
    return 0


def _database_url() -> str:
    """The store's address, once a stop can do no harm."""
    from lightkeeper.settings import StoreSettings

    # A stop of the service manager cleans up like Ctrl-C: no half copy is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return StoreSettings.load().database_url.get_secret_value()

"""Where the demo's store stays until the next demo."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightkeeper.store import newest
from lightkeeper.store.database import AlreadyWatched, StoreUnavailable
from lightkeeper.store.file_locks import claim_file

_FOLDER: Final = "lightkeeper"
_STORE: Final = "demo.db"
_BESIDE: Final = ("", "-journal", "-wal", "-shm")


def fresh_store() -> Path:
    """The path of the demo's store, in $XDG_STATE_HOME; what the demo before left is removed.

    Raises AlreadyWatched while another demo runs or serves, StoreUnavailable where there is no
    such place.
    """
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = home / _FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreUnavailable(
            f"{folder}: {exc.strerror}: set XDG_STATE_HOME to a folder that can be written"
        ) from exc
    store = folder / _STORE
    claim = _claimed(store) if store.exists() else None
    newest.forget(store)  # or the next store would be taken for an older copy of this one
    for suffix in _BESIDE:
        store.with_name(_STORE + suffix).unlink(missing_ok=True)
    if claim is not None:
        os.close(claim)
    return store


@contextmanager
def kept(store: Path) -> Iterator[None]:
    """Keep the store from the next demo, now that no daemon has it.

    Raises AlreadyWatched where that has begun, StoreUnavailable where the store is gone.
    """
    claim = _claimed(store)
    try:
        yield
    finally:
        os.close(claim)


def _claimed(store: Path) -> int:
    try:
        return claim_file(store)
    except AlreadyWatched as exc:
        raise AlreadyWatched(
            f"{store}: another `lightkeeper demo` uses it: stop that one first, or set "
            "XDG_STATE_HOME to another folder"
        ) from exc


def in_shell(text: str) -> str:
    """A path or URL as it can be typed in a shell, with $HOME where that is in it."""
    quoted = shlex.quote(text)
    return quoted.replace(f"{Path.home()}/", "$HOME/", 1) if not quoted.startswith("'") else quoted

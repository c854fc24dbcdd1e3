"""Changes a small file as a whole: a kill in the midst, and others who change it, lose nothing."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lightkeeper.config import plain_files


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Put what `change` makes of the file's text in its place, all at once.

    Only one process at a time changes files of a folder so; the others wait. The file keeps its
    rights and its owner; where there is none, it is made, and its owner alone may read it. Raises
    OSError, UnicodeDecodeError, and what `change` raises: the file is then as it was.
    """
    place = path.resolve()  # a link to the file stays a link
    with _folder(place.parent) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = place.stat() if place.exists() else None
        text = change(plain_files.read_text(str(place)) if before else "")
        newer = place.with_name(f".{place.name}.new")
        newer.unlink(missing_ok=True)  # of one that was killed
        handle = os.open(newer, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123  # by its number
            if before:
                _keep_rights(handle, before)
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
        newer.replace(place)
        os.fsync(folder)


def _keep_rights(handle: int, before: os.stat_result) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)

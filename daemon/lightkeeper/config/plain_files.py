"""Reads the files that settings name: never one that has no end, or that waits for a writer."""

import errno
import os
import stat
from io import StringIO
from pathlib import Path
from typing import Final

LARGEST_BYTES: Final = 1_048_576
_OTHERS: Final = 0o007
_GROUP: Final = 0o070


def read_text(path: str) -> str:
    """The text of a regular file of at most a MiB.

    Raises OSError where it cannot be read, or is something else; UnicodeDecodeError where it is
    not UTF-8.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait
    with open(handle, "rb") as file:  # noqa: PTH123  # by its number
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise OSError(errno.EFBIG, "larger than 1 MiB")
    return StringIO(content.decode(), newline=None).read()


def exposed(path: str | Path) -> str | None:
    """What is wrong with the rights of a file that only lightkeeper should read.

    Its group may read it where it is another user's: that is how a service gets to read it.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return None  # reading it says why
    others = _OTHERS | (_GROUP if found.st_uid == os.geteuid() else 0)
    if not found.st_mode & others:
        return None
    return f"{path} is readable by others (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600 it"

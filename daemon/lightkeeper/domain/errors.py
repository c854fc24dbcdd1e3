"""The base of every error that a user can fix, and the exit statuses by name."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ends; the numbers from 64 on are those of sysexits(3)."""

    OK = 0
    NO = 1  # the answer is no: a check failed, a document is not tracked
    USAGE = 2
    CHANGES = 2  # of `account plan` and `account drift`: the account differs from the files
    WRONG_USE = 64  # who acts, or why, is missing; or as USAGE, where 2 means CHANGES
    BAD_DATA = 65
    NO_INPUT = 66
    SOFTWARE = 70  # a mistake in lightkeeper
    IN_THE_WAY = 73  # a second daemon, or a file that is there already
    IO_ERROR = 74
    TRY_LATER = 75
    CORRUPT = 76  # sysexits calls it EX_PROTOCOL; systemd does not restart after it
    CONFIG = 78
    INTERRUPTED = 130
    TERMINATED = 143


class LightkeeperError(Exception):
    """Something went wrong that the user can fix; the message says how."""

    exit_status = ExitStatus.SOFTWARE

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)

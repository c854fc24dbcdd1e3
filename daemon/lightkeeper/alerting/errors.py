"""The base of every error in monitors, dashboards and their tests, and how each is reported."""

from enum import IntEnum
from typing import NamedTuple


class AlertingStatus(IntEnum):
    """How a command ends at such an error: the numbers of `ExitStatus`, which a test holds."""

    NO = 1
    USAGE = 2
    BAD_DATA = 65
    NO_INPUT = 66
    IN_THE_WAY = 73
    IO_ERROR = 74
    TRY_LATER = 75
    CONFIG = 78


class AlertingError(Exception):
    """A file of definitions or tests cannot be used; the message says where and what to do."""

    exit_status: int = AlertingStatus.NO


class Unsupported(AlertingError):
    """Datadog would evaluate it, in a way that is not documented or not modelled here."""


class BadMonitor(AlertingError):
    """A monitor's options contradict its query, or each other."""


class TemplateError(AlertingError):
    """A message or title has a block that is not closed, or a name nothing fills."""


class Problem(NamedTuple):
    """What is wrong where: a file, a place in it such as `payload.query`, a rule, a remedy."""

    file: str
    path: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.path}: [{self.rule}] {self.remedy}"

"""The base of every error in monitors, dashboards and their tests, and how each is reported."""

from typing import NamedTuple


class AlertingError(Exception):
    """A file of definitions or tests cannot be used; the message says where and what to do."""

    exit_status = 1


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

"""A widget must query signals of the catalogue: the daemon sends no others, so it would be empty.

Write a name from telemetry/catalogue.py, or add the signal there.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.board import as_of_monitors
from lightkeeper.alerting.lint.monitors import metric
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    yield from as_of_monitors(board, metric.check)

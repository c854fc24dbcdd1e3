"""A scope and a grouping must use tags that the signal carries, or the widget stays empty.

Write a tag and a value that telemetry/catalogue.py lists for the signal, or env, service, version.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.board import as_of_monitors
from lightkeeper.alerting.lint.monitors import tag
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    yield from as_of_monitors(board, tag.check)

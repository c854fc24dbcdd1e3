"""Every formula must have an alias: people read it in the legend.

Write what the line shows, such as `"alias": "documents"`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard, dicts
from lightkeeper.alerting.lint.board import metric_requests
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    for _, path, one in metric_requests(board):
        for at, formula in dicts(one.get("formulas"), f"{path}.formulas"):
            if not str(formula.get("alias") or "").strip():
                yield at, "give it an alias"

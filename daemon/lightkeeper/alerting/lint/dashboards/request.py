"""A request must be queries and formulas that go together, in the format that the widget draws.

Write `queries` and `formulas`; use each query in a formula; `response_format` timeseries for a
timeseries, else scalar, then with an aggregator for each query.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lightkeeper.alerting.files.dashboards import Dashboard, dicts
from lightkeeper.alerting.lint.board import metric_requests
from lightkeeper.alerting.lint.rules import Finding

_NAME: Final = re.compile(r"\b[a-z_]\w*\b(?!\s*\()")


def check(board: Dashboard) -> Iterator[Finding]:
    for widget, path, one in metric_requests(board):
        wanted = "timeseries" if widget.kind == "timeseries" else "scalar"
        if "queries" not in one or "formulas" not in one:
            yield path, "write queries and formulas"
        elif one.get("response_format") != wanted:
            yield f"{path}.response_format", f"a {widget.kind} draws {wanted}: write that"
        yield from _unmatched(path, one)
        if wanted == "scalar":
            for at, query in dicts(one.get("queries"), f"{path}.queries"):
                if not query.get("aggregator"):
                    yield at, "write an aggregator, which makes one number of many points"


def _unmatched(path: str, one: dict[str, Any]) -> Iterator[Finding]:
    """Names that only the queries or only the formulas have."""
    names = [str(query.get("name")) for _, query in dicts(one.get("queries"), "")]
    formulas = [str(formula.get("formula")) for _, formula in dicts(one.get("formulas"), "")]
    used = {name for text in formulas for name in _NAME.findall(text)}
    for name in sorted(used - set(names)):
        yield path, f"no query has the name {name}, which a formula uses: add or rename one"
    for name in sorted(set(names) - used):
        yield path, f"no formula uses the query {name}: add one, or leave out the query"
    if len(set(names)) < len(names):
        yield path, "two queries have one name: rename one"

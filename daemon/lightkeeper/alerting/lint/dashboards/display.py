"""Counts must be bars, one volume an area, everything else lines; a number shows its past behind.

Write the `display_type` that the message names, and `timeseries_background` for a query_value.
"""

import re
from collections.abc import Iterator
from typing import Any

from lightkeeper.alerting.files.dashboards import Dashboard, dicts
from lightkeeper.alerting.lint.board import metric_requests
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind


def check(board: Dashboard) -> Iterator[Finding]:
    for widget, path, one in metric_requests(board):
        wanted = _drawn(one) if widget.kind == "timeseries" else None
        if wanted is not None and one.get("display_type") != wanted:
            yield f"{path}.display_type", f"write {wanted}"
        if widget.kind == "query_value" and "timeseries_background" not in widget.definition:
            yield f"{widget.path}.definition", "give it a timeseries_background"


def _drawn(one: dict[str, Any]) -> str | None:
    """How a request is drawn; None where that cannot be known."""
    texts = [str(query.get("query")) for _, query in dicts(one.get("queries"), "")]
    formulas = [str(formula.get("formula")) for _, formula in dicts(one.get("formulas"), "")]
    words = {word for text in texts for word in re.findall(r"\w[\w.]*", text)}
    signals = [CATALOGUE[word] for word in words & CATALOGUE.keys()]
    if not signals:
        return None
    if all(signal.kind is Kind.COUNT for signal in signals):
        return "line" if any("/" in text for text in formulas) else "bars"
    alone = len(formulas) == len(texts) == 1 and " by {" not in texts[0]
    added_up = signals[0].kind is Kind.GAUGE and signals[0].unit not in ("", "second")
    extreme = texts[0].startswith(("min:", "max:"))
    return "area" if alone and added_up and not extreme else "line"

"""Monitors and SLOs must be chosen by tags that all of ours carry: ids differ by installation.

Write `tag:key:value` for monitors, `key:value` for SLOs, in a manage_status or slo_list widget.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import Dashboard, WidgetQuery
from lightkeeper.alerting.lint.board import tags_of
from lightkeeper.alerting.lint.rules import Finding

_BY_ID: Final = ("alert_graph", "alert_value", "slo")


def check(board: Dashboard) -> Iterator[Finding]:
    for widget in board.widgets:
        if widget.kind in _BY_ID:
            yield (
                f"{widget.path}.definition.type",
                "names an id, which each installation has its own: choose by tags, with "
                "manage_status or slo_list",
            )
    for query in board.queries:
        if query.source in ("monitors", "slos"):
            for remedy in _unmatched(board, query):
                yield query.path, remedy


def _unmatched(board: Dashboard, query: WidgetQuery) -> Iterator[str]:
    """Words of a search that some monitor or SLO of ours does not have."""
    prefix = "tag:" if query.source == "monitors" else ""
    words = [one for one in query.text.split() if one != "AND"]
    fixed = [one for one in words if "$" not in one]
    for word in words:
        if not word.startswith(prefix) or set(word) & set("()*"):
            yield f"{word}: write {prefix}key:value, separated by spaces"
    for word in fixed:
        tag = word.removeprefix(prefix)
        if not all(tag in tags for tags in tags_of(board, query.source)):
            yield f"{tag} is no tag of all {query.source}: write one that they all carry"
    if not fixed:
        yield f"choose ours by their tags: write {prefix}key:value"

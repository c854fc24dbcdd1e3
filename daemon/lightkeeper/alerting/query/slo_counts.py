"""What an SLO of counts counts: good events among all, as two queries.

An SLO has them as `query`, or, which Datadog takes instead of it, as formulas over named queries
(`sli_specification.count`), with the bad events or all of them beside the good ones.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

PARTS: Final = ("numerator", "denominator")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def place(slo: Mapping[str, Any]) -> str:
    """Where in the payload they stand."""
    specified = isinstance(slo.get("sli_specification"), dict)
    return "payload.sli_specification" if specified else "payload.query"


def counted(slo: Mapping[str, Any]) -> dict[str, str] | None:
    """The queries for good and for all events, by PARTS; None where it does not count."""
    specified = slo.get("sli_specification")
    if specified is None:
        query = slo.get("query")
        if not isinstance(query, dict):
            return None
        return {str(name): str(one) for name, one in query.items()}
    count = specified.get("count") if isinstance(specified, dict) else None
    if not isinstance(count, dict):
        return None
    given = count.get("queries")
    named = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    queries = {str(one.get("name")): f"({one.get('query')})" for one in named}
    good, total, bad = (
        _written(count.get(f"{name}_events_formula"), queries) for name in ("good", "total", "bad")
    )
    if good is None or (total is None) == (bad is None):
        return None
    return {"numerator": good, "denominator": f"({good}) + ({bad})" if total is None else total}


def _written(formula: Any, queries: Mapping[str, str]) -> str | None:
    """A formula with the queries in place of their names; None where there is none."""
    if not isinstance(formula, dict) or "formula" not in formula:
        return None
    return _NAME.sub(lambda one: queries.get(one[0], one[0]), str(formula["formula"]))

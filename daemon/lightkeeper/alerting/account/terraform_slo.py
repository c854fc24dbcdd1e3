"""An SLO as the arguments of Terraform's resource, which takes no JSON.

An `sli_specification` is written as blocks there, each a list of one, with formulas as texts.
"""

from typing import Any, Final

from lightkeeper.alerting.account.server_defaults import as_kept
from lightkeeper.alerting.files.dashboards import dicts

_ARGUMENTS: Final = (
    *("name", "type", "description", "tags", "timeframe", "target_threshold"),
    *("warning_threshold", "monitor_ids", "groups"),
)
_BLOCKS: Final = {
    "thresholds": ("timeframe", "target", "warning"),
    "query": ("numerator", "denominator"),
}
_SPECIFICATION: Final = "sli_specification"
_FORMULAS: Final = ("good_events_formula", "total_events_formula", "bad_events_formula")
_QUERY: Final = ("name", "data_source", "query")
_CONDITION: Final = ("comparator", "threshold", "query_interval_seconds")


class NotForTerraform(Exception):
    """What stands at this path cannot be written for Terraform."""


def arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments for an SLO's payload. Raises NotForTerraform."""
    payload = {name: one for name, one in as_kept(given).items() if one is not None}
    _only(payload, (*_ARGUMENTS, *_BLOCKS, _SPECIFICATION), "")
    made: dict[str, Any] = {name: payload[name] for name in _ARGUMENTS if name in payload}
    for name, words in _BLOCKS.items():
        found = payload.get(name)
        blocks = dicts(found if isinstance(found, list) else [found], name)
        kept = [{word: one.get(word) for word in words} for _, one in blocks]
        made |= {name: [{k: v for k, v in one.items() if v is not None} for one in kept]}
    if _SPECIFICATION in payload:
        made[_SPECIFICATION] = [_specification(payload[_SPECIFICATION])]
        made.pop("query")  # the server writes it of the specification
    return {name: one for name, one in made.items() if one != []}


def _specification(given: Any) -> dict[str, Any]:
    at = _SPECIFICATION
    if not isinstance(given, dict) or len(given) != 1:
        raise NotForTerraform(at)
    _only(given, ("count", "time_slice"), f"{at}.")
    ((name, one),) = given.items()
    if not isinstance(one, dict):
        raise NotForTerraform(f"{at}.{name}")
    made = _count(one, f"{at}.count.") if name == "count" else _slice(one, f"{at}.time_slice.")
    return {name: [made]}


def _count(given: dict[str, Any], at: str) -> dict[str, Any]:
    _only(given, (*_FORMULAS, "queries"), at)
    made: dict[str, Any] = {
        name: _formula(given[name], f"{at}{name}") for name in _FORMULAS if name in given
    }
    return made | {"queries": _queries(given, at)}


def _slice(given: dict[str, Any], at: str) -> dict[str, Any]:
    _only(given, (*_CONDITION, "query"), at)
    query = given.get("query")
    if not isinstance(query, dict):
        raise NotForTerraform(f"{at}query")
    _only(query, ("formulas", "queries"), f"{at}query.")
    formulas = [
        {"formula_expression": _formula(one, path)}
        for path, one in dicts(query.get("formulas"), f"{at}query.formulas")
    ]
    asked = {"formula": formulas, "query": _queries(query, f"{at}query.")}
    return {name: given[name] for name in _CONDITION if name in given} | {"query": [asked]}


def _queries(holder: dict[str, Any], at: str) -> list[dict[str, Any]]:
    made = []
    for path, one in dicts(holder.get("queries"), f"{at}queries"):
        _only(one, _QUERY, f"{path}.")
        made.append({"metric_query": [{name: one[name] for name in _QUERY if name in one}]})
    return made


def _formula(given: Any, path: str) -> str:
    if not isinstance(given, dict) or given.keys() != {"formula"}:
        raise NotForTerraform(path)
    return str(given["formula"])


def _only(given: dict[str, Any], known: tuple[str, ...], at: str) -> None:
    """Raise NotForTerraform, with the path, for the first field that has no place there."""
    for name in sorted(given.keys() - set(known)):
        raise NotForTerraform(f"{at}{name}")

"""The one form of an object in which a file and an account can be compared.

Left out is what only the server writes, what people set in the account alone (restrictions, mutes)
and what the server adds by default; tags are a set, and a query alert has one type.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lightkeeper.alerting.account.difference import name_of
from lightkeeper.alerting.account.objects import ObjectKind, renamed
from lightkeeper.alerting.account.server_defaults import (
    DASHBOARD_DEFAULTS,
    MONITOR_DEFAULTS,
    SLO_DEFAULTS,
    ServerDefault,
    as_kept,
    spelled_out,
)
from lightkeeper.alerting.files import payload_schema
from lightkeeper.alerting.files.definitions import Payload


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DEFAULTS: Final[Mapping[ObjectKind, tuple[ServerDefault, ...]]] = {
    ObjectKind.SLO: SLO_DEFAULTS,
    ObjectKind.MONITOR: MONITOR_DEFAULTS,
    ObjectKind.DASHBOARD: DASHBOARD_DEFAULTS,
}
_MANAGED: Final = {
    ObjectKind.SLO: _names(
        "name type description tags thresholds query sli_specification groups monitor_ids "
        "timeframe target_threshold warning_threshold"
    ),
    ObjectKind.MONITOR: _names("name type query message tags options priority"),
    ObjectKind.DASHBOARD: _names(
        "title description layout_type widgets template_variables notify_list reflow_type tags "
        "template_variable_presets default_timeframe tabs"
    ),
}
_LEFT_ALONE: Final = {
    ObjectKind.SLO: _names(
        "id creator created_at modified_at monitor_tags type_id configured_alert_ids"
    ),
    ObjectKind.MONITOR: _names(
        "id org_id creator created created_at modified deleted multi overall_state state assets "
        "overall_state_modified matching_downtimes restricted_roles restriction_policy restricted "
        "draft_status run_as classification"
    ),
    ObjectKind.DASHBOARD: _names(
        "id author_handle author_name created_at modified_at deleted_at url is_read_only "
        "restricted_roles experience_type"
    ),
}
"""What the server alone writes, or people set in the account; it is never sent."""
_OPTIONS: Final = _names(
    "aggregation device_ids enable_logs_sample enable_samples escalation_message evaluation_delay "
    "group_retention_duration groupby_simple_monitor include_tags min_failure_duration "
    "min_location_failed new_group_delay new_host_delay no_data_timeframe "
    "notification_preset_name notify_audit notify_by notify_no_data on_missing_data "
    "renotify_interval renotify_occurrences renotify_statuses require_full_window "
    "scheduling_options synthetics_check_id threshold_windows thresholds timeout_h "
    "variables"
)
_OPTIONS_LEFT_ALONE: Final = frozenset({"silenced", "locked", "avalanche_window"})
_KEPT: Final = frozenset({"restricted_roles", "is_read_only"})


def normal(kind: ObjectKind, payload: Payload, like: Payload | None = None) -> Payload:
    """The form of a payload, or of what the account holds.

    `like` is the payload of the file where this is the account's: what neither lightkeeper knows
    nor the file names is left out.
    """
    named = _MANAGED[kind] | (set() if like is None else like.keys() - _LEFT_ALONE[kind])
    made = {
        name: one
        for name, one in as_kept(payload).items()
        if one is not None
        and (name in named if like is not None else name not in _LEFT_ALONE[kind])
    }
    if like:
        made = {name: _without(one, _unknown_fields(one, like)) for name, one in made.items()}
    made = {ObjectKind.SLO: _slo, ObjectKind.MONITOR: _monitor, ObjectKind.DASHBOARD: _board}[
        kind
    ](made, like)
    if isinstance(made.get("tags"), list):
        made["tags"] = sorted(made["tags"])
    plain = _plain(made)
    for default in _DEFAULTS[kind]:
        _drop(plain, default)
    return {name: one for name, one in plain.items() if one not in ({}, [])}


def sent(kind: ObjectKind, payload: Payload, kept: Payload | None = None) -> Payload:
    """What is sent for a payload: defaults spelled out, and what the account holds beside it.

    `kept` is what the account holds: of that, whatever lightkeeper does not know stays.
    """
    made = {name: one for name, one in payload.items() if name not in _LEFT_ALONE[kind]}
    made = spelled_out(made, _DEFAULTS[kind])
    if kind is ObjectKind.DASHBOARD:
        made.pop("restricted_roles", None)
    for name, one in (kept or {}).items():
        stays = name in _KEPT or name not in _LEFT_ALONE[kind] | _MANAGED[kind]
        if kind is not ObjectKind.MONITOR and stays:  # of a monitor Datadog keeps what is not sent
            made.setdefault(name, one)
    if kept and isinstance(made.get("options"), dict):
        more = {name: kept.get("options", {}).get(name) for name in _unknown_options(kept)}
        made["options"] = {**more, **made["options"]}
    for name, one in (kept or {}).items():
        if name in _MANAGED[kind] & made.keys():
            made[name] = _with_unknown(made[name], one, _unknown_fields(one, payload))
    return made


def unknown(kind: ObjectKind, held: Payload, like: Payload) -> list[str]:
    """The fields of what the account holds that lightkeeper does not know; they are let be.

    `like` is the payload of the file.
    """
    found = [name for name in held if name not in _LEFT_ALONE[kind] | _MANAGED[kind]]
    if kind is ObjectKind.MONITOR:
        found += [f"options.{name}" for name in _unknown_options(held)]
    for place in _MANAGED[kind] & held.keys():
        names = _unknown_fields(held[place], like).difference(
            _unknown_options(held), _OPTIONS_LEFT_ALONE
        )
        found += [f"{place}…{name}" for name in sorted(names)]
    return found


def _unknown_fields(value: Any, like: Payload) -> frozenset[str]:
    """The names of fields, however deep, that are not published: Datadog adds defaults to widgets.

    None where the file itself has such a name: what it uses is more than what is known here.
    """
    known = payload_schema.published()
    return (
        frozenset(_names_in(value)) - known if known.issuperset(_names_in(like)) else frozenset()
    )


def _names_in(value: Any) -> Iterator[str]:
    """The names of its fields, however deep, but not those inside of what is not published."""
    for one in value if isinstance(value, list) else ():
        yield from _names_in(one)
    for name, one in value.items() if isinstance(value, dict) else ():
        yield name
        if name in payload_schema.published():
            yield from _names_in(one)


def _with_unknown(value: Any, held: Any, names: frozenset[str]) -> Any:
    """The same with the fields of these names that the account holds in it, however deep.

    Of two lists the objects that are named alike belong together.
    """
    if not names:
        return value
    if isinstance(value, dict) and isinstance(held, dict):
        made = {name: _with_unknown(one, held.get(name), names) for name, one in value.items()}
        return {name: one for name, one in held.items() if name in names} | made
    if isinstance(value, list) and isinstance(held, list):
        there: dict[str, list[Any]] = {}
        for one in held:
            there.setdefault(_named(one), []).append(one)
        pairs = ((one, there.get(_named(one))) for one in value)
        return [_with_unknown(one, of_it.pop(0) if of_it else None, names) for one, of_it in pairs]
    return value


def _named(one: Any) -> str:
    return name_of(one) if isinstance(one, dict) else json.dumps(one)


def _without(value: Any, names: frozenset[str]) -> Any:
    if not names:
        return value
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    if isinstance(value, dict):
        return {name: _without(one, names) for name, one in value.items() if name not in names}
    return value


def fingerprint(kind: ObjectKind, held: Payload) -> str:
    """A text that another state of what is managed of an object does not have."""
    text = json.dumps(normal(kind, held, like={}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def default_of(kind: ObjectKind, path: str) -> Any:
    """What the server makes of a field that is not there; None where it adds nothing."""
    return next((one.value for one in _DEFAULTS[kind] if one.path == path), None)


def _unknown_options(held: Payload) -> Iterable[str]:
    options = held.get("options")
    return [
        name
        for name in (options if isinstance(options, dict) else ())
        if name not in _OPTIONS | _OPTIONS_LEFT_ALONE
    ]


def _monitor(made: Payload, like: Payload | None) -> Payload:
    made = renamed(ObjectKind.MONITOR, made, {})  # a composite is written in one way
    given = made.get("options")
    if not isinstance(given, dict):
        return made
    theirs = (like or {}).get("options")
    named = _OPTIONS | (theirs.keys() if isinstance(theirs, dict) else set())
    options = {
        name: one
        for name, one in given.items()
        if one is not None
        and name not in _OPTIONS_LEFT_ALONE
        and (like is None or name in named)
        and (name, one) != ("on_missing_data", "default")  # the server may leave it out
    }
    if isinstance(thresholds := options.get("thresholds"), dict):
        options["thresholds"] = {k: one for k, one in thresholds.items() if one is not None}
    return {**made, "options": {name: one for name, one in options.items() if one not in ({}, [])}}


def _slo(made: Payload, _like: Payload | None) -> Payload:
    given = made.get("thresholds")
    limits = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    first = limits[0] if limits else {}
    repeated = {
        "timeframe": "timeframe",
        "target_threshold": "target",
        "warning_threshold": "warning",
    }
    for name, of_first in repeated.items():
        if made.get(name) == first.get(of_first):
            made.pop(name, None)
    words = ("timeframe", "target", "warning")
    made["thresholds"] = [
        {name: one[name] for name in words if one.get(name) is not None} for one in limits
    ]
    if isinstance(spec := made.get("sli_specification"), dict):
        if "count" in spec:  # the server writes the query of it
            made.pop("query", None)
        if isinstance(slice_ := spec.get("time_slice"), dict):
            made["sli_specification"] = {
                "time_slice": {"query_interval_seconds": 300, **slice_},
            }
    return made


def _board(made: Payload, _like: Payload | None) -> Payload:
    return dict(_without_ids(made))


def _without_ids(value: Any) -> Any:
    """The same without the numbers that the server gives to widgets."""
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    if isinstance(value, dict):
        widget = "definition" in value
        return {k: _without_ids(one) for k, one in value.items() if not (widget and k == "id")}
    return value


def _plain(value: Any) -> Any:
    """The same with 5 for 5.0."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _drop(payload: Payload, default: ServerDefault) -> None:
    above, _, last = default.path.rpartition(".")
    holder = payload.get(above) if above else payload
    if isinstance(holder, dict) and last in holder:
        value = holder[last]
        if value == default.value and isinstance(value, bool) == isinstance(default.value, bool):
            del holder[last]

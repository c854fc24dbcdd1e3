"""Monitors and SLOs as files: a wrapper with keys of ours around the exact payload Datadog takes.

What differs between installations is in `variables.json`: see variables.py.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from lightkeeper.alerting.files.exported import refuse_exported
from lightkeeper.alerting.files.markers import mark, tagged
from lightkeeper.alerting.files.reading import BadDefinition, as_object, read_text, read_value
from lightkeeper.alerting.files.variables import AS_WRITTEN, Values, load_variables, resolve

Payload: TypeAlias = dict[str, Any]
"""An object as Datadog takes it: a monitor, an SLO, a dashboard, a downtime."""

_TEXTS: Final = ("key", "description", "runbook", "owner", "pages")
PLANNED_OUTAGES: Final = ("at-step", "anywhere", "everywhere")
"""Which planned outages explain what a monitor or SLO says: of the step of its group, of any step
at which documents wait, or of all of Lighthouse alone."""
_FIELDS: Final = {
    **dict.fromkeys((*_TEXTS, "planned_outage"), str),
    **dict.fromkeys(("payload", "silence"), dict),
}
_OPTIONAL: Final[dict[str, Any]] = {"planned_outage": str, "silence": dict}


class Urgency(StrEnum):
    """How soon people must see a notification, the most urgent first.

    Each is the name of the variable that holds its handle.
    """

    PAGER = "pager"
    """It wakes on-call."""
    PAGER_LOW = "pager_low"
    """On-call sees it in working hours."""
    CHANNEL = "channel"


PAGERS: Final = (Urgency.PAGER, Urgency.PAGER_LOW)


@dataclass(frozen=True, slots=True)
class Definition:
    """One monitor or SLO. `written` is the payload before its variables were filled in.

    `silence` holds the rules of `monitors check` it is exempt from, each with the reason, and
    `planned_outage` one of PLANNED_OUTAGES, or nothing.
    """

    file: str
    key: str
    description: str
    runbook: str
    owner: str
    pages: str
    payload: Payload
    written: Payload
    silence: dict[str, str] = field(default_factory=dict)
    planned_outage: str = ""

    @property
    def urgency(self) -> Urgency:
        """What `pages` says: it begins with No page or In working hours, else it wakes on-call."""
        begins = {"no page": Urgency.CHANNEL, "in working hours": Urgency.PAGER_LOW}
        said = self.pages.lower()
        return next((begins[one] for one in begins if said.startswith(one)), Urgency.PAGER)


@dataclass(frozen=True, slots=True)
class Assets:
    """All of monitors/: definitions by key, the variables, and the text of the runbook."""

    monitors: dict[str, Definition]
    slos: dict[str, Definition]
    variables: dict[str, Any]
    runbook: str

    def monitor_payloads(self) -> dict[str, Payload]:
        """The monitors by key, which stands for the id in the queries of composites."""
        return {key: monitor.payload for key, monitor in self.monitors.items()}

    def slo_payloads(self) -> dict[str, Payload]:
        """The SLOs by key, which stands for the id in the queries of SLO alerts."""
        return {key: slo.payload for key, slo in self.slos.items()}

    def with_variable(self, name: str, value: object) -> "Assets":
        """The same with another value of a variable, in the monitors that name it."""
        variables = {**self.variables, name: value}
        monitors = {
            key: replace(
                one, payload=_payload(one.written, variables, one.file, key, one.planned_outage)
            )
            for key, one in self.monitors.items()
            if f"${{{name}}}" in json.dumps(one.written)
        }
        return replace(self, monitors={**self.monitors, **monitors}, variables=variables)

    def urgency_of(self, key: str, who: Collection[str]) -> Urgency | None:
        """How urgent a notification of that monitor to these handles is; None if to none of them.

        Where one handle serves two urgencies, the variable that the message names decides.
        """
        found = [one for one in Urgency if self.variables.get(one) in who]
        message = str(self.monitors[key].written.get("message", ""))
        alike = (one for one in found if self.variables[one] == self.variables[found[0]])
        named = (one for one in alike if f"${{{one}}}" in message)
        return next(named, found[0] if found else None)


def load(
    folder: Path,
    option: str = "--folder",
    values: Values = AS_WRITTEN,
    *,
    may_be_empty: bool = False,
) -> Assets:
    """Read monitors/. Raises BadDefinition with everything that cannot be read at once.

    `option` is what names the folder on the command line. One that may be empty needs neither
    monitors nor a runbook.
    """
    need_folder(folder, option)
    variables = load_variables(folder / "variables.json", values=values)
    problems: list[str] = []
    monitors = _definitions(folder, variables, problems)
    slos = _definitions(folder / "slos", variables, problems)
    runbook = ""
    try:
        runbook = read_text(folder / "README.md")
    except BadDefinition as exc:
        if not may_be_empty:
            problems.append(f"{exc} (the runbook: a section for each monitor)")
    if problems:
        raise BadDefinition("\n".join(problems))
    if not monitors and not may_be_empty:
        raise BadDefinition(
            f"{folder}: [file] holds no monitor: write one, or name another folder with {option}"
        )
    return Assets(monitors, slos, variables, runbook)


def need_folder(folder: Path, option: str) -> None:
    """Raise BadDefinition unless this is a folder that can be read."""
    try:
        found = folder.is_dir()
    except OSError as exc:
        raise BadDefinition(f"{folder}: {exc.strerror}: name another with {option}") from exc
    if not found:
        raise BadDefinition(f"{folder}: no such folder: name it with {option}")


def _definitions(
    folder: Path, variables: dict[str, Any], problems: list[str]
) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    marks: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name == "variables.json":
            continue
        try:
            one = _definition(path, variables)
        except BadDefinition as exc:
            problems.append(str(exc))
            continue
        other = marks.setdefault(mark(variables["env"], one.key), path)
        if other != path:
            said = f"Datadog cannot tell it from that of {other.name}: write another"
            problems.append(f"{path}: key: [wrapper] {said}")
        found[one.key] = one
    return found


def _definition(path: Path, variables: dict[str, Any]) -> Definition:
    given = read_wrapper(path, _FIELDS)
    written = given.pop("payload")
    planned = given["planned_outage"]
    if planned not in ("", *PLANNED_OUTAGES):
        known = ", ".join(PLANNED_OUTAGES)
        raise BadDefinition(f"{path}: planned_outage: [wrapper] write one of {known}")
    payload = _payload(written, variables, str(path), given["key"], planned)
    return Definition(file=str(path), payload=payload, written=written, **given)


def _payload(
    written: dict[str, Any], variables: dict[str, Any], file: str, key: str, planned_outage: str
) -> dict[str, Any]:
    resolved = resolve(written, variables, f"{file}: payload")
    return tagged(resolved, variables["env"], key, planned_outage)


def read_wrapper(path: Path, fields: Mapping[str, type]) -> dict[str, Any]:
    """Read a file that has these fields and no others. Raises BadDefinition."""
    found = read_value(path)
    refuse_exported(path, found, [name for name in fields if name not in ("payload", *_OPTIONAL)])
    given = {name: _OPTIONAL[name]() for name in fields if name in _OPTIONAL}
    given |= as_object(path, found)
    for name, kind in fields.items():
        one = given.get(name)
        is_blank = isinstance(one, str) and not one.strip() and name not in _OPTIONAL
        if not isinstance(one, kind) or is_blank:
            what = "a text" if kind is str else "an object"
            raise BadDefinition(f"{path}: {name}: [wrapper] missing or wrong: give it {what}")
    if unknown := sorted(given.keys() - fields.keys()):
        known = ", ".join(fields)
        raise BadDefinition(f"{path}: {unknown[0]}: [wrapper] unknown: write one of {known}")
    if given["key"] != path.stem:
        raise BadDefinition(f"{path}: key: [wrapper] write the file's name: {path.stem}")
    for rule, reason in given["silence"].items():
        if not isinstance(reason, str) or not reason.strip():
            raise BadDefinition(f"{path}: silence.{rule}: [wrapper] give the reason as a text")
    return given

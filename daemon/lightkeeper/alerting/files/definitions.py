"""Monitors and SLOs as files: a wrapper with keys of ours around the exact payload Datadog takes.

What differs between installations stands in one file, `variables.json`, and in the payloads as
`${name}`: inside a string as text, or as the whole string, which then becomes the value itself.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from lightkeeper.alerting.errors import AlertingError

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_TEXTS: Final = ("key", "description", "runbook", "owner", "pages")
_FIELDS: Final = {**dict.fromkeys(_TEXTS, str), "payload": dict, "silence": dict}
_NEEDED: Final = ("env", "team", "channel", "pager", "runbook_url")
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]")
_WRAPPINGS: Final = {
    "definition": "in the wrapping of an integration",
    "data": "in an answer of Datadog's API",
}
_TOLD_BY: Final = {"widgets": "a dashboard", "thresholds": "an SLO", "query": "a monitor"}


class BadDefinition(AlertingError):
    """A file of monitors/ or dashboards/ cannot be used; the message names file, place, remedy."""


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

    `silence` holds the rules of `monitors check` it is exempt from, each with the reason.
    """

    file: str
    key: str
    description: str
    runbook: str
    owner: str
    pages: str
    payload: dict[str, Any]
    written: dict[str, Any]
    silence: dict[str, str] = field(default_factory=dict)

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

    def monitor_payloads(self) -> dict[str, dict[str, Any]]:
        """The monitors by key, which stands for the id in the queries of composites."""
        return {key: monitor.payload for key, monitor in self.monitors.items()}

    def slo_payloads(self) -> dict[str, dict[str, Any]]:
        """The SLOs by key, which stands for the id in the queries of SLO alerts."""
        return {key: slo.payload for key, slo in self.slos.items()}

    def with_variable(self, name: str, value: object) -> "Assets":
        """The same with another value of a variable, in the monitors that name it."""
        variables = {**self.variables, name: value}
        monitors = {
            key: replace(one, payload=resolve(one.written, variables, f"{one.file}: payload"))
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


def load(folder: Path, option: str = "--folder") -> Assets:
    """Read monitors/. Raises BadDefinition with everything that cannot be read at once.

    `option` is what names the folder on the command line.
    """
    need_folder(folder, option)
    variables = load_variables(folder / "variables.json")
    problems: list[str] = []
    monitors = _definitions(folder, variables, problems)
    slos = _definitions(folder / "slos", variables, problems)
    runbook = ""
    try:
        runbook = _text(folder / "README.md")
    except BadDefinition as exc:
        problems.append(f"{exc} (the runbook: a section for each monitor)")
    if problems:
        raise BadDefinition("\n".join(problems))
    if not monitors:
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


def load_variables(path: Path, needed: Iterable[str] = _NEEDED) -> dict[str, Any]:
    """Read the variables; a value may use those above it. Raises BadDefinition.

    `needed` are those without which the file cannot be used.
    """
    given = read_json(path)
    variables: dict[str, Any] = {}
    for name, value in given.items():
        variables[name] = resolve(value, variables, f"{path}: {name}")
    for name in needed:
        if not isinstance(variables.get(name), str) or not variables[name].strip():
            raise BadDefinition(f"{path}: {name}: [variable] missing: give it a text")
    if "runbook_url" in needed and not _ABSOLUTE.match(variables["runbook_url"]):
        raise BadDefinition(
            f"{path}: runbook_url: [variable] {variables['runbook_url']} is relative, which no "
            "chat or pager can follow: write https://…"
        )
    return variables


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a JSON file. Raises BadDefinition, with the line of a mistake."""
    try:
        found = json.loads(
            _text(path),
            object_pairs_hook=lambda pairs: _once(path, pairs),
            parse_constant=lambda word: _no_number(path, word),
        )
    except RecursionError as exc:
        raise BadDefinition(f"{path}: [file] is nested too deeply") from exc
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno} column {exc.colno}"
        raise BadDefinition(f"{path}: {where}: [file] is not JSON: {exc.msg}") from exc
    if not isinstance(found, dict):
        raise BadDefinition(f"{path}: [file] is not one object: write {{…}}, one in each file")
    return found


def refuse_endless(path: Path) -> None:
    """Raise BadDefinition for what is there and may have no end, such as a FIFO or a device."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadDefinition(f"{path}: [file] is not a regular file: name one that is")


def _text(path: Path) -> str:
    refuse_endless(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise BadDefinition(f"{path}: [file] cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadDefinition(f"{path}: [file] byte {exc.start} is not UTF-8: save it so") from exc


def resolve(value: Any, variables: dict[str, Any], where: str) -> Any:
    """Fill in variables all the way down. Raises BadDefinition, with the place, for others."""
    match value:
        case dict():
            return {key: resolve(one, variables, f"{where}.{key}") for key, one in value.items()}
        case list():
            return [
                resolve(one, variables, f"{where}[{index}]") for index, one in enumerate(value)
            ]
        case str():
            return _filled(value, variables, where)
    return value


def _filled(text: str, variables: dict[str, Any], where: str) -> Any:
    def value(found: re.Match[str]) -> Any:
        if found[1] not in variables:
            known = ", ".join(variables) or "none yet"
            raise BadDefinition(
                f"{where}: [variable] variables.json has no ${{{found[1]}}}: write one of {known}"
            )
        return variables[found[1]]

    def as_text(found: re.Match[str]) -> str:
        inside = value(found)
        if isinstance(inside, list | dict):
            raise BadDefinition(
                f"{where}: [variable] {found[0]} is no text: write it as the whole value"
            )
        return inside if isinstance(inside, str) else json.dumps(inside)

    if whole := _VARIABLE.fullmatch(text):
        return value(whole)
    return _VARIABLE.sub(as_text, text)


def _definitions(
    folder: Path, variables: dict[str, Any], problems: list[str]
) -> dict[str, Definition]:
    found = {}
    for path in sorted(folder.glob("*.json")):
        if path.name == "variables.json":
            continue
        try:
            one = _definition(path, variables)
        except BadDefinition as exc:
            problems.append(str(exc))
        else:
            found[one.key] = one
    return found


def _definition(path: Path, variables: dict[str, Any]) -> Definition:
    given = read_wrapper(path, _FIELDS)
    payload = resolve(given["payload"], variables, f"{path}: payload")
    written = given.pop("payload")
    return Definition(file=str(path), payload=payload, written=written, **given)


def read_wrapper(path: Path, fields: Mapping[str, type]) -> dict[str, Any]:
    """Read a file that has these fields and no others. Raises BadDefinition."""
    given = {"silence": {}, **read_json(path)}
    _refuse_unwrapped(path, given, fields)
    for name, kind in fields.items():
        if not isinstance(given.get(name), kind) or (kind is str and not given[name].strip()):
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


def _refuse_unwrapped(path: Path, given: dict[str, Any], fields: Iterable[str]) -> None:
    """Raise BadDefinition for what comes from Datadog as it is, saying what it is."""
    inside = next((name for name in _WRAPPINGS if isinstance(given.get(name), dict)), None)
    bare = given[inside] if inside else given
    what = next((kind for name, kind in _TOLD_BY.items() if name in bare), None)
    if what and "payload" not in given:
        how = _WRAPPINGS[inside] if inside else "as Datadog exports it"
        it = f"its {inside}" if inside else "it"
        beside = ", ".join(name for name in fields if name not in ("payload", "silence"))
        raise BadDefinition(
            f"{path}: payload: [wrapper] this is {what} {how}: write {it} as `payload`, without "
            f"what only the server writes (id, created, …), beside {beside}"
        )


def _once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadDefinition(f"{path}: [file] {twice!r} stands twice in one object: keep one")
    return found


def _no_number(path: Path, word: str) -> None:
    raise BadDefinition(f"{path}: [file] {word} is not JSON: write a number")

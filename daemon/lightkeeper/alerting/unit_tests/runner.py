"""Unit tests for monitors, in the spirit of `promtool test rules`.

Each test sends its series to an evaluator of its own, minute by minute, and compares what the
monitor then does with what is expected.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from lightkeeper.alerting.errors import AlertingError, Problem
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.monitor_runs import operands_of
from lightkeeper.alerting.evaluate.notify import Notification, StatusChange
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.files.definitions import Assets, Payload
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.unit_tests.cases import (
    Case,
    ExpectedNotification,
    Point,
    Suite,
    TagSet,
)
from lightkeeper.alerting.unit_tests.played import Played, minutes
from lightkeeper.alerting.unit_tests.suites import BadTests, load_suite
from lightkeeper.alerting.unit_tests.values import span

_Occurrence: TypeAlias = tuple[int, str, str]  # when, the group, and what became of it
_Operands: TypeAlias = dict[tuple[str, int, tuple[Point, ...]], Played]
"""By key of the monitor, the end of the test, and the points that it read."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a test expected and what it got, or what is missing altogether."""

    subject: str
    name: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was run, by subject (a file, or a monitor), and what went wrong."""

    run: Mapping[str, int]
    failures: tuple[Failure, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def lines(self) -> Iterator[str]:
        """Yield what to print: a line for each subject, below it what failed."""
        for subject, count in self.run.items():
            failed = [one for one in self.failures if one.subject == subject]
            amount = f"{len(failed)} of {count}" if count else "no tests"
            yield f"{subject}: {amount} FAILED" if failed else f"{subject}: {count} ok"
            for one in failed:
                yield f"  {one.name}"
                yield from (f"    {line}" for line in one.said)


class PreparedTest:
    """One test with its points in order, to be run against monitors again and again.

    `operands` are what the tests of a suite have in common.
    """

    def __init__(self, case: Case, constant: TagSet, operands: _Operands) -> None:
        self.case = case
        points = chain.from_iterable(one.points(constant, case.interval) for one in case.series)
        self._points = sorted(points, key=lambda point: point.at_seconds)
        self._names = {point.name for point in self._points}
        self._shared = operands
        self._operands: dict[str, Played | None] = {}

    def failures(
        self, monitor: Payload, monitors: Mapping[str, Payload], slos: dict[str, Payload]
    ) -> Iterator[str]:
        """Yield what is not as expected, and why the monitor cannot be evaluated if it cannot.

        `monitors` and `slos` are what its query may name, by key: always the same ones.
        """
        try:
            operands = {
                key: self._operand(key, monitors, slos)
                for key in operands_of(monitor)
                if key in monitors
            }
            yield from self._failures(MonitorRun(monitor, slos, operands), operands)
        except AlertingError as exc:
            yield f"cannot be evaluated: {exc}"

    def _operand(
        self, key: str, monitors: Mapping[str, Payload], slos: dict[str, Payload]
    ) -> Played | None:
        """What became of a monitor in this test; None for a composite."""
        if key not in self._operands:
            one = None
            if not operands_of(monitors[key]):
                named = f"{monitors[key]['query']} {slos}"  # whatever it reads is named there
                read = {name for name in self._names if name in named}
                points = tuple(point for point in self._points if point.name in read)
                one = self._shared.get((key, self.case.end, points))
                if one is None:
                    one = Played(MonitorRun(monitors[key], slos), points, self.case.end)
                    self._shared[key, self.case.end, points] = one
            self._operands[key] = one
        return self._operands[key]

    def _failures(self, run: MonitorRun, operands: Mapping[str, Played | None]) -> Iterator[str]:
        case = self.case
        notifications: list[Notification] = []
        played = [one for one in operands.values() if one is not None]
        points = [] if played else self._points  # a composite reads none itself
        for store, at in minutes(points, case.end):
            for one in played:
                one.now = at
            notifications += run.evaluate(store, at)
            if at in case.states:
                yield from _states(at, case.states[at], run.states)
        if case.transitions is not None:
            expected = sorted(_occurrence(one.at, one.group, one.to) for one in case.transitions)
            got = sorted(_changes(run.transitions))
            if expected != got:
                yield from _differing("transitions", expected, got)
        if case.notifications is not None:
            yield from _notifications(case.notifications, notifications)


def load(assets: Assets, files: Iterable[Path]) -> dict[Path, Suite]:
    """Read files of tests. Raises BadTests with what is wrong in any of them."""
    suites, wrong = {}, []
    for path in files:
        try:
            suite = load_suite(path, assets.variables)
        except BadTests as exc:
            wrong.append(str(exc))
            continue
        suites[path] = suite
        if suite.monitor not in assets.monitors:
            known = ", ".join(assets.monitors)
            said = f"there is no monitor {suite.monitor}: write one of {known}"
            wrong.append(str(Problem(str(path), "monitor", "unknown-monitor", said)))
    if wrong:
        raise BadTests("\n".join(wrong))
    return suites


def prepared_tests(suite: Suite) -> list[PreparedTest]:
    """Return a suite's tests, the shortest first."""
    operands: _Operands = {}
    found = [PreparedTest(case, suite.tags, operands) for case in suite.tests]
    return sorted(found, key=lambda one: one.case.end)


def run_tests(assets: Assets, files: Iterable[Path], *, every: bool = True) -> Report:
    """Run all tests of the files.

    `every` says that the files are all there are: a monitor that none of them tests is a failure.
    Raises BadTests for files that are no tests.
    """
    suites = load(assets, files)
    monitors, slos = assets.monitor_payloads(), assets.slo_payloads()
    run, failures = {}, []
    for path, suite in suites.items():
        run[str(path)] = len(suite.tests)
        for one in prepared_tests(suite):
            said = tuple(one.failures(monitors[suite.monitor], monitors, slos))
            if said:
                failures.append(Failure(str(path), one.case.name, said))
    tested = {suite.monitor for suite in suites.values()}
    for key in sorted(assets.monitors.keys() - tested) if every else ():
        run[key] = 0
        failures.append(Failure(key, "has no unit test", (f"write tests with monitor: {key}",)))
    return Report(run, tuple(failures))


def _states(
    at: int, expected: Mapping[TagSet, Status], states: Mapping[Group, Status]
) -> Iterator[str]:
    # A group that is OK has to be expected only where a test names it.
    got = {
        frozenset(group): status
        for group, status in states.items()
        if status is not Status.OK or frozenset(group) in expected
    }
    if got != expected:
        wanted = [_occurrence(at, *one) for one in expected.items()]
        found = [_occurrence(at, *one) for one in got.items()]
        yield from _differing(f"states at {span(at)}", wanted, found)


def _changes(transitions: Iterable[StatusChange]) -> list[_Occurrence]:
    """All changes of status; that a group is OK at first is none."""
    return [
        _occurrence(one.at_seconds, frozenset(one.group), one.status)
        for one in transitions
        if one.before is not None or one.status is not Status.OK
    ]


def _notifications(
    expected: list[ExpectedNotification], sent: list[Notification]
) -> Iterator[str]:
    wanted = {_occurrence(one.at, one.group, one.why): one for one in expected}
    got = {_occurrence(one.at_seconds, frozenset(one.group), one.why): one for one in sent}
    if wanted.keys() != got.keys():
        yield from _differing("notifications", wanted, got)
    for occurrence in sorted(wanted.keys() & got.keys()):
        yield from _texts(_shown(occurrence), wanted[occurrence], got[occurrence])


def _texts(occurrence: str, expected: ExpectedNotification, sent: Notification) -> Iterator[str]:
    if set(expected.who) != set(sent.who):
        yield f"{occurrence}: who is notified:"
        yield f"  exp: {' '.join(sorted(expected.who)) or 'no handle'}"
        yield f"  got: {' '.join(sorted(sent.who)) or 'no handle'}"
    text = f"{sent.title}\n{sent.message}"
    wrong = [f"does not contain {part!r}" for part in expected.contains if part not in text]
    wrong += [f"contains {part!r}" for part in expected.excludes if part in text]
    if wrong:
        yield f"{occurrence}: the message {', '.join(wrong)}:"
        yield from (f"  | {line}" for line in text.splitlines())


def _differing(
    what: str, expected: Iterable[_Occurrence], got: Iterable[_Occurrence]
) -> Iterator[str]:
    yield f"{what}:"
    for word, occurrences in (("exp", expected), ("got", got)):
        yield f"  {word}: {'; '.join(map(_shown, sorted(occurrences))) or 'none'}"


def _occurrence(at: int, tags: TagSet, what: str) -> _Occurrence:
    return at, ",".join(sorted(tags)), what


def _shown(occurrence: _Occurrence) -> str:
    at, group, what = occurrence
    return f"{span(at)} {group} {what}" if group else f"{span(at)} {what}"

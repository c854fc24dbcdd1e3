"""What all tests share. Helpers beside this file are imported by bare name: `import postgres`."""

import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

import leaks
import postgres
from lightkeeper.sandbox import agent
from lightkeeper.sandbox.dogstatsd import Event, Metric, Signal

# The developer's shell must not decide a result. PG*: libpq reads these behind our back.
for _name in list(os.environ):
    if _name.startswith(("LIGHTKEEPER_", "DD_", "DATADOG_", "PG")):
        del os.environ[_name]

# The same examples each time, and no failure because the machine was busy.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


# What any Agent of this run received, of whatever process: (kind, name).
SEEN: set[tuple[str, str]] = set()
_TEST_FILES = {path.name for path in Path(__file__).parent.glob("test_*.py")}
_read = agent.parse


def _noted(datagram: bytes) -> list[Signal]:
    signals = _read(datagram)
    for signal in signals:
        if isinstance(signal, Metric):
            SEEN.add((signal.kind, signal.name))
        elif isinstance(signal, Event):
            SEEN.add(("event", signal.tags.get("event", "")))
        else:
            SEEN.add(("service check", signal.name))
    return signals


agent.parse = _noted
leaks.watch()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run last what looks back at the whole run, and only if it was a whole one."""
    looking_back = [item for item in items if item.get_closest_marker("looks_back")]
    others = [item for item in items if item not in looking_back]
    whole = {item.path.name for item in others} >= _TEST_FILES and not config.option.keyword
    items[:] = others + (looking_back if whole else [])
    if not whole:
        config.hook.pytest_deselected(items=looking_back)


@pytest.fixture
def seen_signals() -> set[tuple[str, str]]:
    """Kind and name of all that any Agent of this run received."""
    return SEEN


def pytest_report_header() -> str:
    """Print the versions a result may depend on."""
    versions = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "peewee": importlib.metadata.version("peewee"),
        "datadog": importlib.metadata.version("datadog"),
        "postgresql": postgres.version(),
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a skipped test from looking like success, and one that leaks secrets from passing."""
    report = yield
    _refuse_skip(report)
    _refuse_leak(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure and os.environ.get("TESTS_MUST_NOT_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped although TESTS_MUST_NOT_SKIP is set: {report.longreprtext}"


def _refuse_leak(report: pytest.TestReport) -> None:
    found = {title: leaks.found_in(text) for title, text in report.sections}
    # Those that leaked are not shown, which would repeat it.
    report.sections = [section for section in report.sections if not found[section[0]]]
    found["a packet to the Agent"] = leaks.found_in_packets()
    said = [f"{place}: {', '.join(sorted(what))}" for place, what in found.items() if what]
    if said and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"secrets of this run leaked into {'; '.join(said)}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One PostgreSQL server for the whole run."""
    try:
        with postgres.server() as server:
            yield server
    except postgres.Unavailable as problem:
        pytest.skip(f"PostgreSQL: {problem}")


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lightkeeper.db'}"
    return request.getfixturevalue("postgres_url")

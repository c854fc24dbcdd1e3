"""What all tests share. Helpers beside this file are imported by bare name: `import postgres`."""

import gc
import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import postgres
import process_state
import pytest
import run_folder
import secret_leaks
import seen_signals
import structlog

# The developer's shell must not decide a result. PG*: libpq reads these behind our back.
for _name in list(os.environ):
    if _name.startswith(("LIGHTKEEPER_", "DD_", "DATADOG_", "PG")):
        del os.environ[_name]

# The same examples each time, and no failure because the machine was busy.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile(  # `make unit` names it
    "quick", hypothesis.settings.get_profile("steady"), max_examples=20
)
hypothesis.settings.load_profile("steady")


_TEST_FILES = {
    path for path in Path(__file__).parent.rglob("test_*.py") if "endurance" not in path.parts
}

# Tracebacks that Rich draws take longer than what is tested.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

seen_signals.watch()

secret_leaks.watch()


_KEPT = {".db", ".db-wal", ".log", ".txt"}  # stores and logs that a test left in its folder
_LARGEST = 1_000_000
WHOLE: set[bool] = set()  # of each process that ran tests: whether every file took part
_WRONG = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)  # before pytest makes its own folder
def pytest_configure(config: pytest.Config) -> None:
    """Keep all that the run makes in one folder, which is removed however the run ends."""
    if not hasattr(config, "workerinput"):
        folder = run_folder.make()
        config.option.basetemp = config.option.basetemp or folder / "t"
    else:
        gc.disable()  # until the tests are collected: all that it makes is kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note whether every test file takes part."""
    files = {item.path for item in session.items}
    option = session.config.option
    if getattr(option, "loadgroup", False):  # in a worker; else each makes all of it once more
        marked = [item for item in session.items if item.get_closest_marker("xdist_group")]
        assert all("@" in item.nodeid for item in marked), "pytest-xdist does not group tests"
    WHOLE.add(files >= _TEST_FILES and not option.keyword and not option.collectonly)
    gc.collect()
    gc.freeze()  # thousands of tests, which every collection of garbage would look through
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker saw."""
    output = getattr(node, "workeroutput", {})  # one that crashed has none
    seen_signals.SEEN.update(map(tuple, output.get("seen", ())))
    WHOLE.add(output.get("whole", False))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold what was seen against the catalogue, once the whole run is over."""
    whole = WHOLE == {True}
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update(seen=sorted(seen_signals.SEEN), whole=whole)
    elif (
        whole
        and not session.testsfailed
        and (wrong := seen_signals.unlike_the_catalogue(seen_signals.SEEN))
    ):
        session.config.stash[_WRONG] = wrong
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the whole run failed to show."""
    for line in terminalreporter.config.stash.get(_WRONG, []):
        terminalreporter.write_line(f"FAILED the whole run: {line}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Undo what a test does to its process, so that each passes or fails in any order."""
    with process_state.kept():
        return (yield)


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
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a skipped test from looking like success, and one that leaks secrets from passing."""
    report = yield
    if item.get_closest_marker("beside_the_checkout") is None:
        _refuse_skip(report)
    _refuse_leak(report, getattr(item, "funcargs", {}).get("tmp_path"))
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


def _refuse_leak(report: pytest.TestReport, folder: Path | None) -> None:
    found = {title: secret_leaks.found_in(text) for title, text in report.sections}
    # Those that leaked are not shown, which would repeat it.
    report.sections = [section for section in report.sections if not found[section[0]]]
    found["a packet to the Agent"] = secret_leaks.found_in_packets()
    for path in folder.rglob("*") if folder is not None and report.when == "call" else ():
        if path.suffix in _KEPT and path.is_file() and path.stat().st_size < _LARGEST:
            found[path.name] = secret_leaks.found_in(path.read_bytes())
    said = [f"{place}: {', '.join(sorted(what))}" for place, what in found.items() if what]
    if said and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"secrets of this run leaked into {'; '.join(said)}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """One PostgreSQL server for the whole run."""
    try:
        with postgres.server() as server:
            yield server
    except postgres.PostgresUnavailable as problem:
        pytest.skip(f"PostgreSQL: {problem}")


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lightkeeper.db'}"
    return request.getfixturevalue("postgres_url")

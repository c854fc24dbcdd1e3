"""What each monitor does at each fault, and that the drills notice when it does not."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import patience
import pytest
from click.testing import CliRunner
from drill_sets import ONE_OF_A_KIND

from lightkeeper.alerting.files.definitions import load
from lightkeeper.commands.drill import drill
from lightkeeper.service.watched_envs import WatchedEnvs, unwatched
from lightkeeper.simulation.drills.expected import EXPECTED, Expected, Fires
from lightkeeper.simulation.drills.faults import FAULTS, WRONG_ENV
from lightkeeper.simulation.drills.run import judged, run_drill, undrilled
from lightkeeper.simulation.drills.table import HEAD, markdown

ROOT = Path(__file__).parents[4]
MONITORS = ROOT / "monitors"
DRILLS = MONITORS / "drills.md"
READS_FAILED = pytest.mark.xdist_group("failed-bgs")  # which is played once


@pytest.fixture(scope="module")
def assets():
    """The monitors as they are shipped."""
    return load(MONITORS)


@pytest.fixture(scope="module")
def failed(assets):
    """One short drill, run once."""
    return run_drill("failed-bgs", assets)


def with_payload(assets, key, change):
    """The assets with one monitor's payload changed."""
    monitor = assets.monitors[key]
    changed = replace(monitor, payload=change(monitor.payload))
    return replace(assets, monitors={**assets.monitors, key: changed})


def assert_as_expected(result):
    """Exactly the expected monitors fire, in time, and recover in time, as drills.md says."""
    assert () == result.problems
    assert markdown([result]).splitlines()[-1] in drills_table(), "make drills renews it"


@pytest.mark.parametrize("name", [each for each in ONE_OF_A_KIND if each != "failed-bgs"])
def test_a_fault_pages_as_expected_and_nothing_else_does(assets, name):
    """As `assert_as_expected` says."""
    assert_as_expected(run_drill(name, assets))


@READS_FAILED
def test_a_failed_document_pages_as_expected_and_nothing_else_does(failed):
    """As `assert_as_expected` says."""
    assert_as_expected(failed)


def drills_table():
    """The lines of the table in monitors/drills.md."""
    found = DRILLS.read_text().split("<!-- drills -->\n")[1]
    return found.split("\n<!-- /drills -->")[0].splitlines()


def test_drills_md_has_a_row_for_each_fault():
    """In the order of the command, and no others."""
    head, _, *rows = drills_table()

    assert f"| {' | '.join(HEAD)} |" == head
    assert list(FAULTS) == [row.split(" | ")[0].removeprefix("| ") for row in rows]


@pytest.mark.parametrize("name", EXPECTED)
def test_one_cause_wakes_on_call_once(name):
    """Whatever goes wrong, at most one monitor pages at night; others are for working hours."""
    assert 1 >= len(EXPECTED[name].pages)


def test_each_fault_has_its_expectations():
    """Each fault says what the monitors must do, and each expectation has its fault."""
    assert FAULTS.keys() == EXPECTED.keys()


def test_check_says_what_the_drill_of_a_wrong_env_says(assets):
    """No monitor fires there, so that only `check` and the daemon's log can tell."""
    watched = WatchedEnvs({assets.variables["env"]: "monitors/variables.json"}, "monitors")

    said = unwatched({"DD_ENV": WRONG_ENV}, watched)

    assert "no monitor sees this daemon" in said
    assert FAULTS["wrong-env"].says.endswith("says: no monitor sees this daemon")


def test_a_monitor_that_no_drill_fires_is_named(assets):
    """A new monitor without a drill fails the checks."""
    new = replace(assets, monitors={**assets.monitors, "new": assets.monitors["failure-surge"]})

    assert [] == undrilled(assets)
    assert ["new"] == undrilled(new)


@READS_FAILED
def test_a_fault_whose_monitor_is_missing_is_not_paged_for(failed):
    """Without its monitor a fault does not page, and the drill says so."""
    others = [one for one in failed.fired if one.monitor != "documents-failed"]

    assert ["documents-failed did not page low"] == list(judged(others, EXPECTED["failed-bgs"]))


def test_a_wrong_handle_and_a_page_without_a_reason_are_noticed(assets):
    """The handle that is notified tells a page at night from one in working hours, and a page
    from what reaches only the channel. A page that is not expected is a problem too.
    """

    def touchy(payload):
        query = payload["query"].replace(">= 20", ">= 1")
        return {**payload, "query": query, "options": {"thresholds": {"critical": 1}}}

    variables = assets.variables
    changed = with_handle(assets, "documents-failed", variables["pager_low"], variables["pager"])
    changed = with_handle(changed, "in-efolder-not-bgs", variables["channel"], "")
    changed = with_payload(changed, "surge-count", touchy)

    assert (
        "documents-failed should page low, and paged",
        "in-efolder-not-bgs did not notify the channel",
        "failure-surge paged, and should have been silent",
    ) == run_drill("failed-bgs", changed).problems


def test_one_handle_may_serve_both_urgencies(assets):
    """Then the variable that a message names tells them apart."""
    pager = assets.variables["pager"]
    alike = replace(
        with_handle(assets, "documents-failed", assets.variables["pager_low"], pager),
        variables=assets.variables | {"pager_low": pager},
    )

    assert () == run_drill("failed-bgs", alike).problems


def with_handle(assets, key, handle, other):
    """The assets, one monitor notifying another handle."""
    return with_payload(
        assets,
        key,
        lambda payload: {**payload, "message": payload["message"].replace(handle, other)},
    )


@READS_FAILED
@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Fires(0.5, over=45), "documents-failed fired after 1 min, not within 0.5"),
        (Fires(2, over=40), "documents-failed recovered after 41 min, not within 40"),
    ],
)
def test_a_late_page_or_recovery_is_noticed(failed, expected, problem):
    """Both have their time."""
    wanted = replace(EXPECTED["failed-bgs"], pages_low={"documents-failed": expected})

    assert [problem] == list(judged(failed.fired, wanted))


@READS_FAILED
def test_pages_that_repeat_come_early_or_never_end_are_noticed(failed):
    """One page a fault, none before it, and an end to it."""
    first, *others = failed.fired

    def problems(**change):
        return list(judged([replace(first, **change), *others], EXPECTED["failed-bgs"]))

    assert [] == problems()
    assert ["documents-failed paged 2 times instead of once"] == problems(times=(2,))
    assert ["documents-failed fired 1 times before anything was wrong"] == problems(early_count=1)
    assert ["documents-failed did not recover"] == problems(over_after=None)
    assert ["documents-failed repeated itself 3 times"] == problems(reminder_count=3)


@READS_FAILED
def test_a_monitor_that_may_notify_the_channel_must_not_page(failed):
    """A monitor that may notify the channel must not page on-call."""
    lenient = Expected(may_notify=frozenset(one.monitor for one in failed.fired))

    assert ["documents-failed paged low, and should at most have notified the channel"] == list(
        judged(failed.fired, lenient)
    )


@READS_FAILED
def test_the_command_prints_what_fired_and_when(failed):
    """A row for each drill: what fired at which urgency, when; on a pipe Markdown. Whatever is
    random in a drill is so from a seed, so that it gives the same each time.
    """
    result = CliRunner().invoke(
        drill, ["failed-bgs", "--folder", str(MONITORS)], standalone_mode=False
    )
    head, _, row = result.stdout.splitlines()

    assert 0 == result.return_value
    assert list(HEAD) == cells(head)
    assert [
        "failed-bgs",
        "a document fails at BENEFITS_GATEWAY_SERVICE",
        "–",
        "documents-failed: after 1 min, recovers 41 min after the end",
        "in-efolder-not-bgs: after 11 min, recovers 1 min after the end",
    ] == cells(row)
    assert markdown([failed]).splitlines()[-1] == row


def cells(line):
    """Those of one row."""
    return line.strip("| ").split(" | ")


def test_the_command_fails_where_a_drill_does():
    """It runs with the values of an environment, and one of its thresholds, changed on top, is
    judged as any other: exit status 1, and the monitor is named.
    """
    values = ["--env", "staging", "--set", "failures_remind_after_minutes=40"]
    result = CliRunner().invoke(
        drill, ["failed-bgs", "--folder", str(MONITORS), *values], standalone_mode=False
    )

    assert 1 == result.return_value
    assert "failed-bgs: documents-failed repeated itself 1 times\n" == result.stderr
    assert "recovers 41 min after the end, 1 x reminded" in result.stdout


def test_a_drill_that_is_not_there_is_refused_by_name():
    """An unknown name is answered with the nearest."""
    result = CliRunner().invoke(drill, ["failed-bsg", "--folder", str(MONITORS)])

    assert 2 == result.exit_code
    assert "no such drill: failed-bsg; did you mean failed-bgs" in result.stderr


def test_workers_end_with_a_command_that_was_killed(tmp_path):
    """What runs drills side by side leaves nothing running behind it."""
    script = tmp_path / "drills.py"
    script.write_text(
        "from lightkeeper.commands.drill import drill\n"
        "if __name__ == '__main__':\n"
        f"    drill(['healthy', 'flaky', '--folder', {str(MONITORS)!r}])\n"
    )
    environ = {
        **os.environ,
        "TMPDIR": str(tmp_path),
    }  # the killed command cannot remove its folders
    command = subprocess.Popen(
        [sys.executable, str(script)], env=environ, stderr=subprocess.DEVNULL
    )
    while len(workers := children(command.pid)) < 3:  # and the tracker of its resources
        assert command.poll() is None
        time.sleep(0.05)
    time.sleep(1.0)

    command.kill()
    command.wait()

    given_up_at = time.monotonic() + patience.SECONDS
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < given_up_at
        time.sleep(0.05)


def children(pid):
    """The process ids of those a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

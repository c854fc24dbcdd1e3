"""The number in a page is the length of the list that the page names, on a real store."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from daemon_rig import DaemonRig
from freezegun import freeze_time

from lightkeeper.alerting.evaluate.monitor_runs import run_with_operands
from lightkeeper.alerting.evaluate.notify import Why
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.files.definitions import load
from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.commands.main import main
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.store.triage import TriageStore
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind

HOUR = 3_600
MINUTES = 40
ASSETS = load(Path(__file__).parents[3] / "monitors")
# Story and age in hours, with how many documents of which type.
STORIES = (
    (("fails_claims_evidence", 1), {"form_0781": 2, "veteran_upload": 3, "bdd_instructions": 1}),
    (("fails_bgs", 1), {"form_0781": 4, "bdd_instructions": 1}),
    (("fails_unknown", 1), {"form_0781a": 2}),
    (("stuck_bgs", 30), {"form_0781": 5}),
    (("stuck_bgs", 60), {"form_0781": 6, "veteran_upload": 1}),
    (("stuck_claims_evidence", 60), {"form_0781": 2}),
    (("stuck_claims_evidence", 200), {"form_0781": 3, "form_0781a": 1}),
    (("stuck_bgs", 200), {"form_0781a": 1}),
    (("contradictory", 1), {"form_0781": 3}),
    (("lost", 1), {"form_0781": 4}),
    (("instantly_done", 1), {"form_0781": 2}),
    (("unknown_status", 10 / HOUR), {"form_0781": 2}),  # that word is over soon after
    (("unknown_step", 10 / HOUR), {"form_0781a": 3}),
)
NUMBER = re.compile(r": (\d+)\.")
NO_NUMBER = {
    *("efolder-burn", "outcome-burn", "empty-answers"),
    *("type-standstill", "type-intake-stopped", "documents-unacknowledged", "efolder-standstill"),
}
"""Their pages show a rate, a share, an age or what is missing; the list is where to look."""


@pytest.fixture
def rig(tmp_path):
    """A daemon whose store has documents of every condition, polled and published just now."""
    later = {"daily_count_hour": 23}
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path, settings=later) as rig:
        for (story, hours), counts in STORIES:
            for kind, count in counts.items():
                rig.track(count, story, kind, age=hours * HOUR)
        _track_again(rig)
        acknowledged = rig.track(3, "stuck_bgs", age=300 * HOUR)
        rig.poll()
        _acknowledge(rig, acknowledged[:2], days_ago=8)
        _acknowledge(rig, acknowledged[2:], days_ago=6)
        unanswered, hour = rig.track(3, "stuck_bgs"), round(HOUR * 1_000)
        ids = [rig.row(request_id).id for request_id in unanswered]
        at = rig.clock.instant()
        rig.documents.postpone(ids, at - 3 * hour, at + hour, CallProblem(502, "no upstream"))
        rig.gauges.reconfigure(rig.emitter, daily_count_hour=0, policy=Policy(), accesses=list)
        rig.gauges.send()
        yield rig


def _track_again(rig):
    """One document was handed over twice: the try that is lost is superseded, and not counted."""
    at = rig.clock.instant()
    for story in ("fails_claims_evidence", "instantly_done"):
        (request_id,) = rig.lighthouse.add_many(1, story, rig.clock.now - HOUR)
        rig.documents.add([NewDocument(request_id, "twice", "form_0781", "a", at)], at)


def _acknowledge(rig, request_ids, days_ago):
    """Acknowledge these documents as if it had been so long ago."""
    at, store = rig.clock.instant() - days_ago * 24 * HOUR * 1_000, TriageStore(rig.database)
    ids = [rig.row(request_id).id for request_id in request_ids]
    store.carry_out(ids, decide(Action.ACK, Policy(), at), note(Action.ACK, "jane", "x", at))


def _take_up(rig):
    """Acknowledge or close one document of each condition, as staff do before they look again."""
    at, store = rig.clock.instant(), TriageStore(rig.database)
    open_ones = dict(rig.rows("condition, lighthouse_request_id", "condition <> 'superseded'"))
    for number, request_id in enumerate(open_ones.values()):
        action = Action.CLOSE if number % 2 else Action.ACK
        ids = [one.id for one in store.by_request_ids([request_id]).values()]
        store.carry_out(ids, decide(action, Policy(), at), note(action, "jane", "x", at))


def _sent(rig):
    """The last value of each gauge, and the sum of each count, with the env of the monitors."""
    gauges, counts = {}, {}
    for metric in rig.agent.metrics:
        tags = tuple(f"{tag}:{metric.tags[tag]}" for tag in CATALOGUE[metric.name].tags)
        key = metric.name, (*tags, f"env:{ASSETS.variables['env']}")
        if metric.kind == "gauge":
            gauges[key] = metric.value
        elif metric.kind == "count":
            counts[key] = counts.get(key, 0) + metric.value
    return gauges, counts


def _pages(key, gauges, counts):
    """The first alert of each group of a monitor that gets these signals."""
    monitor, known = ASSETS.monitors[key].payload, ASSETS.monitor_payloads()
    runs = run_with_operands(monitor, known, ASSETS.slo_payloads())
    store, pages = SeriesStore(), {}
    for minute in range(MINUTES):
        for second in (0, 30):
            at = minute * 60 + second
            for (name, tags), value in gauges.items():
                store.add(name, Kind.GAUGE, tags, at, value)
        if minute == MINUTES - 1:
            for (name, tags), value in counts.items():
                store.add(name, Kind.COUNT, tags, at, value)
        for run in runs:
            found = run.evaluate(store, (minute + 1) * 60)
        for one in found:
            if one.why is Why.ALERT:
                pages.setdefault(one.group, one.message)
    return pages


def _listed(rig, message):
    """How many documents the list has that a message names."""
    (command,) = re.findall(r"`lightkeeper (list [^`]+)`", message)
    with freeze_time(datetime.fromtimestamp(rig.clock.now, UTC)):
        done = CliRunner().invoke(
            main,
            [*shlex.split(command), "--format", "jsonl"],
            env={"LIGHTKEEPER_DATABASE_URL": rig.url},
            standalone_mode=False,
        )
    assert done.exception is None, (command, done.exception)
    return len(done.output.splitlines())


def _naming_a_list():
    texts = {key: one.payload["message"] for key, one in ASSETS.monitors.items()}
    return {key for key, text in texts.items() if "`lightkeeper list " in text} - NO_NUMBER


def _said_and_listed(rig, keys):
    """The number in each page, and the length of its list, by monitor and group."""
    gauges, counts = _sent(rig)
    return {
        (key, group): (int(NUMBER.search(message)[1]), _listed(rig, message))
        for key in sorted(keys)
        for group, message in _pages(key, gauges, counts).items()
    }


def test_the_number_in_a_page_is_the_length_of_the_list_that_it_names(rig):
    """Of every monitor that names one, in every group."""
    found = _said_and_listed(rig, _naming_a_list())

    assert {page: (said, said) for page, (said, _) in found.items()} == found
    assert _naming_a_list() == {key for key, _ in found}


def test_what_staff_took_up_is_in_neither(rig):
    """One document of each condition is acknowledged or closed: page and list are one shorter."""
    levels = {
        key for key in _naming_a_list() if "as_count" not in str(ASSETS.monitors[key].payload)
    }
    levels -= {"documents-stuck-unplanned", "failure-surge"}  # composites of what is here, or not
    before = _said_and_listed(rig, levels)
    _take_up(rig)
    rig.agent.metrics.clear()
    rig.gauges.send()

    found = _said_and_listed(rig, levels)

    assert {page: (said, said) for page, (said, _) in found.items()} == found
    assert sum(said for said, _ in found.values()) < sum(said for said, _ in before.values())

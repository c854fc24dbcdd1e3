"""The daily count of what needs people: once a day, at its hour, through restarts and outages."""

import command_line
import pytest
from daemon_rig import DaemonRig
from store_rows import NOW, ended, stand

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import StoreUnavailable
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.triage import TriageStore
from lightkeeper.telemetry.daily import DailyCount

UNATTENDED = "lightkeeper.documents.unattended"
MIDNIGHT = NOW - NOW % DAY


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _daily(watch, hour=14):
    """What a process that starts now counts with."""
    levels, outbox = Levels(watch.database), Outbox(watch.database)
    return DailyCount(levels, outbox, watch.emitter, watch.clock.instant, hour, Policy())


def _at(watch, hours):
    """Set the clock so many hours after a midnight."""
    watch.clock.now = MIDNIGHT / 1_000 + hours * 3_600


def _sent(watch):
    """How often the count was sent since this was called last."""
    watch.agent.drain()
    sent = [one for one in watch.agent.metrics if one.name == UNATTENDED]
    watch.agent.clear()
    return len(sent) / 11


def test_what_needs_people_is_counted_by_condition(watch):
    """As `status` counts it, none as zero; what staff acknowledged is left out."""
    states = ["stuck", "stuck", "overdue", "in_efolder", "not_in_efolder", "delivered", "waiting"]
    stand(watch.documents, states)
    watch.database.execute("UPDATE tallies SET condition = 'closed' WHERE condition = 'waiting'")
    expected = ExpectedDocuments(watch.database)
    expected.expect("s-9", {"form_0781": 2, "veteran_upload": 1}, "vets-api", MIDNIGHT + 13 * HOUR)
    expected.expect("s-8", {"form_0781": 4}, "vets-api", MIDNIGHT + 13 * HOUR + 1)
    _at(watch, 14)
    _daily(watch).send_due()
    watch.agent.drain()

    sent = [one for one in watch.agent.metrics if one.name == UNATTENDED]
    assert {"count"} == {one.kind for one in sent}
    assert {
        "slow": 3,
        "stuck": 3,
        "overdue": 1,
        "not_found": 0,
        "unacknowledged": 2,
        "in_efolder_not_bgs": 1,
        "efolder_unknown": 0,
        "contradictory": 0,
        "acknowledged": 0,
        "unsettled": 0,
        "expected_missing": 3,
    } == {one.tags["condition"]: one.value for one in sent}


def _triage(watch, action, request_ids, at):
    """Carry the action out on these as the command does at that time."""
    store = TriageStore(watch.database)
    ids = [each.id for each in store.by_request_ids(request_ids).values()]
    by_staff = note(action, "on-call", "seen to", at)
    assert len(ids) == store.carry_out(ids, decide(action, Policy(), at), by_staff)


def test_what_was_acknowledged_and_never_settled_is_counted_each_day(watch):
    """From a week after it was acknowledged on, until staff close it or Lighthouse changes it."""
    stand(watch.documents, ["stuck", "in_efolder", "contradictory", "stuck", "not_in_efolder"])
    acknowledged_at = MIDNIGHT + 14 * HOUR
    _triage(watch, Action.ACK, [1, 2, 3, 4], acknowledged_at)
    _triage(watch, Action.ACK, [5], acknowledged_at + 1)
    found = {}
    for day in range(6, 11):
        if day == 9:
            _triage(watch, Action.CLOSE, [1, 2], watch.clock.instant())
        if day == 10:
            (four,) = (each for each in watch.documents.due(NOW + 9 * DAY, 9) if each.id == 4)
            watch.documents.record([ended(four)], NOW + 9 * DAY)
        _at(watch, 24 * day + 14)
        _daily(watch).send_due()
        sent = {
            one.tags["condition"]: one.value
            for one in watch.agent.metrics
            if one.name == UNATTENDED
        }
        found[day] = sent["acknowledged"], sent["unsettled"]
        watch.agent.clear()

    assert {6: (5, 0), 7: (5, 4), 8: (5, 5), 9: (3, 3), 10: (2, 2)} == found


def test_after_how_long_it_is_unsettled_is_a_setting_that_a_reload_may_change(watch):
    """The gauges count by the setting of the moment."""
    stand(watch.documents, ["stuck"])
    _triage(watch, Action.ACK, [1], MIDNIGHT)
    found = []
    for day, after in ((1, 2 * DAY), (2, 3 * DAY), (3, DAY)):
        _at(watch, 24 * day + 14)
        watch.gauges.reconfigure(
            watch.emitter,
            daily_count_hour=14,
            policy=Policy(unsettled_after_ms=after),
            accesses=list,
        )
        watch.gauges.send()
        found += [
            one.value for one in watch.agent.metrics if one.tags.get("condition") == "unsettled"
        ]
        watch.agent.clear()

    assert [0, 0, 1] == found


@pytest.mark.parametrize("hour", [0, 14, 23])
def test_it_is_sent_once_a_day_from_its_hour_on(watch, hour):
    """Every ten minutes of three days it is looked whether it is due."""
    daily, outbox = _daily(watch, hour), Outbox(watch.database)
    marked = {}
    for minute in range(0, 3 * 24 * 60, 10):
        _at(watch, minute / 60)
        daily.send_due()
        marked.setdefault(outbox.unattended_counted_on(), minute / 60)
    marked.pop(None, 0)

    assert [hour, 24 + hour, 48 + hour] == list(marked.values())
    assert 3 == _sent(watch)


def test_a_restart_sends_nothing_again(watch):
    """The store keeps the day; the next process sends the next day's."""
    found = []
    for hours in (13.9, 14.1, 15, 23.9, 24.1, 38.1, 39):
        _at(watch, hours)
        _daily(watch).send_due()
        found.append(_sent(watch))

    assert [0, 1, 0, 0, 0, 1, 0] == found


def test_what_was_missed_is_sent_the_same_day_only(watch):
    """A daemon that was down at the hour sends it when it is back, and not the day after."""
    found = []
    for hours in (22, 24 + 10, 24 + 14, 96 + 2, 96 + 20):
        _at(watch, hours)
        _daily(watch).send_due()
        found.append(_sent(watch))

    assert [1, 0, 1, 0, 1] == found


def test_an_unreachable_agent_gets_it_later(watch):
    """It is tried again until the Agent has it."""
    daily = _daily(watch)
    _at(watch, 14)
    watch.agent.stop()
    daily.send_due()
    daily.send_due()
    watch.agent.start()
    daily.send_due()
    daily.send_due()

    assert 1 == _sent(watch)


def test_what_cannot_be_marked_is_not_sent_again_and_again(watch):
    """It is marked once the store can be written, so that a restart sends nothing again."""
    daily = _daily(watch)
    _at(watch, 14)
    read_only = (
        "PRAGMA query_only = {}"
        if watch.database.dialect == "sqlite"
        else "SET default_transaction_read_only = {}"
    )
    watch.database.execute(read_only.format("on"))
    with pytest.raises(StoreUnavailable):
        daily.send_due()
    watch.database.execute(read_only.format("off"))
    daily.send_due()
    _daily(watch).send_due()

    assert 1 == _sent(watch)


def test_the_gauges_send_it_at_the_hour_of_the_setting(watch):
    """So do the daemon and `lightkeeper poll`; a reload may move the hour."""
    _at(watch, 14.5)
    watch.gauges.reconfigure(watch.emitter, daily_count_hour=16, policy=Policy(), accesses=list)
    watch.gauges.send()
    assert 0 == _sent(watch)
    watch.gauges.reconfigure(watch.emitter, daily_count_hour=14, policy=Policy(), accesses=list)
    watch.gauges.send()
    watch.gauges.send()
    assert 1 == _sent(watch)


def test_passes_of_lightkeeper_poll_send_it_once(tmp_path):
    """Where a timer runs `lightkeeper poll` in the daemon's place, the first of the day does."""
    with (
        SimulatedLighthouse() as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd") as agent,
    ):
        hour = {"LIGHTKEEPER_DAILY_COUNT_HOUR": "0"}
        env = command_line.environment(tmp_path / "store.db", lighthouse, agent, **hour)
        one = ("--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")
        assert 0 == command_line.run("track", *one, env=env).returncode
        for _ in range(2):
            assert 0 == command_line.run("poll", env=env).returncode
        agent.drain()

        assert 11 == sum(one.name == UNATTENDED for one in agent.metrics)

"""Planned outages against a simulated account: which downtimes and corrections there are then."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from account_rig import AccountRig
from hypothesis import given, settings
from hypothesis import strategies as st
from manual_clock import ManualClock

from lightkeeper.alerting.account.errors import AccessRefused, Unanswered
from lightkeeper.alerting.account.outages import PlannedOutage, mirror
from lightkeeper.alerting.errors import AlertingError
from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.files.markers import mark_in, tagged
from lightkeeper.simulation.drills.expected import EXPECTED

ROOT = Path(__file__).parents[4]
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
BGS, CLAIMS = "benefits_gateway_service", "claims_evidence"
SLO = {
    "type": "metric",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95}],
}


def hours(many):
    """Noon, and so many hours later."""
    return NOON + timedelta(hours=many)


class OutageRig(AccountRig):
    """An account at noon, with an SLO of each kind that outages explain, and one of none."""

    def __init__(self):
        self.clock = ManualClock(NOON.timestamp())
        super().__init__(clock=self.clock)
        self.slos = {
            kind: self.datadog.add(
                "slo", tagged({**SLO, "name": f"of {kind}"}, self.env, f"of-{kind}", kind)
            )
            for kind in ("anywhere", "everywhere", "")
        }

    def mirror(self, *outages):
        """Bring the account to these outages."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        return mirror(self.account(), self.env, outages, now)

    def at(self, hour):
        """Let it be so many hours after noon."""
        self.clock.now = hours(hour).timestamp()

    def muted(self):
        """Kind, scope, beginning and end of each downtime that mutes or will; hours after noon."""
        found = []
        for one in self.datadog.suppressed.live():
            tags = one["monitor_identifier"]["monitor_tags"]
            assert "managed_by:lightkeeper" == tags[0]
            times = [
                _hours(datetime.fromisoformat(one["schedule"][at])) for at in ("start", "end")
            ]
            kind = tags[1].removeprefix("planned_outage:test/")
            found.append((kind, one["scope"], *times))
        return sorted(found)

    def corrected(self):
        """The kind of SLO, beginning and end of each correction; hours after noon."""
        kinds = {number: kind for kind, number in self.slos.items()}
        found = []
        for one in self.datadog.suppressed.kept["correction"].values():
            given = one["attributes"]
            assert "Scheduled Maintenance" == given["category"]
            times = [_hours(datetime.fromtimestamp(given[at], UTC)) for at in ("start", "end")]
            found.append((kinds[given["slo_id"]], *times))
        return sorted(found)


def _hours(at):
    return round((at - NOON).total_seconds() / 3600, 2)


@pytest.fixture
def rig():
    """The account."""
    with OutageRig() as made:
        yield made


ALL = PlannedOutage(3, hours(2), hours(6), (), "Planned outage, announced by VA: BGS")
"""All of Lighthouse, from two until six."""


def test_an_outage_to_come_mutes_what_it_explains_and_corrects_slos(rig):
    """A quarter of an hour longer than it lasts; a second time nothing is written."""
    done = rig.mirror(ALL)

    assert (3, 2, 5) == (done.downtimes, done.corrections, done.writes)
    assert [(kind, "*", 2, 6.25) for kind in ("anywhere", "at-step", "everywhere")] == rig.muted()
    assert [("anywhere", 2, 6), ("everywhere", 2, 6)] == rig.corrected()
    for message in (one["message"] for one in rig.datadog.suppressed.live()):
        assert message.startswith("Planned outage, announced by VA: BGS\n")
        assert mark_in(message).startswith("test/maintenance/3/")
    assert 0 == rig.mirror(ALL).writes


@pytest.mark.parametrize(
    ("steps", "muted", "corrected"),
    [
        ((BGS,), [("anywhere", "*"), ("at-step", f"step:{BGS}")], ["anywhere"]),
        (
            (BGS, CLAIMS),
            [("anywhere", "*"), ("at-step", f"step:({BGS} OR {CLAIMS})")],
            ["anywhere"],
        ),
        (("remove_file_binary",), [("at-step", "step:remove_file_binary")], []),
    ],
)
def test_an_outage_of_a_step_mutes_the_groups_of_that_step(rig, steps, muted, corrected):
    """Housekeeping holds no document up, and explains nothing but itself."""
    rig.mirror(replace(ALL, steps=steps))

    assert muted == [one[:2] for one in rig.muted()]
    assert corrected == [kind for kind, *_ in rig.corrected()]


def test_while_it_comes_goes_on_and_is_over_nothing_is_written(rig):
    """The downtimes begin and end by themselves."""
    rig.mirror(ALL)
    for hour in (1.99, 2, 3, 6, 6.1, 6.3, 30):
        rig.at(hour)
        assert 0 == rig.mirror(ALL).writes
    assert [] == rig.muted()
    assert [("anywhere", 2, 6), ("everywhere", 2, 6)] == rig.corrected()


def test_an_outage_that_is_announced_while_it_lasts_mutes_from_now_on(rig):
    """Datadog takes no beginning in the past; the correction reaches back."""
    rig.at(4)
    rig.mirror(ALL)
    again = rig.mirror(ALL).writes

    assert 0 == again
    assert {(4, 6.25)} == {one[2:] for one in rig.muted()}
    assert ("anywhere", 2, 6) in rig.corrected()


def test_an_outage_that_ends_early_takes_downtimes_and_corrections_along(rig):
    """The downtimes linger for a quarter of an hour; what is wrong then notifies."""
    rig.mirror(ALL)
    rig.at(3)
    ended = replace(ALL, until=hours(3))
    rig.mirror(ended)

    assert {(2, 3.25)} == {one[2:] for one in rig.muted()}
    assert [("anywhere", 2, 3), ("everywhere", 2, 3)] == rig.corrected()
    rig.at(4)
    assert 0 == rig.mirror(ended).writes
    assert [] == rig.muted()


def test_an_end_that_datadog_learns_late_ends_the_downtimes_at_once(rig):
    """Where it could not be told in time."""
    rig.mirror(ALL)
    rig.at(5)
    rig.mirror(replace(ALL, until=hours(3)))

    assert [] == rig.muted()
    assert [("anywhere", 2, 3), ("everywhere", 2, 3)] == rig.corrected()


def test_an_outage_that_is_called_off_leaves_nothing(rig):
    """It is over before it begins."""
    rig.mirror(ALL)
    rig.mirror(replace(ALL, until=hours(1)))

    assert ([], []) == (rig.muted(), rig.corrected())


@pytest.mark.parametrize("seen_at", [0, 3])
@pytest.mark.parametrize("moved", [(1, 5), (2, 8), (4, 9), (3.5, 4)])
def test_an_outage_that_is_moved_takes_both_along(rig, seen_at, moved):
    """Also where it has begun: what began before is ended, and begins anew."""
    rig.mirror(ALL)
    rig.at(seen_at)
    since, until = map(hours, moved)
    rig.mirror(replace(ALL, since=since, until=until))

    begins = {one[2] for one in rig.muted()}
    assert {moved[0] if seen_at < moved[0] else 2 if seen_at else moved[0]} == begins
    assert {until} == {hours(one[3] - 0.25) for one in rig.muted()}
    assert [("anywhere", *moved), ("everywhere", *moved)] == rig.corrected()
    assert 0 == rig.mirror(replace(ALL, since=since, until=until)).writes


def test_what_is_not_of_the_outage_is_never_touched(rig):
    """Of people, of another environment, of another outage, and what mutes one monitor."""
    rig.mirror(ALL)
    kept = rig.datadog.suppressed.kept
    for kind, text in (("downtime", "message"), ("correction", "description")):
        first = next(iter(kept[kind].values()))
        for number, said in enumerate(
            ("by hand", "Managed by lightkeeper: else/maintenance/3/at-step"),
            start=1,
        ):
            attributes = {**first["attributes"], text: said}
            kept[kind][f"{number}"] = {**first, "id": f"{number}", "attributes": attributes}
    rig.mirror(replace(ALL, number=31))
    rig.mirror(replace(ALL, until=hours(1)))

    assert 2 + 3 == len(rig.muted())
    assert 2 + 2 == len(rig.corrected())


def test_a_permission_for_the_one_kind_is_enough_for_it(rig):
    """What is lacking for the other is named."""
    rig.datadog.faults.lacks.add("slos_corrections")
    with pytest.raises(AccessRefused, match=r"^correction of maintenance window 3: .* slos_corr"):
        rig.mirror(ALL)
    assert (3, []) == (len(rig.muted()), rig.corrected())

    rig.datadog.faults.lacks.add("monitors_downtime")
    with pytest.raises(AccessRefused, match=r"(?s)lack monitors_downtime.*\n.*lack slos_correct"):
        rig.mirror(replace(ALL, number=4))
    rig.datadog.faults.lacks.clear()
    assert 2 == rig.mirror(ALL).writes


def test_an_account_that_does_not_answer_is_asked_for_one_kind_alone(rig):
    """For as long as every call is tried; the next run makes up for it."""
    rig.datadog.fail(503, times=99)
    with pytest.raises(Unanswered, match=r"^downtimes: \S+ answers 503: try again later$"):
        rig.mirror(ALL)
    assert [0.5, 1, 2, 4, 8] == rig.slept
    rig.datadog.faults.pending.clear()

    assert 5 == rig.mirror(ALL).writes


def test_after_days_without_datadog_the_correction_is_made(rig):
    """There is nothing to mute any more."""
    rig.at(30)
    rig.mirror(ALL)

    assert [] == rig.muted()
    assert [("anywhere", 2, 6), ("everywhere", 2, 6)] == rig.corrected()


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("path", ["/api/v2/downtime", "/api/v1/slo/correction"])
def test_what_is_made_and_not_answered_is_looked_up_before_it_is_made_again(rig, path, after):
    """In the same run; there is each once, and no call in vain."""
    rig.datadog.fail(502, method="POST", path=path, after=after)
    rig.mirror(ALL)
    made = [one for one in rig.datadog.writes if one.method == "POST" and path in one.path]

    assert (3, 2) == (len(rig.muted()), len(rig.corrected()))
    assert (3 if "downtime" in path else 2) + (not after) == len(made)


outages = st.builds(
    lambda number, since, length, steps: PlannedOutage(
        number, hours(since), hours(since + length), steps, f"of {number}"
    ),
    st.integers(1, 3),
    st.integers(-3, 6),
    st.integers(-1, 6),
    st.sampled_from([(), (BGS,), (BGS, CLAIMS), ("remove_file_binary",)]),
)
announced = st.lists(outages, min_size=3, max_size=3, unique_by=lambda one: one.number)
faults = st.lists(
    st.tuples(
        st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
        st.sampled_from(["/api/v2/downtime", "/api/v1/slo"]),
        st.sampled_from([None, 502, 429, 403]),
        st.booleans(),
    ),
    max_size=3,
)


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 2), announced, faults), min_size=1, max_size=4))
def test_whatever_happened_before_one_run_that_succeeds_makes_it_right(steps):
    """After outages that were moved and ended, lost answers, refusals and old downtimes."""
    with OutageRig() as rig, OutageRig() as fresh:
        hour = 0
        for later, said, wrong in steps:
            hour += later
            rig.at(hour)
            for method, path, status, after in wrong:
                rig.datadog.fail(status, method=method, path=path, after=after)
            with suppress(AlertingError):
                rig.mirror(*said)
        rig.datadog.faults.pending.clear()
        rig.mirror(*said)
        fresh.at(hour)
        fresh.mirror(*said)

        def ends(one):
            # What has begun may have begun earlier than where it is made only now.
            return sorted(
                (kind, scope, max(since, hour), until) for kind, scope, since, until in one
            )

        assert ends(fresh.muted()) == ends(rig.muted())
        assert fresh.corrected() == rig.corrected()
        assert 0 == rig.mirror(*said).writes


def test_the_shipped_definitions_mute_what_the_drill_of_an_outage_still_lets_notify():
    """And nothing that pages: composites keep that quiet for as long as an outage explains it."""
    assets = load(ROOT / "monitors")
    planned = {key: one for key, one in assets.monitors.items() if one.planned_outage}
    drill = EXPECTED["planned-outage"]

    assert {*drill.notifies, *drill.may_notify} <= planned.keys()
    assert {"channel"} == {one.urgency for one in planned.values()}
    assert not any("maintenance" in one.payload["query"] for one in planned.values())
    assert all(one.planned_outage for one in assets.slos.values())


def test_what_a_composite_lets_a_maintenance_explain_is_muted_too():
    """As far as the shipped monitor by itself notifies people."""
    assets = load(ROOT / "monitors")
    queries = [one.payload["query"] for one in assets.monitors.values()]
    named = {
        key
        for query in queries
        if "!maintenance-" in query
        for key in re.findall(r"(?<![\w!-])[a-z][a-z-]+", query)
    }
    telling = {key for key in named if "${channel}" in assets.monitors[key].written["message"]}

    assert {"documents-stuck", "lighthouse-unreachable", "polling-stopped"} <= telling
    assert all(assets.monitors[key].planned_outage for key in telling)

"""Composites: the statuses of other monitors, combined as Datadog's documentation says."""

import pytest
from monitor_rig import Watched, payload, whys

from lightkeeper.alerting.errors import BadMonitor, TemplateError, Unsupported
from lightkeeper.alerting.evaluate.composite import BadOperands, status_of
from lightkeeper.alerting.evaluate.monitor_runs import monitor_runs
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.parser import parse
from lightkeeper.telemetry.signals import Kind

ALERT, WARN, NO_DATA, OK = Status.ALERT, Status.WARN, Status.NO_DATA, Status.OK
VALUES = {ALERT: 6.0, WARN: 4.0, OK: 1.0, NO_DATA: None}
NOTIFIED = {"on_missing_data": "show_and_notify_no_data"}


def level(name, by="", **options):
    """Return a monitor of a gauge that warns above 3 and alerts above 5."""
    given = {"thresholds": {"critical": 5, "warning": 3}, **NOTIFIED, **options}
    return payload(f"max(last_1m):max:{name}{{*}}{by} > 5", **given)


def composite(condition, by="", of=None, **options):
    """Return a composite of the levels a, b and c, or of those given."""
    operands = {name: level(name, by) for name in "abc"} | (of or {})
    return Watched(condition, operands=operands, **options)


def send(watched, minutes=1, **values):
    """Send these values of the gauges in each minute; return the notifications."""
    notifications = []
    for _ in range(minutes):
        for name, value in values.items():
            if value is not None:
                watched.gauge(value, name=name)
        notifications += watched.pass_minutes()
    return notifications


def becomes(condition, before, now, **options):
    """Return the composite's status after a minute in these statuses, and then in those."""
    watched = composite(condition, **options)
    for statuses in (before, now):
        send(watched, **{name: VALUES[one] for name, one in zip("abc", statuses, strict=False)})
    return watched.status()


# The table of Datadog's page on composites. LAST: the status before stays.
LAST = None
TABLE = [
    (ALERT, WARN, "a && b", None, WARN),
    (ALERT, WARN, "a || b", None, ALERT),
    (ALERT, OK, "a && b", None, OK),
    (ALERT, OK, "a || b", None, ALERT),
    (WARN, OK, "a && b", None, OK),
    (WARN, OK, "a || b", None, WARN),
    (NO_DATA, WARN, "a && b", True, NO_DATA),
    (NO_DATA, WARN, "a || b", True, WARN),
    (NO_DATA, WARN, "a && b", False, LAST),
    (NO_DATA, WARN, "a || b", False, WARN),
    (NO_DATA, OK, "a && b", False, OK),
    (NO_DATA, OK, "a || b", False, LAST),
    (NO_DATA, OK, "a && b", True, OK),
    (NO_DATA, OK, "a || b", True, NO_DATA),
    (NO_DATA, NO_DATA, "a && b", True, NO_DATA),
    (NO_DATA, NO_DATA, "a || b", True, NO_DATA),
    (NO_DATA, NO_DATA, "a && b", False, LAST),
]


@pytest.mark.parametrize(("a", "b", "condition", "notify", "expected"), TABLE)
@pytest.mark.parametrize("before", [OK, WARN, ALERT])
def test_the_table_of_the_documentation_holds(a, b, condition, notify, expected, before):
    """Both orders of the operands give what the table says, from whatever status before."""
    for first, second in ((a, b), (b, a)):
        for option in (True, False) if notify is None else (notify,):
            found = becomes(condition, (before, before), (first, second), notify_no_data=option)

            assert (before if expected is LAST else expected) == found


@pytest.mark.parametrize(
    ("condition", "statuses", "expected"),
    [
        ("!a", (ALERT,), OK),
        ("!a", (WARN,), OK),
        ("!a", (OK,), ALERT),
        ("!a", (NO_DATA,), NO_DATA),
        ("!!a", (WARN,), ALERT),
        ("!(a && b)", (ALERT, OK), ALERT),
        ("!(a && b)", (ALERT, WARN), OK),
        ("!(a || b)", (OK, NO_DATA), NO_DATA),
        ("a && !b", (WARN, OK), WARN),
        ("a && !b", (ALERT, WARN), OK),
        ("a && !b", (ALERT, NO_DATA), NO_DATA),
        ("a && !b && !c", (ALERT, OK, OK), ALERT),
        ("a && !b && !c", (ALERT, OK, ALERT), OK),
        ("a && (b || c)", (ALERT, OK, WARN), WARN),
        ("(a && b) || c", (OK, ALERT, NO_DATA), NO_DATA),
        ("(a && b) || c", (WARN, ALERT, NO_DATA), WARN),
    ],
)
def test_conditions_are_combined(condition, statuses, expected):
    """`!` turns what is alert-worthy into OK and back, and leaves No Data; parts nest."""
    named = dict(zip("abc", statuses, strict=False))

    assert expected == status_of(parse(condition).condition, named)


def test_it_notifies_of_its_own_changes_alone():
    """It alerts where the condition holds, says when it is over, and the operands say nothing."""
    watched = composite("a && !b", message="{{#is_alert}}@oncall{{/is_alert}} @team")

    notifications = [
        *send(watched, a=1, b=1),
        *send(watched, 2, a=6, b=1),
        *send(watched, a=6, b=6),
        *send(watched, a=6, b=1),
    ]

    assert [
        ("alert", 120, ("@oncall", "@team")),
        ("recovery", 240, ("@team",)),
        ("alert", 300, ("@oncall", "@team")),
    ] == [(one.why, one.at_seconds, one.who) for one in notifications]


def test_it_reminds_as_its_own_options_say():
    """Renotification goes by the composite's status."""
    watched = composite("a || b", renotify_interval=10, renotify_occurrences=2)

    assert ["alert", "renotify", "renotify"] == whys(send(watched, 45, a=6, b=1))


def test_no_data_notify_where_both_say_so():
    """With notify_no_data a composite without data is notified of, and once."""
    watched = composite("a && b", notify_no_data=True)

    notifications = [*send(watched, a=1, b=1), *send(watched, 5), *send(watched, a=1, b=1)]

    assert ["no data", "recovery"] == whys(notifications)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        (NOTIFIED, True),
        ({"on_missing_data": "default"}, True),
        ({"on_missing_data": "show_no_data"}, False),
    ],
)
def test_what_never_notifies_is_not_asked_to(options, allowed):
    """Missing data have to notify in the operand too, unless it never lacks any."""
    of = {"b": level("b", **options)}
    if allowed:
        composite("a && b", of=of, notify_no_data=True)
        return

    with pytest.raises(BadMonitor, match="missing data of b do not notify"):
        composite("a && b", of=of, notify_no_data=True)


def test_no_data_of_operands_that_never_lack_data_are_never_sent():
    """Then the option says what cannot happen."""
    of = {name: level(name, on_missing_data="default") for name in "ab"}

    with pytest.raises(BadMonitor, match="none of its monitors can have no data"):
        composite("a && b", of=of, notify_no_data=True)


def test_it_has_no_status_until_every_operand_has_one():
    """Where an operand never saw data there is nothing to compute, whatever the others say."""
    watched = composite("a || b")

    assert ([], None) == (send(watched, 10, a=6), watched.status())
    assert (["alert"], ALERT) == (whys(send(watched, a=6, b=1)), watched.status())


def test_groups_that_all_operands_have_are_combined():
    """Only the common groups get a status, each its own; other groups never trigger."""
    watched = composite("a && b", " by {host}", message="{{host.name}} {{a.value}} @team")
    for name, host in (("a", "x"), ("a", "y"), ("b", "y"), ("b", "z")):
        watched.gauge(6, f"host:{host}", name=name)

    notifications = watched.pass_minutes()

    assert [(("host:y",), "y 6.0 @team")] == [(one.group, one.message) for one in notifications]
    assert {("host:y",): ALERT} == watched.run.states


def test_what_is_not_grouped_counts_for_every_group():
    """A simple alert beside a multi alert explains each of its groups."""
    watched = composite("a && !b", of={"a": level("a", " by {host}", new_group_delay=0)})
    for host in "xy":
        watched.gauge(6, f"host:{host}", name="a")
    watched.gauge(6, name="b")
    watched.pass_minutes()
    assert {("host:x",): OK, ("host:y",): OK} == watched.run.states

    for host in "xy":
        watched.gauge(6, f"host:{host}", name="a")
    watched.gauge(1, name="b")

    assert [("host:x",), ("host:y",)] == [one.group for one in watched.pass_minutes()]


def test_a_group_ends_where_an_operand_drops_it():
    """A day without data ends the group of an operand, and of the composite with it."""
    watched = composite("a && b", of={name: level(name, " by {host}") for name in "ab"})
    for _ in range(3):
        for name in "ab":
            watched.gauge(6, "host:x", name=name)
        watched.pass_minutes()
    watched.pass_minutes(23 * 60)
    assert {("host:x",): ALERT} == watched.run.states

    watched.pass_minutes(65)

    assert {} == watched.run.states


def test_messages_show_the_operands():
    """Value and status of each, called a, b, c in the order of the query."""
    text = "{{a.status}} {{a.value}} {{b.status}} {{b.value}} {{c.status}}"
    watched = composite("c && (a || b)", message=text)

    (notification,) = send(watched, a=6, b=4, c=5.5)

    assert "Alert 5.5 Alert 6.0 Warn" == notification.message


@pytest.mark.parametrize("name", ["value", "threshold", "comparator", "d.value", "a.threshold"])
def test_what_a_composite_has_not_is_refused_in_its_message(name):
    """It compares no number of its own, and has no fourth operand."""
    with pytest.raises(TemplateError, match="stays empty here"):
        composite("a && b && c", message=f"{{{{{name}}}}}")


@pytest.mark.parametrize(
    "name",
    [
        *("thresholds", "on_missing_data", "no_data_timeframe", "new_group_delay", "timeout_h"),
        *("notify_by", "threshold_windows", "min_failure_duration"),
    ],
)
def test_options_that_a_composite_has_not_are_refused_by_name(name):
    """They belong to its operands; what an export holds empty is no fault."""
    value = {"thresholds": {"critical": 1}, "on_missing_data": "default", "notify_by": ["x"]}

    with pytest.raises(BadMonitor, match=f"a composite takes no {name}"):
        composite("a && b", **{name: value.get(name, 5)})
    composite("a && b", **{name: None}, require_full_window=False, include_tags=True)


NESTED = {"a": level("a"), "d": payload("a && b")}


@pytest.mark.parametrize(
    ("condition", "of", "said"),
    [
        ("a && x && y", None, "there is no monitor x or y"),
        ("a && d", NESTED, "d is a composite, which no composite can name"),
        (" && ".join(f"m{n}" for n in range(11)), None, "it names 11 monitors, and Datadog"),
        ("a && b", {"a": level("a", " by {x}"), "b": level("b", " by {y}")}, "no group in common"),
        (
            "a && b",
            {"a": level("a", " by {x}"), "b": level("b", " by {x,y}")},
            "a is grouped by x and b by x, y",
        ),
    ],
)
def test_operands_that_cannot_be_combined_are_refused(condition, of, said):
    """Unknown ones, composites, more than ten, and those without a common group."""
    many = {f"m{n}": level("m") for n in range(11)}

    with pytest.raises(BadOperands, match=said):
        composite(condition, of=(of or {}) | many)


def test_ten_operands_are_taken_however_often_they_are_named():
    """The limit is one of monitors, not of words."""
    names = [f"m{n}" for n in range(10)]
    condition = f"({' && '.join(names)}) || ({' && '.join(names)})"

    watched = composite(condition, of={name: level(name) for name in names})
    send(watched, **dict.fromkeys(names, VALUES[ALERT]))

    assert ALERT == watched.status()


@pytest.mark.parametrize("condition", ["!a", "a && a", "1 || 2"])
def test_what_datadog_does_not_say_is_refused(condition):
    """One monitor alone, and ids, which no file of ours has."""
    with pytest.raises(Unsupported, match=" is not supported"):
        composite(condition)


def test_a_type_goes_with_its_query():
    """A composite's type needs a condition, and a condition that type."""
    for query, kind in (("a && b", "query alert"), ("max(last_1m):max:a{*} > 5", "composite")):
        with pytest.raises(BadMonitor, match=f"type '{kind}' does not go with the query"):
            composite(query, type=kind)


def test_all_monitors_are_evaluated_before_the_composites():
    """However they are sorted, a composite sees its operands' statuses of the same minute."""
    runs = monitor_runs({"0": payload("a && b"), "a": level("a"), "b": level("b")}, {})
    store = SeriesStore()
    for name in "ab":
        store.add(name, Kind.GAUGE, (), 30, 6)

    notified = {key: whys(run.evaluate(store, 60)) for key, run in runs.items()}

    assert {"a": ["alert"], "b": ["alert"], "0": ["alert"]} == notified

"""What a file says and what the server answers have one form; a change by hand has another."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.account.normal import fingerprint, normal, sent, unknown
from lightkeeper.alerting.account.objects import ObjectKind, wanted
from lightkeeper.alerting.files.dashboards import dashboards_of
from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.datadog import stored

ROOT = Path(__file__).parents[4]
MONITOR, SLO, BOARD = ObjectKind.MONITOR, ObjectKind.SLO, ObjectKind.DASHBOARD
KEEP = {MONITOR: stored.monitor, SLO: stored.slo, BOARD: stored.dashboard}
BASE = {"type": "query alert", "query": "avg(last_5m):avg:a{*} > 1", "name": "It", "message": "x"}
ADDED_SOMETIMES = [
    {},
    {"type": "metric alert"},
    {"restricted_roles": None, "draft_status": "draft", "run_as": None, "restricted": True},
    {"options": {"locked": False, "avalanche_window": 20, "silenced": {"*": 1}}},
    {"message": "  x\n", "priority": None, "matching_downtimes": [{"id": 1}]},
]


def held(kind, payload, before=None):
    """What the account holds after a payload was sent."""
    return KEEP[kind](sent(kind, payload, before), 7, 1.0, before)


def as_answered(kind, payload):
    """Whether the account's form is that of the payload."""
    return normal(kind, held(kind, payload), like=payload) == normal(kind, payload)


def test_every_shipped_object_is_as_it_was_sent():
    """A plan after an apply finds nothing."""
    assets = load(ROOT / "monitors")
    boards = dashboards_of(assets, ROOT / "dashboards", "--dashboards")
    wrong = [one.key for one in wanted(assets, boards) if not as_answered(one.kind, one.payload)]

    assert [] == wrong


option = st.sampled_from(
    [
        {"include_tags": False},
        {"notify_audit": True},
        {"new_host_delay": 0},
        {"new_host_delay": 300},
        {"new_group_delay": 60},
        {"on_missing_data": "default"},
        {"on_missing_data": "show_no_data"},
        {"notify_no_data": True, "no_data_timeframe": 10},
        {"notify_no_data": False},
        {"thresholds": {"critical": 1, "warning": None}},
        {"thresholds": {}},
        {"timeout_h": None},
        {"renotify_interval": 60},
        {"renotify_statuses": []},
    ]
)
monitors = st.builds(
    lambda options, more: {
        **BASE,
        **more,
        "options": {k: v for o in options for k, v in o.items()},
    },
    st.lists(option, max_size=4),
    st.sampled_from(
        [
            {},
            {"priority": 2},
            {"tags": ["b:x", "A:B", "b:x"]},
            {"type": "log alert"},
            {"name": " It "},
        ]
    ),
)


@given(monitors, st.sampled_from(ADDED_SOMETIMES), monitors)
def test_any_monitor_is_as_it_was_sent_whatever_the_server_adds(monitor, added, before):
    """After a create and after a change of another one, with each thing that was ever added."""
    there = held(MONITOR, monitor)
    # Null is added only where nothing was sent.
    others = {name: one for name, one in added.items() if one is not None or name not in monitor}
    more = {**there, **others, "options": {**there["options"], **added.get("options", {})}}

    if added.get("type") is None or monitor["type"] == "query alert":
        assert normal(MONITOR, monitor) == normal(MONITOR, more, like=monitor)
    if before["type"] == monitor["type"]:
        changed = held(MONITOR, monitor, held(MONITOR, before))
        assert normal(MONITOR, monitor) == normal(MONITOR, changed, like=monitor)


def test_a_value_that_the_account_has_no_more_is_seen():
    """Null is what was never sent, not what was."""
    monitor = {**BASE, "priority": 2, "tags": ["a:b"], "options": {"timeout_h": 2}}
    there = held(MONITOR, monitor)
    options = {**there["options"], "timeout_h": None}
    changes = [{"priority": None}, {"tags": None}, {"message": None}, {"options": options}]
    unseen = [
        change
        for change in changes
        if normal(MONITOR, monitor) == normal(MONITOR, {**there, **change}, like=monitor)
    ]

    assert [] == unseen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message", "y"),
        ("query", "avg(last_5m):avg:a{*} > 2"),
        ("priority", 1),
        ("tags", ["a:b"]),
        ("options", {"thresholds": {"critical": 2}}),
        ("options", {"include_tags": False}),
        ("options", {"renotify_interval": 10}),
        ("options", {"on_missing_data": "show_no_data"}),
    ],
)
def test_what_people_change_by_hand_is_seen(field, value):
    """Each field that a file may have, and no field that only the account has."""
    payload = {**BASE, "options": {"thresholds": {"critical": 1}}}
    there = held(MONITOR, payload)
    hands = {**there[field], **value} if field == "options" else value
    changed = {**there, field: hands}

    assert normal(MONITOR, payload) != normal(MONITOR, changed, like=payload)
    assert fingerprint(MONITOR, there) != fingerprint(MONITOR, changed)
    assert fingerprint(MONITOR, there) == fingerprint(MONITOR, {**there, "overall_state": "OK"})


THRESHOLDS = [{"timeframe": "7d", "target": 95, "warning": 98}]
SLOS = {
    "metric": {"type": "metric", "query": {"numerator": "a", "denominator": "b"}, "tags": ["x:y"]},
    "count": {"type": "metric", "sli_specification": {"count": {"queries": []}}},
    "time slice": {"type": "time_slice", "sli_specification": {"time_slice": {"threshold": 5}}},
    "monitor": {"type": "monitor", "monitor_ids": [1], "groups": ["a:b"], "description": "It."},
    "spelled out": {
        "type": "metric",
        "query": {"a": "b"},
        "timeframe": "7d",
        "target_threshold": 95,
    },
}


@pytest.mark.parametrize("slo", SLOS.values(), ids=SLOS)
def test_an_slo_is_as_it_was_sent(slo):
    """Of each kind; what its first threshold says need not be said twice."""
    payload = {"name": "It", "thresholds": THRESHOLDS, **slo}

    assert as_answered(SLO, payload)
    there = {**held(SLO, payload), "query": {"numerator": "made by the server"}}
    if "count" in slo.get("sli_specification", {}):
        assert normal(SLO, payload) == normal(SLO, there, like=payload)
    changed = {**held(SLO, payload), "thresholds": [{**THRESHOLDS[0], "target": 96}]}
    assert normal(SLO, payload) != normal(SLO, changed, like=payload)


def test_what_people_restricted_and_what_is_new_at_datadog_stays():
    """A change sends what the account holds beside the file, and names what is not known."""
    board = {"title": "It", "layout_type": "ordered", "widgets": []}
    there = {**held(BOARD, board), "restricted_roles": ["r"], "sparkles": 1, "id": "abc-def-ghi"}
    body = sent(BOARD, {**board, "title": "New"}, kept=there)
    monitor = held(MONITOR, BASE | {"options": {}})
    monitor = {**monitor, "options": {**monitor["options"], "sparkle": 2}}

    assert (["r"], 1, "New") == tuple(
        body[one] for one in ("restricted_roles", "sparkles", "title")
    )
    assert "id" not in body
    assert ["sparkles"] == unknown(BOARD, there, board)
    assert ["options.sparkle"] == unknown(MONITOR, monitor, BASE)
    assert 2 == sent(MONITOR, BASE | {"options": {}}, kept=monitor)["options"]["sparkle"]
    assert normal(BOARD, board) == normal(BOARD, there, like=board)
    for name in ("restricted_roles", "draft_status", "run_as", "restriction_policy", "assets"):
        assert name not in sent(MONITOR, {**BASE, name: "x"})

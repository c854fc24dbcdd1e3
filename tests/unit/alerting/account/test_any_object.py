"""Whatever a file says, whatever the server adds and whatever people change by hand."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.account.normal import fingerprint, normal, sent, unknown
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.simulation.datadog import stored

MONITOR, SLO, BOARD = ObjectKind.MONITOR, ObjectKind.SLO, ObjectKind.DASHBOARD
KEEP = {MONITOR: stored.monitor, SLO: stored.slo, BOARD: stored.dashboard}
# Datadog's alone, or what people set in the account: (fields, values that they may have)
LEFT_ALONE = {
    MONITOR: {
        "restricted_roles": [None, [], ["role"]],
        "restriction_policy": [None, {"bindings": []}],
        "draft_status": ["draft", "published"],
        "run_as": [None, "user"],
        "restricted": [True, False],
        "overall_state": ["OK", "Alert"],
        "matching_downtimes": [[], [{"id": 1}]],
    },
    SLO: {"creator": [None, {"name": "x"}], "configured_alert_ids": [[], [7]]},
    BOARD: {
        "restricted_roles": [[], ["role"]],
        "is_read_only": [True, False],
    },
}
SERVERS = {"id", "target_display", "warning_display", "silenced"}  # inside of managed fields

words = st.text(st.sampled_from('aZ 0\n"{}$:/é'), min_size=1, max_size=12)
tags = st.lists(st.sampled_from(["team:x", "Env:Y", "a b:c", "plain", "é:1"]), max_size=4)


def some(**fields):
    """Any part of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


numbers = st.one_of(st.integers(0, 9), st.floats(0.25, 9, width=16))
options = some(
    thresholds=some(
        critical=numbers, warning=st.none() | numbers, critical_recovery=st.none() | numbers
    ),
    include_tags=st.booleans(),
    notify_audit=st.booleans(),
    notify_no_data=st.booleans(),
    no_data_timeframe=st.none() | st.integers(2, 20),
    on_missing_data=st.sampled_from(["default", "show_no_data", "resolve"]),
    new_group_delay=st.integers(0, 60),
    evaluation_delay=st.none() | st.integers(0, 900),
    renotify_interval=st.none() | st.integers(10, 60),
    renotify_statuses=st.lists(st.sampled_from(["alert", "no data"]), max_size=2, unique=True),
    require_full_window=st.booleans(),
    timeout_h=st.none() | st.integers(0, 24),
    escalation_message=st.just("") | words,
    notify_by=st.lists(st.sampled_from(["*", "step"]), max_size=1),
    scheduling_options=some(evaluation_window=some(hour_starts=st.integers(0, 59))),
    variables=st.lists(
        st.fixed_dictionaries({"name": words, "data_source": st.just("metrics"), "query": words}),
        max_size=2,
    ),
)
monitors = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["query alert", "metric alert", "log alert", "service check"]),
        "query": words.filter(str.strip),
        "name": words,
        "message": words,
    },
    optional={"options": options, "tags": tags, "priority": st.none() | st.integers(1, 5)},
)
thresholds = st.lists(
    st.fixed_dictionaries(
        {"timeframe": st.sampled_from(["7d", "30d"]), "target": st.integers(90, 99)},
        optional={"warning": st.none() | st.integers(95, 99)},
    ),
    min_size=1,
    max_size=2,
)
slos = st.fixed_dictionaries(
    {
        "name": words.filter(str.strip),
        "type": st.just("metric"),
        "thresholds": thresholds,
        "query": st.fixed_dictionaries({"numerator": words, "denominator": words}),
    },
    optional={"tags": tags, "description": st.just("") | words},
) | st.fixed_dictionaries(
    {
        "name": words.filter(str.strip),
        "type": st.just("time_slice"),
        "thresholds": thresholds,
        "sli_specification": st.fixed_dictionaries(
            {"time_slice": st.fixed_dictionaries({"threshold": numbers, "comparator": words})}
        ),
    }
)
notes = st.fixed_dictionaries({"type": st.just("note"), "content": words})
graphs = st.fixed_dictionaries(
    {
        "type": st.just("timeseries"),
        "requests": st.lists(some(q=words, on_right_yaxis=st.booleans()), min_size=1, max_size=2),
    },
    optional={"title": words, "yaxis": some(include_zero=st.booleans())},
)
widgets = st.recursive(
    st.builds(lambda one: {"definition": one}, notes | graphs),
    lambda inner: st.builds(
        lambda title, inside: {"definition": {"type": "group", "title": title, "widgets": inside}},
        words,
        st.lists(inner, max_size=3),
    ),
    max_leaves=5,
)
boards = st.fixed_dictionaries(
    {
        "title": words,
        "layout_type": st.just("ordered"),
        "widgets": st.lists(widgets, max_size=3),
    },
    optional={
        "description": st.none() | words,
        "tags": st.lists(st.sampled_from(["team:x", "team:y"]), max_size=2),
        "notify_list": st.none() | st.just(["a@b"]),
        "reflow_type": st.sampled_from(["auto", "fixed"]),
        "template_variables": st.none()
        | st.lists(st.fixed_dictionaries({"name": words, "defaults": st.just(["*"])}), max_size=2),
    },
)
objects = st.one_of(
    st.tuples(st.just(MONITOR), monitors, monitors),
    st.tuples(st.just(SLO), slos, slos),
    st.tuples(st.just(BOARD), boards, boards),
).filter(lambda one: one[1]["type" if one[0] != BOARD else "layout_type"] is not None)
new = st.dictionaries(
    st.sampled_from(["sparkle", "glow", "shine"]), st.sampled_from([0, [], {"a": [1]}, "x"])
)


def answered(kind, payload, before=None):
    """What the account holds after a payload was sent."""
    return KEEP[kind](sent(kind, payload, before), 7, 1.0, before)


def objects_in(value):
    """Every object in it, however deep, but what only the server writes."""
    if isinstance(value, dict):
        yield value
    pairs = value.items() if isinstance(value, dict) else enumerate(value or ())
    for name, one in pairs:
        if isinstance(one, dict | list) and name not in SERVERS:
            yield from objects_in(one)


def more(data, kind, held):
    """What the account holds, with fields that the server or people add there."""
    added = {
        name: data.draw(st.sampled_from(values), name)
        for name, values in LEFT_ALONE[kind].items()
        if data.draw(st.booleans())
    }
    held = {**held, **added, **data.draw(new, "new fields")}
    if kind is MONITOR:
        options = {"locked": False, "avalanche_window": 20, **data.draw(new, "new options")}
        held["options"] = {**held["options"], **options}
    if data.draw(st.booleans(), "deep"):
        held = copy.deepcopy(held)
        inside = [one for name in ("widgets", "options") for one in objects_in(held.get(name))]
        for one in inside[: data.draw(st.integers(0, 4), "so many")]:
            one["twinkle"] = data.draw(st.sampled_from([0, "x", {"twinkle": 1}, [[]]]))
    if held.get("tags"):
        held["tags"] = data.draw(st.permutations(held["tags"]), "order of tags")
    return dict(data.draw(st.permutations(list(held.items())), "order"))


@given(objects, st.data())
def test_any_object_is_as_it_was_sent_whatever_the_server_adds(pair, data):
    """After a create, and after a change of another; what is new at Datadog is named and stays."""
    kind, payload, other = pair
    other = {**other, "type": payload["type"]} if kind is not BOARD else other
    before = more(data, kind, answered(kind, other))
    for held in (more(data, kind, answered(kind, payload)), answered(kind, payload, before)):
        assert normal(kind, payload) == normal(kind, held, like=payload)
    after = answered(kind, payload, before)

    new_ones = {one for one in unknown(kind, before, payload) if "twinkle" not in one}
    stays = [name for name in new_ones if not name.startswith("options.")]
    assert new_ones <= set(unknown(kind, after, payload))
    assert ("twinkle" in str(before)) == ("twinkle" in str(unknown(kind, before, payload)))
    assert {name: before[name] for name in stays} == {name: after[name] for name in stays}
    kept = LEFT_ALONE[kind].keys() & before.keys() - {"matching_downtimes"}
    if kind is not SLO:  # of an SLO nothing but what Datadog alone writes is there
        assert {one: before[one] for one in kept} == {one: after.get(one) for one in kept}


def leaves(value, path=()):
    """The path of each text and number."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name not in SERVERS:
                yield from leaves(one, (*path, name))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from leaves(one, (*path, at))
    elif value is not None:
        yield path


def edited(value, path):
    """The same with another text or number at a path."""
    value = copy.copy(value)
    if path:
        value[path[0]] = edited(value[path[0]], path[1:])
        return value
    if isinstance(value, bool):
        return not value
    return f"{value}x" if isinstance(value, str) else value + 1


@given(objects, st.data())
def test_any_change_by_hand_is_seen(pair, data):
    """Of each text and number that a file may have, wherever it stands; and the account heals."""
    kind, payload, _ = pair
    held = answered(kind, payload)
    managed = normal(kind, held).keys()
    path = data.draw(st.sampled_from([one for one in leaves(held) if one[0] in managed]), "path")
    changed = edited(held, path)

    assert normal(kind, payload) != normal(kind, changed, like=payload)
    assert fingerprint(kind, held) != fingerprint(kind, changed)
    healed = KEEP[kind](
        sent(kind, payload, changed), 7, 1.0, {**changed, "type": held.get("type")}
    )
    assert normal(kind, payload) == normal(kind, healed, like=payload)

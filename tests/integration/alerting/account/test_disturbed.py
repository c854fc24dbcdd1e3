"""Applies in accounts that hold what others made, and that fail in every way at any call."""

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress

import account_rig
import pytest
from account_rig import FOREIGN, AccountRig
from hypothesis import given, settings
from hypothesis import strategies as st

from lightkeeper.alerting.account.errors import AccountMoved, PayloadRefused
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.errors import AlertingError

ALL = [
    ("dashboard", "test/one"),
    *(
        ("monitor", f"test/{key}")
        for key in ("base", "burn", "failed", "page", "polling", "stuck")
    ),
    ("slo", "test/share"),
]
SLO = {
    "type": "metric",
    "name": "Of another team",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95}],
}
BOARD = {"title": "Of another team", "layout_type": "ordered", "widgets": []}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the account shall hold."""
    folder = tmp_path_factory.mktemp("files")
    account_rig.write(folder)
    return account_rig.objects(folder)


marks = st.lists(
    st.sampled_from(
        [
            *("managed_by:lightkeeper", "monitor_key:other/base", "managed_by:kennel"),
            *("ManagedBy:Terraform", "team:others", "lightkeeper"),
        ]
    ),
    max_size=3,
    unique=True,
) | st.sampled_from(
    [
        ["monitor_key:test/base"],  # without the other tag it is not ours
        ["managed_by:lightkeeper", "monitor_key:test/base", "ManagedBy:Terraform"],
        ["managed_by:lightkeeper", "monitor_key:test/gone", "managedby:terraform"],
    ]
)
lines = st.sampled_from(
    [
        *("", "Managed by lightkeeper", "managed by lightkeeper: test/one"),
        *("Managed by lightkeeper: other/one", "x Managed by lightkeeper: test/one"),
    ]
)
foreign = st.lists(
    st.tuples(st.just("monitor"), marks)
    | st.tuples(st.just("slo"), marks)
    | st.tuples(st.just("dashboard"), lines),
    min_size=1,
    max_size=6,
    unique_by=str,  # two with one mark are refused
)


def made(rig, others):
    """Add them, and return them by kind and id."""
    for at, (kind, mark) in enumerate(others):
        if kind == "dashboard":
            rig.datadog.add(kind, {**BOARD, "description": f"{at}\n\n{mark}"})
        else:
            payload = FOREIGN if kind == "monitor" else SLO
            rig.datadog.add(kind, {**payload, "name": f"{at}", "tags": mark})
    return copy.deepcopy(rig.datadog.objects)


@settings(max_examples=6)
@given(foreign)
def test_what_is_not_ours_is_as_it_was_after_any_apply(found, others):
    """Created, changed and deleted is only what carries both our marks, and is not Terraform's."""
    with AccountRig() as rig:
        before = made(rig, others)
        rig.apply(rig.plan(found))
        for kind, one in (("monitor", "failed"), ("dashboard", "one"), ("slo", "share")):
            number = next(n for n, it in rig.datadog.objects[kind].items() if one in str(it))
            if number not in before[kind]:
                rig.datadog.change(kind, number, name="By hand", title="By hand")
        rig.apply(rig.plan(found))
        rig.apply(rig.plan(()), deletes=8)

        assert before == rig.datadog.objects


fault = st.fixed_dictionaries(
    {
        "status": st.sampled_from([None, 429, 400, 403, 409, 500, 502, 503]),
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        "path": st.sampled_from(["/api/v1", *(f"/api/v1/{kind}" for kind in account_rig.KINDS)]),
        "times": st.sampled_from([1, 2, 7]),
        "after": st.booleans(),
    }
)


@settings(max_examples=8)
@given(st.lists(fault, min_size=1, max_size=4), st.integers(0, 4), st.booleans())
def test_whatever_fails_an_apply_that_is_run_again_completes_the_account(
    found, faults, late, anew
):
    """Each ends well or says why; nothing is doubled, lost, or touched that is of others."""
    with AccountRig() as rig:
        before = made(rig, [("monitor", ["team:others"])])
        plan = rig.plan(found)
        for one in faults:
            rig.datadog.fail(one.pop("status"), reset=3, **one)
        rig.datadog.faults.late_lists = late
        for last in (False, False, True):
            if last:
                rig.datadog.faults.pending.clear()
            with nullcontext() if last else suppress(AlertingError):
                rig.apply(rig.plan(found) if anew else plan)
            assert len(rig.ours()) == len(set(rig.ours()))

        assert ALL == rig.ours()
        assert [] == rig.plan(found).pending
        number = next(iter(before["monitor"]))
        assert before["monitor"][number] == rig.datadog.objects["monitor"][number]
        assert 1 + 6 == len(rig.datadog.objects["monitor"])


@pytest.mark.parametrize(
    ("many", "largest"), [(3, 3), (4, 3), (6, 3), (7, 3), (100, None), (101, None)]
)
@pytest.mark.parametrize("kind", list(ObjectKind))
def test_every_list_is_read_to_its_end(kind, many, largest):
    """At the size of a page and one above it; a page may be smaller than was asked for."""
    with AccountRig(largest_page=largest) as rig:
        numbers = {
            str(
                rig.datadog.add(
                    kind,
                    {"monitor": FOREIGN, "slo": SLO, "dashboard": BOARD}[kind]
                    | ({"title": f"{at}"} if kind == "dashboard" else {"name": f"{at}"}),
                )
            )
            for at in range(many)
        }

        assert numbers == {str(one["id"]) for one in rig.account().listed(kind)}


@pytest.mark.parametrize("kind", ["monitor", "slo"])
def test_what_others_need_is_not_deleted(found, kind):
    """A monitor in somebody's SLO, an SLO in somebody's alert: the message names the user."""
    with AccountRig() as rig:
        rig.apply(rig.plan(found))
        key = "polling" if kind == "monitor" else "share"
        number = next(n for n, one in rig.datadog.objects[kind].items() if key in str(one["tags"]))
        if kind == "monitor":
            user = rig.datadog.add("slo", {**SLO, "type": "monitor", "monitor_ids": [int(number)]})
        else:
            query = f'error_budget("{number}").over("7d") > 9'
            user = rig.datadog.add("monitor", {**FOREIGN, "type": "slo alert", "query": query})
        fewer = tuple(one for one in found if one.key not in (key, "burn"))

        with pytest.raises(PayloadRefused, match=rf"{key} .*referenced in .*{user}.*take it out"):
            rig.apply(rig.plan(fewer), deletes=2)
        assert number in rig.datadog.objects[kind]


@pytest.mark.parametrize("at", [0, 1, 4, 7, 8])
def test_an_apply_that_another_one_overtakes_gives_way(found, at):
    """Wherever it is; what both make is there once, and both end well."""
    with AccountRig() as rig:
        rig.datadog.add("monitor", FOREIGN)
        plan = rig.plan(found)
        said = []

        def overtaken(line):
            said.append(line)
            if len(said) == at + 1:
                rig.apply(plan)

        if at == 0:
            overtaken("before its first write")
        rig.apply(plan, overtaken)

        assert ALL == rig.ours()
        assert [] == rig.plan(found).pending


def test_what_terraform_makes_during_an_apply_is_left_to_it(found):
    """An object with its tag and our mark: ours gives way, and Terraform's is not written."""
    base = next(one for one in found if one.key == "base").payload
    with AccountRig() as rig:

        def terraform(line):
            if line.startswith("[1/8]"):
                tags = [*base["tags"], "ManagedBy:Terraform"]
                rig.datadog.add("monitor", {**FOREIGN, "tags": tags})

        with pytest.raises(AccountMoved, match="monitor base is Terraform's since just now"):
            rig.apply(rig.plan(found), terraform)

        [kept] = rig.datadog.objects["monitor"].values()
        assert FOREIGN["name"] == kept["name"]


def test_applies_at_the_same_time_make_nothing_twice(found):
    """Each finds what the others make at that moment, and the oldest stays."""
    for _ in range(2):
        with AccountRig() as rig, ThreadPoolExecutor() as pool:
            rig.datadog.add("monitor", FOREIGN)
            plan = rig.plan(found)
            for one in [pool.submit(rig.apply, plan) for _ in range(3)]:
                one.exception()  # who begins while others write may find that the account moved

            assert ALL == rig.ours()
            assert [] == rig.plan(found).pending

"""Plans carried out in a simulated account, over sockets: interrupted, disturbed, and again."""

from dataclasses import replace

import account_rig
import pytest
from account_rig import FOREIGN, AccountRig
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lightkeeper.alerting.account.errors import (
    AccessRefused,
    AccountMoved,
    BadPlan,
    PayloadRefused,
    Unanswered,
    Uncertain,
)
from lightkeeper.alerting.account.objects import ObjectKind

ORDER = [*("share", "base", "failed", "polling", "stuck", "burn", "page", "one")]


class Killed(BaseException):
    """What ends an apply in the middle, as a signal would."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the account shall hold."""
    folder = tmp_path_factory.mktemp("files")
    account_rig.write(folder)
    return account_rig.objects(folder)


@pytest.fixture
def rig():
    """An account that holds one monitor of another team."""
    with AccountRig() as made:
        made.datadog.add("monitor", FOREIGN)
        yield made


def keys(rig):
    """The keys of ours in the account."""
    return sorted(mark.removeprefix("test/") for _, mark in rig.ours())


def number(rig, key, kind="monitor"):
    """The id of the object with this key."""
    for one in rig.datadog.objects[kind].values():
        if f"test/{key}" in str(one.get("tags")) + str(one.get("description")):
            return str(one["id"])
    raise AssertionError(key)


def test_an_empty_account_is_filled_in_order_and_then_as_planned(found):
    """SLOs, monitors, what combines them, dashboards; then the links to dashboards."""
    with AccountRig() as rig:
        applied = rig.apply(rig.plan(found))
        writes = [one for one in rig.datadog.writes if one.method == "POST"]
        linked = [one for one in rig.datadog.writes if one.method == "PUT"]

        kinds = ["slo", *["monitor"] * 6, "dashboard"]
        assert kinds == [one.path.rpartition("/")[2] for one in writes]
        assert sorted(ORDER) == keys(rig)
        assert [f"/api/v1/monitor/{number(rig, 'stuck')}"] == [one.path for one in linked]
        page = rig.datadog.objects["monitor"][number(rig, "page")]["query"]
        ids = (number(rig, key) for key in ("stuck", "base", "failed"))
        assert "{} && !{} && !{}".format(*ids) == page
        burn = rig.datadog.objects["monitor"][number(rig, "burn")]["query"]
        assert f'burn_rate("{number(rig, "share", "slo")}")' in burn
        board = number(rig, "one", "dashboard")
        stuck = rig.datadog.objects["monitor"][number(rig, "stuck")]["message"]
        assert f"/dashboard/{board}?a=b" in stuck
        assert 8 == applied.counts["create"]
        assert [] == rig.plan(found).pending


def test_an_account_that_lists_nothing_is_filled_only_when_told(found):
    """Also one that only lists nothing: Datadog did that once, and a tool doubled everything."""
    with AccountRig() as rig:
        with pytest.raises(AccountMoved, match=r"lists no object at all: .* --first"):
            rig.apply(rig.plan(found), first=False)
        rig.apply(rig.plan(found))
        before = len(rig.datadog.writes)
        rig.datadog.faults.lists_nothing = True

        with pytest.raises(AccountMoved, match="lists no object at all"):
            rig.apply(rig.plan(found), first=False)
        assert before == len(rig.datadog.writes)


def test_a_list_of_monitors_that_is_empty_beside_our_dashboards_is_not_believed(rig, found):
    """What is made after monitors is there, so that they were there too."""
    rig.apply(rig.plan(found), first=False)
    rig.datadog.objects["monitor"].clear()

    with pytest.raises(AccountMoved, match="lists no monitor at all, but later objects"):
        rig.apply(rig.plan(found), first=False)
    rig.apply(rig.plan(found))
    assert sorted(ORDER) == keys(rig)


def test_what_is_not_ours_is_never_touched(rig, found):
    """An object without the mark, with that of another environment, or of Terraform's."""
    rig.apply(rig.plan(found), first=False)
    tags = ["managed_by:lightkeeper", "monitor_key:other/base"]
    other = rig.datadog.add("monitor", {**FOREIGN, "name": "x", "tags": tags})
    base = rig.datadog.objects["monitor"][number(rig, "base")]
    rig.datadog.change(
        "monitor", base["id"], tags=[*base["tags"], "ManagedBy:Terraform"], name="y"
    )
    before = len(rig.datadog.writes)
    rig.apply(rig.plan(found))

    assert before == len(rig.datadog.writes)
    assert tags == rig.datadog.objects["monitor"][str(other)]["tags"]
    assert 1 == keys(rig).count("base")


@pytest.mark.parametrize("kind", ["monitor", "slo", "dashboard"])
def test_two_objects_with_one_mark_are_refused(rig, found, kind):
    """With both ids; nothing is written."""
    rig.apply(rig.plan(found), first=False)
    key = {"dashboard": "one", "slo": "share"}.get(kind, "failed")
    first = rig.datadog.objects[kind][number(rig, key, kind)]
    second = rig.datadog.add(kind, {**first, "name": "a copy"})

    with pytest.raises(AccountMoved, match=f"two {kind}s carry the mark test/{key}, .*{second}"):
        rig.plan(found)


def test_deletes_have_to_be_allowed_and_go_backwards(rig, found):
    """As many as there are; what names others goes first."""
    rig.apply(rig.plan(found), first=False)
    nothing = rig.plan(())
    for allowed in (0, 7):
        with pytest.raises(AccountMoved, match=r"deletes 8 objects: .* --allow-delete 8"):
            rig.apply(nothing, deletes=allowed)
    rig.apply(nothing, deletes=8)

    deleted = [one.path.split("/")[3] for one in rig.datadog.writes if one.method == "DELETE"]
    assert ["dashboard", *["monitor"] * 6, "slo"] == deleted
    assert ([], 1) == (rig.ours(), len(rig.datadog.objects["monitor"]))


edits = st.sampled_from(
    [
        ("monitor", "base", {"name": "By hand"}),
        ("monitor", "failed", {"message": "By hand", "priority": 1}),
        ("monitor", "stuck", {"tags": None}),
        ("monitor", "polling", None),
        ("slo", "share", {"description": "By hand"}),
        ("dashboard", "one", {"title": "By hand"}),
        ("dashboard", "one", None),
    ]
)


def edit(rig, kind, key, fields):
    """Change an object by hand, or delete it where `fields` is None; None keeps but marks."""
    if fields is None:
        del rig.datadog.objects[kind][number(rig, key, kind)]
        return
    one = rig.datadog.objects[kind][number(rig, key, kind)]
    marks = [tag for tag in one.get("tags") or [] if "lightkeeper" in tag or "test/" in tag]
    rig.datadog.change(
        kind, one["id"], **{k: marks if v is None else v for k, v in fields.items()}
    )


@settings(max_examples=8)
@given(st.lists(edits, max_size=3, unique_by=lambda one: one[1]), edits)
def test_what_people_change_between_plan_and_apply_is_never_overwritten(found, before, after):
    """The apply is refused before any write; a new plan then brings the account back."""
    with AccountRig() as rig:
        rig.apply(rig.plan(found))
        for one in before:
            edit(rig, *one)
        plan = rig.plan(found)
        gone = {key for _, key, fields in before if fields is None}
        again = [one[1:] for one in before] + ([] if after[1] in gone else [after[1:]])
        same = after[1] in gone or after in before
        if after[1] not in gone:
            edit(rig, *after)
        writes = len(rig.datadog.writes)
        changed = not same and len(again) > len(before)
        if changed:
            with pytest.raises(AccountMoved, match=f"changed since .*{after[1]}"):
                rig.apply(plan)
            assert writes == len(rig.datadog.writes)
        rig.apply(rig.plan(found))

        assert [] == rig.plan(found).pending
        assert sorted(ORDER) == keys(rig)


def test_what_was_made_anew_by_hand_since_the_plan_is_not_planned_for(rig, found):
    """What names it has an id that is gone, which the plan did not show."""
    rig.apply(rig.plan(found))
    plan = rig.plan(found)
    base = rig.datadog.objects["monitor"].pop(number(rig, "base"))
    rig.datadog.add("monitor", base)

    with pytest.raises(AccountMoved, match=r"changed since .* in monitor page"):
        rig.apply(plan)


@settings(max_examples=10)
@example(at=7, unknown=False, anew=False, before=[], filled=False)  # before the links
@given(
    at=st.integers(0, 8),
    unknown=st.booleans(),
    anew=st.booleans(),
    before=st.lists(edits, max_size=2, unique_by=lambda one: one[1]),
    filled=st.booleans(),
)
def test_an_apply_that_dies_anywhere_and_runs_again_makes_nothing_twice(
    found, at, unknown, anew, before, filled
):
    """Between two writes, or in one that may or may not have been made."""
    with AccountRig() as rig:
        rig.datadog.add("monitor", FOREIGN)
        if filled:
            rig.apply(rig.plan(found))
            for one in before:
                edit(rig, *one)
        plan = rig.plan(found)
        said = []

        def say(line):
            said.append(line)
            if len(said) > at:
                raise Killed

        def sleep(_seconds):
            raise Killed

        if unknown:
            for method in ("POST", "PUT"):
                rig.datadog.fail(None, method=method, after=True)
        try:
            account = rig.account(sleep if unknown else None)
            rig.apply(plan, say, account)
        except Killed:
            pass
        rig.datadog.faults.pending.clear()
        rig.apply(rig.plan(found) if anew else plan)

        assert sorted(ORDER) == keys(rig)
        assert [] == rig.plan(found).pending
        assert 1 + 6 == len(rig.datadog.objects["monitor"])


@pytest.mark.parametrize("after", [False, True])
def test_a_create_whose_answer_is_lost_is_looked_up_before_it_is_repeated(rig, found, after):
    """It is made once, whether the first call made it or not."""
    for kind in account_rig.KINDS:
        rig.datadog.fail(None, method="POST", path=f"/api/v1/{kind}", after=after)
        rig.datadog.fail(504, method="POST", path=f"/api/v1/{kind}", after=after)
    rig.apply(rig.plan(found))

    made = [one for one in rig.datadog.writes if one.method == "POST"]
    assert sorted(ORDER) == keys(rig)
    assert (8 if after else 8 + 6) == len(made)
    assert [] == rig.plan(found).pending


def test_a_list_that_is_too_old_to_show_a_create_is_not_believed(rig, found):
    """It is read again, and where it lacks what is known to be there, nothing is made."""

    def say(line):
        if "create monitor page" in line:  # of a dashboard Datadog refuses no duplicate
            rig.datadog.fail(None, method="POST", after=True)
            rig.datadog.faults.late_lists = 1

    rig.apply(rig.plan(found), say)
    assert sorted(ORDER) == keys(rig)
    rig.apply(rig.plan(()), deletes=8)

    def lists_nothing(line):
        if "create monitor failed" in line:
            rig.datadog.fail(None, method="POST", after=True)
            rig.datadog.faults.lists_nothing = True

    with pytest.raises(Uncertain, match=r"monitor polling: .* run it again"):
        rig.apply(rig.plan(found), lists_nothing)
    rig.datadog.faults.lists_nothing = False
    rig.apply(rig.plan(found))
    assert sorted(ORDER) == keys(rig)


def test_a_pause_that_datadog_asks_for_is_taken(rig, found):
    """For as long as X-RateLimit-Reset says; also a create is repeated then."""
    rig.datadog.fail(429, method="POST", path="/api/v1/slo", reset=7)
    rig.datadog.fail(429, method="GET", reset=3)
    rig.datadog.fail(502, method="PUT", times=3)
    rig.apply(rig.plan(found))

    assert [3, 7, 0.5, 1, 2, 0] == rig.slept
    assert "Datadog asks for a pause of 7 s" in rig.said
    assert sorted(ORDER) == keys(rig)


def test_a_list_that_is_older_than_the_last_write_is_read_again(rig, found):
    """Before an apply says that the account differs."""

    def say(line):
        if line.startswith("[8/8]"):
            rig.datadog.faults.late_lists = 2

    rig.apply(rig.plan(found), say)
    assert [0, 1] == rig.slept


def test_what_terraform_took_over_since_the_plan_is_not_made_again(rig, found):
    """An object with its tag and our mark."""
    plan = rig.plan(found)
    tags = [
        *next(one for one in found if one.key == "base").payload["tags"],
        "ManagedBy:Terraform",
    ]
    rig.datadog.add("monitor", {**FOREIGN, "tags": tags})

    with pytest.raises(AccountMoved, match=r"changed since .* in monitor base"):
        rig.apply(plan)
    assert [] == rig.datadog.writes


def test_a_refusal_in_the_middle_leaves_what_was_made_and_can_be_mended(rig, found):
    """The message has the object and Datadog's words; another apply makes the rest."""
    rig.datadog.fail(409, method="POST", path="/api/v1/slo")
    with pytest.raises(PayloadRefused, match=r"slo share: .* 409 \(Conflict\): correct its file"):
        rig.apply(rig.plan(found))
    rig.datadog.fail(400, method="POST", path="/api/v1/dashboard", words="missing tag: cost")
    with pytest.raises(
        PayloadRefused, match=r"dashboard one: .* 400 \(missing tag: cost\): .*tags"
    ):
        rig.apply(rig.plan(found))
    rig.datadog.faults.lacks.add("dashboards_write")
    with pytest.raises(AccessRefused, match=r"dashboard one: .* lack dashboards_write"):
        rig.apply(rig.plan(found))
    rig.datadog.faults.lacks.clear()
    rig.apply(rig.plan(found))

    assert sorted(ORDER) == keys(rig)


def test_a_monitor_that_others_need_is_not_deleted(rig, found):
    """Datadog's answer is passed on; a composite by hand counts as well."""
    rig.apply(rig.plan(found))
    needed = f"{number(rig, 'polling')} && {number(rig, 'base')}"
    rig.datadog.add("monitor", {**FOREIGN, "type": "composite", "query": needed, "name": "c"})
    fewer = tuple(one for one in found if one.key != "polling")

    with pytest.raises(PayloadRefused, match=r"is referenced in composite monitors.*take it out"):
        rig.apply(rig.plan(fewer), deletes=1)


def test_a_plan_of_another_organisation_or_site_is_refused(rig, found):
    """Before any write."""
    plan = rig.plan(found)
    with AccountRig() as other, pytest.raises(BadPlan, match="the plan is of http://127"):
        other.apply(plan)
    with pytest.raises(BadPlan, match="the plan is of another organisation than the keys"):
        rig.apply(replace(plan, organisation="another"))
    assert [] == rig.datadog.writes


def test_an_account_that_does_not_answer_is_given_up(rig, found):
    """After growing pauses, with the site and no more."""
    rig.datadog.fail(503, method="GET", times=99, path="/api/v1")

    with pytest.raises(Unanswered, match=r"slos: http://127\.0\.0\.1:\d+ answers 503: try again"):
        rig.plan(found)
    assert [0.5, 1, 2, 4, 8] == rig.slept


@pytest.mark.parametrize("many", [2, 3, 4, 7])
def test_a_list_is_read_to_its_end(found, many):
    """At the size of a page, below it and above it; objects are not made again."""
    with AccountRig(largest_page=3) as rig:
        for at in range(many):
            rig.datadog.add("monitor", {**FOREIGN, "name": f"{at}"})
        rig.apply(rig.plan(found))

        assert [] == rig.plan(found).pending
        listed = rig.account().listed(ObjectKind.MONITOR)
        assert many + 6 == len({one["id"] for one in listed})

"""A plan says what has to change, in an order in which it can, and what it leaves alone."""

import json
import re

import account_rig
import definition_files
import pytest

from lightkeeper.alerting.account import saved_plan
from lightkeeper.alerting.account.errors import AccountMoved, BadPlan, NoPlan
from lightkeeper.alerting.account.normal import sent
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.account.plan import Deed, as_json, make
from lightkeeper.alerting.account.snapshot import Snapshot
from lightkeeper.alerting.account.terraform import terraform
from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.files.reading import BadDefinition
from lightkeeper.simulation.datadog import stored

KEEP = {"monitor": stored.monitor, "slo": stored.slo, "dashboard": stored.dashboard}


@pytest.fixture
def found(tmp_path):
    """What the account shall hold."""
    account_rig.write(tmp_path)
    return account_rig.objects(tmp_path)


def held(found, **changed):
    """A snapshot of an account that holds them, with ids by turn; `changed` are fields by key."""
    ids = {kind: {} for kind in ObjectKind}
    there = {}
    for at, one in enumerate(found):
        ids[one.kind][one.key] = str(1000 + at) if one.kind == "monitor" else f"{at:032x}"
    for one in found:
        body = sent(one.kind, one.resolved(ids)) | changed.get(one.key, {})
        there[one.kind, one.mark] = KEEP[one.kind](body, ids[one.kind][one.key], 1.0)
    return Snapshot(there, {}, dict.fromkeys(ObjectKind, 9))


def plan(found, snapshot):
    """The plan between the two."""
    return make(found, snapshot, "test", "datadoghq.com", None)


EMPTY = Snapshot({}, {}, dict.fromkeys(ObjectKind, 9))


def test_objects_are_made_after_those_that_they_name(found):
    """SLOs, monitors, composites and SLO alerts, dashboards."""
    made = plan(found, EMPTY)

    assert [
        *("slo share", "monitor base", "monitor failed", "monitor polling", "monitor stuck"),
        *("monitor burn", "monitor page", "dashboard one"),
    ] == [step.what for step in made.pending]
    assert {Deed.CREATE} == {step.action for step in made.steps}


def test_an_account_that_holds_everything_needs_nothing(found):
    """What names others does so by id."""
    made = plan(found, held(found))

    assert [] == made.pending
    assert {Deed.KEEP} == {step.action for step in made.steps}
    assert (
        "0 to create, 0 to change, 0 to delete, 8 as they should be (env test at datadoghq.com)"
        == ("\n".join(made.lines()))
    )


def test_one_threshold_is_one_line(found):
    """With the object above it."""
    made = plan(found, held(found, burn={"options": {"thresholds": {"critical": 5}}}))

    assert [
        f"~ {made.pending[0].what}",
        "    options.thresholds.critical: 5 -> 6",
        "0 to create, 1 to change, 0 to delete, 7 as they should be (env test at datadoghq.com)",
    ] == list(made.lines())


def test_a_composite_follows_an_operand_that_was_deleted(found):
    """It names the new one by key until that has an id."""
    snapshot = held(found)
    there = {at: one for at, one in snapshot.held.items() if at[1] != "test/base"}
    made = plan(found, Snapshot(there, {}, snapshot.listed))

    assert [("create", "base"), ("change", "page")] == [
        (one.action, one.key) for one in made.pending
    ]
    assert ["query"] == [change.path for change in made.pending[1].changes]
    assert "!base" in made.pending[1].changes[0].after


def test_what_has_no_file_any_more_is_deleted_in_the_opposite_order(found):
    """What names others goes first."""
    made = plan((), held(found))

    assert ["dashboard one", "monitor", "monitor"] == [
        step.what.split(" (")[0][:13].removesuffix(" page").removesuffix(" burn")
        for step in made.pending[:3]
    ]
    assert "slo share" == made.pending[-1].what.split(" (")[0]
    assert {Deed.DELETE} == {step.action for step in made.steps}


def test_what_terraform_manages_is_left_alone(found):
    """Neither changed nor made a second time."""
    snapshot = held(found)
    at = ObjectKind.MONITOR, "test/base"
    there = {one: body for one, body in snapshot.held.items() if one != at}
    made = plan(found, Snapshot(there, {at: snapshot.held[at]}, snapshot.listed))

    assert [] == made.pending
    assert (f"monitor base ({snapshot.held[at]['id']}) is left to Terraform",) == made.notes


def test_a_type_that_cannot_be_changed_is_refused(found):
    """With the object and what to do."""
    with pytest.raises(AccountMoved, match=r"monitor failed \(\d+\): .* delete it") as refused:
        plan(found, held(found, failed={"type": "log alert"}))

    assert 73 == refused.value.exit_status


def test_a_new_field_at_datadog_is_named_once(found):
    """And is no difference."""
    made = plan(found, held(found, base={"sparkle": 1}, stuck={"sparkle": 2}))

    assert [] == made.pending
    assert 1 == "\n".join(made.lines()).count("monitor: sparkle")


def test_a_saved_plan_is_the_plan(found, tmp_path):
    """With its changes, ids and payloads."""
    made = plan(found, held(found, base={"name": "Other"}))
    saved_plan.save(made, tmp_path / "plan.json")

    assert as_json(made) == as_json(saved_plan.load(tmp_path / "plan.json"))


def test_what_is_no_plan_is_refused(found, tmp_path):
    """Cut off, of another version, another file, or one in which something was taken out."""
    whole = as_json(plan(found, EMPTY))
    wrong = [
        json.dumps(whole)[:-5],
        "[]",
        "{}",
        json.dumps(whole | {"lightkeeper_plan": 2}),
        json.dumps(whole | {"wanted": []}),
        json.dumps(whole | {"steps": [{"action": "destroy"}]}),
        json.dumps(whole).replace("test/base", "test/other", 1),
    ]
    for text in wrong:
        (tmp_path / "plan.json").write_text(text)
        with pytest.raises(BadPlan, match=r"plan\.json: is (no plan|a plan of another)"):
            saved_plan.load(tmp_path / "plan.json")
    with pytest.raises(NoPlan, match=r"none\.json: No such file"):
        saved_plan.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "query", "words"),
    [
        ("page", "stuck && !nobody", "there is no monitor nobody: write the key of one"),
        ("page", "stuck && page", "page is itself: write the key of another"),
        ("page", "stuck && base || failed", "query: && stands beside || without parentheses"),
        ("page", "stuck &", "query: "),
        ("burn", definition_files.BURN.replace("share", "none"), "there is no SLO none"),
    ],
)
def test_a_query_whose_keys_cannot_become_ids_is_refused(tmp_path, key, query, words):
    """With the file and the key, and for Terraform in the same words."""
    files = account_rig.definitions()
    files[f"{key}.json"]["payload"]["query"] = query
    account_rig.write(tmp_path, files)

    said = rf"{key}\.json: payload\.query: \[%s\] {re.escape(words)}"
    with pytest.raises(BadDefinition, match=said % "account"):
        account_rig.objects(tmp_path)
    with pytest.raises(BadDefinition, match=said % "terraform"):
        terraform(load(tmp_path / "monitors"), {})


@pytest.mark.parametrize("query", ["12 && 345 || 6", "12 &", "12 && !(34 || 5)"])
def test_a_query_of_ids_alone_goes_to_datadog_as_it_is(tmp_path, query):
    """Nothing in it has to be replaced, whatever Datadog thinks of it."""
    files = account_rig.definitions()
    files["page.json"]["payload"]["query"] = query
    account_rig.write(tmp_path, files)

    (page,) = [one for one in account_rig.objects(tmp_path) if one.key == "page"]
    assert query == page.resolved({})["query"]
    made = terraform(load(tmp_path / "monitors"), {})["resource"]["datadog_monitor_json"]
    assert query == json.loads(made["page"]["monitor"])["query"]


def test_a_key_that_is_too_long_for_a_tag_is_refused(tmp_path):
    """Datadog would cut the mark off, and the object would be made again and again."""
    files = account_rig.definitions()
    key = "k" * 190
    files[f"{key}.json"] = files.pop("base.json") | {"key": key}
    files.pop("page.json")
    account_rig.write(tmp_path, files)

    with pytest.raises(BadDefinition, match="too long for a tag"):
        account_rig.objects(tmp_path)


@pytest.mark.parametrize(
    ("file", "field", "value"),
    [
        ("base.json", "tags", "team:us"),
        ("slos/share.json", "tags", 5),
        ("dashboards/one.json", "description", ["It."]),
    ],
)
def test_an_object_that_cannot_carry_its_key_is_refused(tmp_path, file, field, value):
    """Nothing would know it, and each apply would make another one."""
    files = account_rig.definitions()
    files[file]["payload"][field] = value
    account_rig.write(tmp_path, files)

    with pytest.raises(BadDefinition, match=rf"{file}: payload: \[account\] cannot carry its key"):
        account_rig.objects(tmp_path)

"""What Datadog was recorded to answer is, to a plan, what it was asked for."""

import json
import re

import account_rig
import pytest
import recorded_account
from requests import Session

from lightkeeper.alerting.account.normal import normal
from lightkeeper.alerting.account.objects import ObjectKind, Wanted
from lightkeeper.alerting.files.markers import described, mark, tagged
from lightkeeper.simulation.datadog import stored
from lightkeeper.simulation.datadog.server import SimulatedDatadog

pytestmark = pytest.mark.xdist_group("recorded")  # it is fetched once

# All that datadog-api-client 2.62 has.
WRITES = {"monitor": 28, "slo": 22, "dashboard": 135}
SUPPRESSED = re.compile(r"https://[^/]*(/api/(?:v2/downtime|v1/slo/correction)/?)([\w-]+)?")
SLO = {
    "type": "metric",
    "name": "It",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95}],
}
KEEP = {"monitor": stored.monitor, "slo": stored.slo, "dashboard": stored.dashboard}


@pytest.fixture(scope="module")
def recorded():
    """Each write that Datadog took."""
    return fetched(recorded_account.writes)


def fetched(read, *given):
    """What was recorded; a test is skipped where it is not to be had."""
    try:
        return read(*given)
    except recorded_account.Unfetched as exc:
        pytest.skip(str(exc))


def whole(one):
    """What a file would say; a change of a monitor names only what changes."""
    partly = one.changes and one.kind == "monitor"
    return {**one.answer, **one.asked} if partly else one.asked


def marked(one, key):
    """A payload with the mark of a key."""
    put = described if one.kind == "dashboard" else tagged
    return lambda payload: put(payload, account_rig.AccountRig.env, key)


def test_every_answer_is_what_was_asked_for(recorded):
    """To the last of them: no difference that a plan would show for ever."""
    different = []
    for one in recorded:
        kind, payload = ObjectKind(one.kind), whole(one)
        if normal(kind, payload, like=payload) != normal(kind, one.answer, like=payload):
            different.append(one)

    assert [] == different
    assert WRITES == recorded_account.counted(recorded)


def test_the_simulated_account_keeps_what_datadog_keeps(recorded):
    """Its answer and Datadog's have one form."""
    different = []
    for one in recorded:
        kind, payload = ObjectKind(one.kind), whole(one)
        ours = KEEP[kind](payload, one.answer["id"], 1.0)
        if normal(kind, ours, like=payload) != normal(kind, one.answer, like=payload):
            different.append((one, ours))

    assert [] == different


def test_after_an_apply_of_all_that_was_recorded_the_plan_is_empty(recorded):
    """With what the simulated account makes of it, and with Datadog's own answers in its place."""
    put = {f"r{at}": marked(one, f"r{at}") for at, one in enumerate(recorded)}
    keys = dict(zip(put, recorded, strict=True))
    wanted = tuple(
        Wanted(kind, key, mark(account_rig.AccountRig.env, key), put[key](whole(one)))
        for kind in ObjectKind
        for key, one in keys.items()
        if one.kind == kind
    )
    with account_rig.AccountRig() as rig:
        rig.apply(rig.plan(wanted))
        assert [] == list(rig.plan(wanted).pending)
        assert sum(WRITES.values()) == len(rig.ours())

        for kind in WRITES:
            rig.datadog.objects[kind] = {
                key: put[key]({**one.answer, "id": key})
                for key, one in keys.items()
                if one.kind == kind
            }
        assert [] == list(rig.plan(wanted).lines())[:-1]


@pytest.mark.parametrize("about", [b"/api/v2/downtime", b"/slo/correction"])
def test_downtimes_and_corrections_are_answered_as_datadog_answers_them(about):
    """To each recorded call: the status, the words of a refusal, and the form of what is kept."""
    ours, theirs, ids = [], [], {}
    with SimulatedDatadog(clock=lambda: 1_600_000_000.0) as datadog, Session() as session:
        session.headers["DD-API-KEY"] = datadog.api_key
        session.headers["DD-APPLICATION-KEY"] = datadog.app_key
        slo = datadog.add("slo", SLO)
        for call in fetched(recorded_account.calls, about):
            asked, answer = call["request"], call["response"]
            matched = SUPPRESSED.fullmatch(asked["uri"])
            if not matched or (asked["method"] == "GET" and not matched[2]):
                continue  # what is listed was there before the recording began
            text = re.sub(r'"slo_id":"\w+"', f'"slo_id":"{slo}"', asked["body"] or "")
            path = matched[1] + ids.get(matched[2], matched[2] or "")
            found = session.request(asked["method"], datadog.url + path, data=text)
            texts = found.text, answer["body"]["string"]
            made, kept = (json.loads(one or "{}") for one in texts)
            if "data" in made and "data" in kept:
                ids[kept["data"]["id"]] = made["data"]["id"]
            ours.append((found.status_code, *form(made)))
            theirs.append((answer["status"]["code"], *form(kept)))

    assert theirs == ours
    assert 19 == len(ours)  # of each, all that there are but lists


def form(answer):
    """What an answer says is wrong, and the names of what it holds but for who wrote it."""
    attributes = answer.get("data", {}).get("attributes", {})
    names = set(attributes) - {"creator", "modifier", "created_at", "slo_id", "slo_query"}
    return answer.get("errors"), sorted(names)

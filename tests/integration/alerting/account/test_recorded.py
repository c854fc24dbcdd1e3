"""What Datadog was recorded to answer is, to a plan, what it was asked for."""

import account_rig
import pytest
import recorded_account

from lightkeeper.alerting.account.normal import normal
from lightkeeper.alerting.account.objects import ObjectKind, Wanted
from lightkeeper.alerting.files.markers import described, mark, tagged
from lightkeeper.simulation.datadog import stored

pytestmark = pytest.mark.xdist_group("recorded")  # it is fetched once

# All that datadog-api-client 2.62 has.
WRITES = {"monitor": 28, "slo": 22, "dashboard": 135}
KEEP = {"monitor": stored.monitor, "slo": stored.slo, "dashboard": stored.dashboard}


@pytest.fixture(scope="module")
def recorded():
    """Each write that Datadog took."""
    try:
        return recorded_account.writes()
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

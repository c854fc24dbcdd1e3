"""Mutes against a simulated account: what becomes of the downtimes there."""

import uuid
from datetime import UTC, datetime, timedelta

import account_rig
import pytest
from account_rig import AccountRig

from lightkeeper.alerting.account import muted
from lightkeeper.alerting.account.errors import AccessRefused, Uncertain
from lightkeeper.alerting.files.markers import mark_in, tagged

FIRST = {**account_rig.FOREIGN, "name": "first"}


@pytest.fixture
def rig():
    """An account with a monitor `first` of ours, and one of another team."""
    with AccountRig() as made:
        made.datadog.add("monitor", account_rig.FOREIGN)
        made.datadog.add("monitor", tagged(FIRST, "test", "first"))
        yield made


def mute(rig, hours=2, words="Muted by Ann: it"):
    """Mute it for so many hours."""
    now = datetime.now(UTC)
    monitor = muted.find(rig.account(), "test", "first", ())
    until = now + timedelta(hours=hours)
    muted.mute(rig.account(), monitor, until=until, words=words, now=now)
    return monitor, until.replace(microsecond=0)


def unmute(rig):
    """End what mutes it; how many there were, and the ids of the others."""
    monitor = muted.find(rig.account(), "test", "first", ())
    ended, others = muted.unmute(rig.account(), monitor)
    return ended, [row["id"] for row in others]


def live(rig):
    """Message and end of each downtime that mutes."""
    return [
        (one["message"], datetime.fromisoformat(one["schedule"]["end"]))
        for one in rig.datadog.suppressed.live()
    ]


def copy(rig, **changes):
    """Make another downtime like the first, as people may by hand; its id."""
    kept = rig.datadog.suppressed.kept["downtime"]
    first, number = next(iter(kept.values())), str(uuid.uuid4())
    kept[number] = {**first, "id": number, "attributes": {**first["attributes"], **changes}}
    return number


def test_a_mute_is_a_downtime_on_that_monitor_alone(rig):
    """It says who and why, carries the mark, and tells what is wrong when it ends."""
    monitor, until = mute(rig)
    (made,) = rig.datadog.suppressed.live()

    assert {"monitor_id": monitor.number} == made["monitor_identifier"]
    assert ("*", "active") == (made["scope"], made["status"])
    assert [("Muted by Ann: it\n\nManaged by lightkeeper: test/first", until)] == live(rig)
    assert {"canceled", "expired"} == set(made["notify_end_types"])


@pytest.mark.parametrize("hours", [5, 1])
def test_a_second_mute_changes_the_first(rig, hours):
    """There is one downtime, with the new end and the new words."""
    mute(rig)
    _, until = mute(rig, hours, "Muted by Bob: more")

    assert [("Muted by Bob: more\n\nManaged by lightkeeper: test/first", until)] == live(rig)
    assert 1 == len(rig.datadog.suppressed.kept["downtime"])


def test_words_notify_nobody(rig):
    """Datadog reads an @ before a word of a downtime's message as the handle of whom to notify."""
    mute(rig, words="Muted by ann@va.gov: ask @pagerduty-lightkeeper (@bob@va.gov)")

    assert "Muted by ann@va.gov: ask (at)pagerduty-lightkeeper ((at)bob@va.gov)" in live(rig)[0][0]


@pytest.mark.parametrize("fault", [None, 502, 504])
@pytest.mark.parametrize("after", [True, False])
def test_a_downtime_whose_answer_is_lost_is_looked_up_before_it_is_repeated(rig, fault, after):
    """There is one, whether the first call made it or not."""
    rig.datadog.fail(fault, method="POST", path="/api/v2/downtime", after=after)
    _, until = mute(rig)

    assert [until] == [end for _, end in live(rig)]
    assert 1 == len(rig.datadog.suppressed.kept["downtime"])


def test_a_list_that_is_too_old_to_show_the_downtime_is_read_again(rig):
    """After a while, before it is made once more."""

    def sleep(seconds):
        rig.slept.append(seconds)
        rig.datadog.faults.late_lists = 1 if seconds == 1.0 else 0

    account = rig.account(sleep)
    monitor = muted.find(account, "test", "first", ())
    rig.datadog.fail(None, method="POST", path="/api/v2/downtime", after=True)
    now = datetime.now(UTC)
    muted.mute(account, monitor, until=now + timedelta(hours=1), words="it", now=now)

    assert 1 == len(live(rig))
    assert [1.0, 3.0] == rig.slept


def test_a_downtime_of_which_nothing_is_known_in_the_end_is_said(rig):
    """The mute may be repeated: one that was made is found then."""
    rig.datadog.fail(502, method="POST", path="/api/v2/downtime", times=9)
    with pytest.raises(Uncertain, match=r"^downtime of first: .* answers 502: run it again$"):
        mute(rig)
    rig.datadog.faults.pending.clear()
    mute(rig)

    assert 1 == len(live(rig))


def test_of_two_downtimes_of_ours_one_remains(rig):
    """Such as an old list let us make."""
    mute(rig)
    copy(rig)
    assert 2 == len(live(rig))

    _, until = mute(rig, 4)
    assert [until] == [end for _, end in live(rig)]


def test_an_unmute_ends_ours_alone(rig):
    """Those of people, of other monitors and of other environments stay, and are named."""
    mute(rig)
    by_hand = copy(rig, message="by hand")
    elsewhere = copy(rig, message="Managed by lightkeeper: other/first")
    copy(rig, message="Managed by lightkeeper: test/second", monitor_identifier={"monitor_id": 1})

    assert (1, [by_hand, elsewhere]) == unmute(rig)
    assert 3 == len(live(rig))
    assert (0, [by_hand, elsewhere]) == unmute(rig)
    assert "test/first" not in [mark_in(message) for message, _ in live(rig)]


def test_a_monitor_that_was_made_anew_is_muted_under_its_new_id(rig):
    """The downtime of the old one is ended."""
    before, _ = mute(rig)
    one = rig.datadog.objects["monitor"].pop(str(before.number))
    rig.datadog.add("monitor", one)
    after, until = mute(rig)
    (made,) = rig.datadog.suppressed.live()

    assert before.number != after.number == made["monitor_identifier"]["monitor_id"]
    assert [until] == [end for _, end in live(rig)]


def test_a_mute_that_ended_is_not_revived(rig):
    """One that was canceled stays so in Datadog's list; a new one is made."""
    mute(rig)
    unmute(rig)
    mute(rig)

    assert (1, 2) == (len(live(rig)), len(rig.datadog.suppressed.kept["downtime"]))


def test_many_downtimes_are_read_to_their_end(rig):
    """Ours is found behind more than one page of others."""
    mute(rig)
    kept = rig.datadog.suppressed.kept["downtime"]
    ours = kept.copy()
    for _ in range(101):
        copy(rig, message="by hand")
    kept |= {number: kept.pop(number) for number in ours}

    assert 1 == unmute(rig)[0]


def test_a_permission_that_is_missing_is_named(rig):
    """Before any downtime is made."""
    rig.datadog.faults.lacks.add("monitors_downtime")
    with pytest.raises(AccessRefused, match=r"^downtimes: .* 403 .* lack monitors_downtime"):
        mute(rig)
    assert {} == rig.datadog.suppressed.kept["downtime"]

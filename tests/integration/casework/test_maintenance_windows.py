"""Maintenance windows as staff announce, list and end them, on each engine."""

import json
import re
from contextlib import closing

import click
import pytest
from click.testing import CliRunner
from freezegun import freeze_time

from lightkeeper.casework.triage import IncompleteNote
from lightkeeper.commands.maintenance import maintenance
from lightkeeper.commands.status import status
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.store.database import open_database

NOW = "2026-12-05T20:00:00Z"
WHY = ("--why", "upgrade of BGS", "--by", "jane")


@pytest.fixture
def database(database_url):
    """A new store, at a time of its own."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def command(database_url, database):
    """Run one of the commands at a time; its exit status and what it prints."""

    def invoke(*arguments, at=NOW, group=maintenance):
        with freeze_time(at):
            done = CliRunner().invoke(
                group,
                list(map(str, arguments)),
                env={"LIGHTKEEPER_DATABASE_URL": database_url},
                standalone_mode=False,
            )
        if done.exception is not None:
            raise done.exception
        return done.return_value, done.output

    return invoke


@pytest.fixture
def listed(command):
    """The windows that `list` names, as plain data."""

    def listing(*more, at=NOW):
        return json.loads(command("list", "--json", *more, at=at)[1])

    return listing


def test_a_window_is_kept_as_it_was_announced(command, listed):
    """From when, until when, of which steps, why, and who announced it when."""
    times = ("--from", "2026-12-05T22:00:00Z", "--until", "2026-12-06T06:00:00Z")
    said = command("add", *times, *WHY, "--step", "claims-evidence", "--step", "COMPLETE")
    times = ("--from", "2026-12-04 23:30", "--until", "2026-12-05T23:00+02:00")
    command("add", *times, "--reason", "all down", "--by", "joe")

    assert (
        0,
        "maintenance window 1 of CLAIMS_EVIDENCE, complete from 2026-12-05T22:00:00Z until "
        "2026-12-06T06:00:00Z: upgrade of BGS; begins in 2 h, and lasts 8 h\n",
    ) == said
    joe, jane = listed()
    assert {
        "id": 1,
        "from": "2026-12-05T22:00:00Z",
        "until": "2026-12-06T06:00:00Z",
        "state": "to come",
        "steps": ["CLAIMS_EVIDENCE", "complete"],
        "reason": "upgrade of BGS",
        "announced_by": "jane",
        "announced_at": NOW,
        "ended_by": None,
        "ended_at": None,
        "va_id": None,
    } == jane
    assert ("2026-12-04T23:30:00Z", "2026-12-05T21:00:00Z") == (joe["from"], joe["until"])
    assert ("in effect", None, "all down") == (joe["state"], joe["steps"], joe["reason"])


@pytest.mark.parametrize(
    ("times", "since", "until"),
    [
        (("--until", "8h"), NOW, "2026-12-06T04:00:00Z"),
        (("--from", "2h", "--until", "8h"), "2026-12-05T18:00:00Z", "2026-12-06T02:00:00Z"),
        (("--until", "2026-12-06"), NOW, "2026-12-07T00:00:00Z"),
        (
            ("--from", "2026-12-07", "--until", "2026-12-07"),
            "2026-12-07T00:00:00Z",
            "2026-12-08T00:00:00Z",
        ),
        (
            ("--from", "2026-12-06T22:00", "--until", "90m"),
            "2026-12-06T22:00:00Z",
            "2026-12-06T23:30:00Z",
        ),
    ],
)
def test_times_are_written_as_for_other_commands(command, listed, times, since, until):
    """A date is the whole day; a length is how long ago it began, and how long it lasts."""
    command("add", *times, *WHY)

    assert [(since, until)] == [(each["from"], each["until"]) for each in listed()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--until", "8h", "--why", "x", "--step", "claims"), "Did you mean 'CLAIMS_EVIDENCE'?"),
        (
            ("--until", "8h", "--why", "x", "--step", "BGS"),
            "Did you mean 'BENEFITS_GATEWAY_SERVICE'?",
        ),
        (("--until", "8h", "--why", "x", "--step", "evidence"), "Did you mean 'CLAIMS_EVIDENCE'?"),
        (("--until", "8h", "--why", "x", "--step", "rfb"), "Did you mean 'REMOVE_FILE_BINARY'?"),
        (("--until", "8h", "--why", "x", "--step", "qqq"), "choose from BENEFITS_GATEWAY_SERVICE"),
        (
            ("--from", "2026-12-05T22:00-05:00", "--until", "2026-12-06T02:00", *WHY),
            "the window has to end after it begins (from 2026-12-06T03:00:00Z until "
            "2026-12-06T02:00:00Z; without a zone a time is UTC)",
        ),
        (("--until", "soon", *WHY), "--until: give a date such as 2026-11-23, a time"),
        (("--from", "soon", "--until", "8h", *WHY), "--from: give a date such as 2026-11-23"),
        (("--until", "2026-12-05T20:00Z", *WHY), "the window has to end after it begins"),
        (("--from", "3d", "--until", "2d", *WHY), "the window is over already"),
        (("--until", "31d", *WHY), "longer than 30 days"),
        (("--until", "999999999d", *WHY), "longer than 30 days"),
        (("--from", "9999-12-30", "--until", "9999-12-31", *WHY), "check the year"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(command, listed, arguments, said):
    """With what is wrong, a usage error, and nothing stored."""
    with pytest.raises(click.UsageError, match=re.escape(said)):
        command("add", *arguments)

    assert [] == listed("--all")


def test_times_in_two_zones_are_one_window(command, listed):
    """Each is read in its own zone, and shown in UTC."""
    times = ("--from", "2026-12-05T22:00-05:00", "--until", "2026-12-06T09:00+02:00")

    assert (
        "from 2026-12-06T03:00:00Z until 2026-12-06T07:00:00Z" in command("add", *times, *WHY)[1]
    )
    assert ["2026-12-06T03:00:00Z"] == [each["from"] for each in listed()]


def test_a_window_that_was_announced_is_not_announced_again(command, listed):
    """However its times are written, and while it lasts; another step or end is another window."""
    end = ("--until", "2026-12-06T06:00Z")
    first = ("--from", "2026-12-05T22:00Z", "--until", "8h", *WHY)
    command("add", *first)
    same = ("--from", "2026-12-05T17:00-05:00", *end, "--why", "the same")
    again = command("add", *same, at="2026-12-05T20:00:01Z")
    later = command("add", *end, *WHY, at="2026-12-05T23:00:00Z")

    says = "announced already, and unchanged: maintenance window 1 of all of Lighthouse from"
    assert [(0, True)] * 2 == [(status, said.startswith(says)) for status, said in (again, later)]
    command("add", *first, "--step", "claims_evidence")
    command("add", "--from", "2026-12-05T22:00Z", "--until", "9h", *WHY)
    command("end", 1)
    command("add", *first)
    assert [1, 2, 3, 4] == sorted(each["id"] for each in listed("--all"))


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (("--why", " ", "--by", "jane"), "--why is empty"),
        (("--why", "x" * 501, "--by", "jane"), "--why must be one printable line of at most 500"),
        (("--why", "up\ngrade", "--by", "jane"), "--why must be one printable line"),
        (("--why", "upgrade", "--by", " "), "--by is empty"),
        (("--why", "for 123 45 6789", "--by", "jane"), "--why: a part of it is formed like a soc"),
        (("--why", "upgrade", "--by", "1012667145V762142"), "--by: a part of it is formed like"),
    ],
)
def test_who_and_why_are_written_down(command, listed, note, said):
    """What cannot be stored is named by its option."""
    with pytest.raises(IncompleteNote, match=said):
        command("add", "--until", "8h", *note)

    assert [] == listed("--all")


def test_a_window_that_is_ended_explains_nothing_more(command, listed):
    """Others that are still in effect are named, and it is kept with who ended it."""
    command("add", "--until", "8h", *WHY)
    command("add", "--until", "4h", "--why", "all down", "--by", "joe", "--step", "complete")
    command("add", "--from", "2026-12-08", "--until", "2026-12-08", *WHY)

    assert (
        0,
        "maintenance window 1: ended\n"
        "maintenance window 3: ended before it began\n"
        "still in effect: maintenance window 2 of complete from 2026-12-05T20:00:00Z until "
        "2026-12-06T00:00:00Z: all down\n",
    ) == command("end", 1, 3, 1, "--by", "jim", at="2026-12-05T21:00:00Z")
    assert [2] == [each["id"] for each in listed(at="2026-12-05T21:00:00Z")]
    first, _, third = listed("--all", at="2026-12-05T21:00:00Z")
    ended = {"state": "over", "ended_by": "jim", "ended_at": "2026-12-05T21:00:00Z"}
    assert ended == {name: first[name] for name in ended} == {name: third[name] for name in ended}
    assert [] == listed(at="2026-12-06T00:00:00Z")
    _, table = command("list", "--all", at="2026-12-06T00:00:00Z")
    assert [True, False, True] == ["(ended by jim)" in row for row in table.splitlines()[1:]]


def test_a_window_that_is_over_stays_as_it_was(command, listed):
    """Ended a second time, or after its end, it is unchanged; an unknown one is named."""
    command("add", "--until", "1h", *WHY)
    status_, said = command("end", 1, 7, "--by", "jim", at="2026-12-05T22:00:00Z")

    assert ExitStatus.BAD_DATA == status_
    assert said.startswith("maintenance window 1: unchanged, over since 2026-12-05T21:00:00Z\n")
    assert "maintenance window 7 is not known here: `lightkeeper maintenance list --all`" in said
    assert [None] == [each["ended_by"] for each in listed("--all")]


def test_the_list_is_for_people_too(command):
    """Those in effect or to come, the first to begin on top; with --all those that are over."""
    assert (0, "no maintenance window\n") == command("list")
    command("add", "--from", "2026-12-08", "--until", "2026-12-08", *WHY)
    command("add", "--until", "8h", "--why", "all down", "--by", "joe", "--step", "none")
    row = "{:<6}{:<22}{:<22}{:<11}{:<26}{}".format
    heading = row("id", "from", "until", "state", "step", "why")
    came = row(
        *(1, "2026-12-08T00:00:00Z", "2026-12-09T00:00:00Z", "to come", "all of Lighthouse"),
        "jane: upgrade of BGS",
    )
    was = row(
        *(2, "2026-12-05T20:00:00Z", "2026-12-06T04:00:00Z", "over", "none", "joe: all down"),
    )

    assert f"{heading}\n{was.replace('over     ', 'in effect')}\n{came}\n" == command("list")[1]
    assert f"{heading}\n{came}\n" == command("list", at="2026-12-06T04:00:00Z")[1]
    assert f"{heading}\n{was}\n{came}\n" == command("list", "--all", at="2026-12-06T05:00:00Z")[1]


def test_status_says_so_during_a_window(command):
    """Until when and why, in its second line and in its JSON; before and after, nothing."""
    command("add", "--from", "2026-12-05T22:00Z", "--until", "8h", *WHY)
    during, after = "2026-12-06T05:59:59Z", "2026-12-06T06:00:00Z"
    says = "maintenance of all of Lighthouse until 2026-12-06T06:00:00Z: upgrade of BGS"

    lines = command(group=status, at=during)[1].splitlines()
    assert [says, ""] == lines[1:3]
    shown = json.loads(command("--json", group=status, at=during)[1])
    assert [(1, "2026-12-06T06:00:00Z", "upgrade of BGS")] == [
        (each["id"], each["until"], each["reason"]) for each in shown["maintenance"]
    ]
    for at in (NOW, after):
        assert "maintenance of" not in command(group=status, at=at)[1]
        assert [] == json.loads(command("--json", group=status, at=at)[1])["maintenance"]

"""What staff do about documents: acknowledge, close and recheck, beside a running daemon."""

import threading
import time
from collections import Counter
from contextlib import closing
from functools import partial

import click
import pytest
from click.testing import CliRunner
from daemon_rig import DaemonRig
from freezegun import freeze_time
from store_rows import NOW, OPEN_STATES, counted, ended, moved, new, plans, stand, tallied, uses

from lightkeeper.casework import lookup
from lightkeeper.casework.triage import (
    CONDITIONS,
    Action,
    IncompleteNote,
    by_filter,
    by_lines,
    decide,
    note,
    outcome,
)
from lightkeeper.commands import triage as commands
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import Filter
from lightkeeper.store.levels import Levels, sums, troubles
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.triage import TriageStore

BY, WHY = "jane", "called the regional office"
ALL = Filter()


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def triage_store(database):
    """The staff's view of the store."""
    return TriageStore(database)


@pytest.fixture
def documents(database):
    """The daemon's view of the store."""
    return Documents(database)


def _do(triage_store, action, *request_ids, at=NOW + DAY):
    """Carry the action out on these as the command does; how many it changed."""
    may = decide(action, Policy(), at)
    ids = [each.id for each in triage_store.by_request_ids(request_ids).values()]
    return triage_store.carry_out(ids, may, note(action, BY, WHY, at))


def _each(database, column):
    """This column of every document, by request id, without the models: bound elsewhere."""
    rows = database.rows(
        f"SELECT lighthouse_request_id, {column} FROM form_526_document_submissions ORDER BY id"
    )
    return dict(rows)


def _conditions(database):
    return _each(database, "condition")


def _next_poll(database, request_id):
    return _each(database, "next_poll_at")[request_id]


def test_lighthouses_own_words_go_when_no_one_needs_them(database, triage_store, documents):
    """Kept of what is open or acknowledged; gone once it is delivered, closed, or final too."""
    said, problem = '{"error":{"detail":"of whom"}}', CallProblem(500, "of whom")
    states = ["not_in_efolder", "in_efolder", "efolder_unknown", "waiting", "delivered"]
    final = {"efolder_unknown", "delivered"}
    stand(documents, ["waiting"] * len(states))
    batch = [
        moved(
            before,
            condition=state,
            answer=said,
            problem=problem,
            **OPEN_STATES.get(state, {"lighthouse_status": "done"})
            | ({"next_poll_at": None} if state in final else {}),
        )
        for before, state in zip(sorted(documents.due(NOW + HOUR, 9)), states, strict=True)
    ]
    documents.record(batch, NOW)
    assert {1, 2, 3, 4} == {each for each, kept in _each(database, "last_answer").items() if kept}

    _do(triage_store, Action.ACK, 1, 3)
    _do(triage_store, Action.CLOSE, 2)

    assert {1: said, 2: None, 3: None, 4: said, 5: None} == _each(database, "last_answer")
    assert [1, 4] == [key for key, kept in _each(database, "last_problem").items() if kept][:2]
    (before,) = triage_store.by_request_ids([1]).values()
    documents.record([moved(before, next_poll_at=None, answer=said)], NOW)
    assert None is _each(database, "last_answer")[1]


def test_an_acknowledged_document_stops_paging_until_it_is_revoked(
    database, triage_store, documents
):
    """Acknowledged, a document leaves every gauge of trouble; revoked, it is in its own again."""
    states = [state for state in OPEN_STATES if state != "waiting"]
    stand(documents, states)
    numbers = range(1, len(states) + 1)
    before, levels = _conditions(database), Levels(database)
    counts = troubles(levels.totals())
    assert (0, 1) == (counts.pop("acknowledged"), min(counts.values()))

    assert len(states) == _do(triage_store, Action.ACK, *numbers)

    counts = troubles(levels.totals())
    assert (len(states), 0) == (counts.pop("acknowledged"), max(counts.values()))
    assert ([], [], None) == (levels.failed(9), levels.stuck(9), levels.oldest_failure())
    assert [] == levels.oldest_pending()
    assert sums(levels.totals()) == {"tracked": 8, "pending": 4, "done": 1, "failed": 3}
    assert counted(database) == tallied(database)

    assert len(states) == _do(triage_store, Action.UNACK, *numbers)

    assert before == _conditions(database)
    assert counted(database) == tallied(database)


def test_an_acknowledged_document_is_polled_as_before(database, triage_store, documents):
    """Only its condition moves: when it is due, its status and its step stay."""
    stand(documents, ["stuck"])

    _do(triage_store, Action.ACK, 1)

    assert NOW + HOUR == _next_poll(database, 1)
    _do(triage_store, Action.UNACK, 1)
    assert NOW + HOUR == _next_poll(database, 1)


@pytest.mark.parametrize("action", Action)
def test_each_action_has_its_conditions(database, triage_store, documents, action):
    """A filter finds for an action exactly the documents the action applies to by request id."""
    states = [*OPEN_STATES, "delivered", "stuck", "stuck"]
    stand(documents, states)
    _do(triage_store, Action.ACK, len(states) - 1)
    _do(triage_store, Action.CLOSE, len(states))
    before = _conditions(database)
    may = decide(action, Policy(), NOW)

    found = by_filter(triage_store, ALL, action, may)

    assert CONDITIONS[action] == {before[each.request_id] for each in found.documents}
    lines = [str(number) for number in before]
    assert found.documents == by_lines(triage_store, lines, may).documents
    ids = [each.id for each in triage_store.by_request_ids(list(before)).values()]
    assert len(found.documents) == triage_store.carry_out(ids, may, note(action, BY, WHY, NOW))
    assert counted(database) == tallied(database)


@pytest.mark.parametrize("state", OPEN_STATES)
def test_a_closed_document_is_polled_no_more_until_it_is_revoked(
    database, triage_store, documents, state
):
    """It keeps its status, so the sum still holds, pages no one, and comes back due at once."""
    stand(documents, [state])
    before = sums(Levels(database).totals())

    assert 1 == _do(triage_store, Action.CLOSE, 1)

    assert _next_poll(database, 1) is None
    assert before == sums(Levels(database).totals())
    assert {0} == set(troubles(Levels(database).totals()).values())
    assert 0 == Levels(database).unobserved(NOW + 365 * DAY)
    assert [] == documents.due(NOW + 365 * DAY, 10)
    assert 0 == _do(triage_store, Action.CLOSE, 1)

    assert 1 == _do(triage_store, Action.UNCLOSE, 1, at=NOW + 2 * DAY)

    assert {1: state} == _conditions(database)
    is_final = state == "contradictory"
    assert (None if is_final else NOW + 2 * DAY) == _next_poll(database, 1)
    assert counted(database) == tallied(database)


def test_a_triage_action_is_history_and_is_not_published(database, triage_store, documents):
    """`show` displays who did what and why; Datadog gets nothing of it."""
    stand(documents, ["not_in_efolder"])
    ended_rows = [row.id for row in Outbox(database).unpublished(10)]
    Outbox(database).mark_published(ended_rows, [], NOW)

    for action in (
        Action.ACK,
        Action.UNACK,
        Action.CLOSE,
        Action.UNCLOSE,
        Action.RECHECK,
        Action.ACK,
    ):
        assert 1 == _do(triage_store, action, 1)

    assert 0 == Outbox(database).unpublished_count()
    shown = lookup.document(database, 1, NOW)
    words = ("acknowledged", "unacknowledged", "closed", "reopened_by_staff", "recheck")
    expected = [{"kind": word, "detail": f"{BY}: {WHY}"} for word in (*words, "acknowledged")]
    assert expected == [remark for entry in shown.data["history"] for remark in entry["remarks"]]
    assert (
        "  2027-01-16T08:00:00Z  failed; closed by jane: called the regional office" in shown.lines
    )
    assert {"failed"} == {entry["to_status"] for entry in shown.data["history"]}
    assert (
        "  acknowledged: 2027-01-16T08:00:00Z by jane: called the regional office" in shown.lines
    )
    assert (BY, WHY) == tuple(shown.data[f"acknowledged_{each}"] for each in ("by", "reason"))
    _do(triage_store, Action.UNACK, 1)
    shown = lookup.document(database, 1, NOW)
    assert (None, "not_in_efolder") == (shown.data["acknowledged_by"], shown.data["condition"])
    assert not any("  acknowledged:" in line for line in shown.lines)


def test_an_acknowledgement_ends_when_the_status_changes(database, triage_store, documents):
    """An acknowledged stuck document that fails is unacknowledged again."""
    stand(documents, ["stuck"])
    _do(triage_store, Action.ACK, 1)
    (acknowledged,) = documents.due(NOW + DAY, 10)

    documents.record([ended(acknowledged, "failed")], NOW + DAY)

    assert 1 == troubles(Levels(database).totals())["unacknowledged"]
    assert lookup.document(database, 1, NOW).data["acknowledged_by"] is None


@pytest.mark.parametrize("action", [Action.ACK, Action.CLOSE])
def test_a_triage_action_during_a_poll_stands(database_url, database, triage_store, action):
    """The daemon drops its decision on a copy read before, and keeps the rest of the batch."""
    with closing(open_database(database_url, create=False)) as daemon:
        documents = Documents(daemon)
        stand(documents, ["stuck", "stuck", "waiting"])
        copies = sorted(documents.due(NOW + HOUR, 10))

        assert 1 == _do(triage_store, action, 1)
        answered = [moved(each, current_step="CLAIMS_EVIDENCE") for each in copies]
        documents.record(answered, NOW + 2 * HOUR)

        assert {1: str(action), 2: "stuck", 3: "waiting"} == _conditions(database)
        steps = {1: "none", 2: "CLAIMS_EVIDENCE", 3: "CLAIMS_EVIDENCE"}
        assert steps == _each(database, "current_step")
        assert (NOW + HOUR if action is Action.ACK else None) == _next_poll(database, 1)
        assert counted(database) == tallied(database)


def test_a_failed_call_does_not_reopen_a_closed_document(database, triage_store, documents):
    """Postponing the documents of a call skips those that were closed meanwhile."""
    stand(documents, ["stuck", "stuck"])
    ids = [each.id for each in documents.due(NOW + HOUR, 10)]
    _do(triage_store, Action.CLOSE, 1)

    documents.postpone(ids, NOW + HOUR, NOW + 2 * HOUR, CallProblem(500, "down"))

    assert [None, NOW + 2 * HOUR] == [_next_poll(database, number) for number in (1, 2)]
    assert {1: None, 2: NOW + HOUR} == _each(database, "unanswered_since")


def _record_forever(url, stop, recorded):
    """What a daemon does, as fast as it can: read what is due, decide, record."""
    with closing(open_database(url, create=False)) as database:
        documents, turn = Documents(database), 0
        while not stop.is_set():
            turn += 1
            copies = sorted(documents.due(NOW + HOUR, 100))
            step = f"STEP_{turn % 3}"
            time.sleep(0.002)  # the call to Lighthouse
            documents.record([moved(copy, current_step=step) for copy in copies], NOW + HOUR)
            recorded.append(len(copies))


def test_staff_and_daemon_at_the_same_time(database_url, database, triage_store):
    """A daemon that records all the time overwrites no acknowledgement, and the tallies hold."""
    documents = Documents(database)
    stand(documents, ["stuck"] * 300)
    stop, recorded = threading.Event(), []
    daemon = threading.Thread(target=_record_forever, args=(database_url, stop, recorded))
    daemon.start()
    try:
        for _ in range(15):
            assert 300 == _do(triage_store, Action.ACK, *range(1, 301))
            assert {"acknowledged"} == set(_conditions(database).values())
            assert 300 == _do(triage_store, Action.UNACK, *range(1, 301))
        assert 150 == _do(triage_store, Action.CLOSE, *range(1, 151))
        assert 150 == _do(triage_store, Action.ACK, *range(151, 301))
        seen = len(recorded)
        while len(recorded) < seen + 3 and daemon.is_alive():
            time.sleep(0.001)
    finally:
        stop.set()
        daemon.join()

    assert seen
    assert Counter(closed=150, acknowledged=150) == Counter(_conditions(database).values())
    assert counted(database) == tallied(database)


def test_closing_a_backlog_pages_no_one(database_url, tmp_path):
    """Hundreds of stuck and failed documents leave the gauges, and no count is published."""
    with DaemonRig(database_url, tmp_path) as watch:
        ids = [*watch.track(150, "stuck_claims_evidence", age=99 * 3_600)]
        ids += watch.track(150, "fails_claims_evidence", age=99 * 3_600)
        watch.poll()
        triage_store = TriageStore(watch.database)
        sent = len(watch.agent.metrics)
        called = len(watch.calls())

        _do(triage_store, Action.CLOSE, *ids, at=watch.clock.instant())
        watch.clock.now += 8 * 86_400
        watch.poll()

        assert called == len(watch.calls())
        assert [] == [
            m
            for m in watch.agent.metrics[sent:]
            if m.kind == "count" and "documents" in m.name and m.value
        ]
        watch.gauges.send()
        for name in ("stuck", "slow", "overdue", "unacknowledged"):
            gauge = f"lightkeeper.documents.{name}"
            values = [m.value for m in watch.agent.metrics[sent:] if m.name == gauge]
            assert {0.0} == set(values)
        watch.assert_tallies_are_true()


def test_a_recheck_polls_a_failure_long_past_its_window(database_url, tmp_path):
    """It is polled once more, and only Lighthouse's answer changes its status."""
    with DaemonRig(database_url, tmp_path) as watch:
        recovers, fails = watch.track(1, "recovers", age=60), watch.track(1, "fails_bgs", age=60)
        watch.poll()
        watch.clock.now += 30 * 86_400
        watch.database.execute("UPDATE form_526_document_submissions SET next_poll_at = NULL")
        watch.poll()
        assert Counter(failed=2) == watch.statuses()

        _do(
            TriageStore(watch.database),
            Action.RECHECK,
            *recovers,
            *fails,
            at=watch.clock.instant(),
        )
        assert Counter(failed=2) == watch.statuses()
        watch.poll()

        assert Counter(failed=1, done=1) == watch.statuses()
        assert [(None,), (None,)] == watch.rows("next_poll_at")
        watch.assert_tallies_are_true()


def test_lines_that_name_no_document_are_rejected_by_number(triage_store, documents):
    """Blank lines and doubles are skipped, and the good lines are found."""
    stand(documents, ["stuck", "waiting", "not_found", "stuck"])
    _do(triage_store, Action.ACK, 4)
    lines = [b"1\n", b"\n", b"2\n", b"99\n", b"x1\n", b" 3 \n", b"1\n", b"4", b"9" * 30]
    may = decide(Action.ACK, Policy(), NOW)

    chosen = by_lines(triage_store, lines, may)

    assert [1, 3] == [each.request_id for each in chosen.documents]
    assert 1 == chosen.unchanged_count
    assert [
        (3, "request id 2 is waiting: there is nothing to acknowledge"),
        (4, "request id 99 is not tracked here"),
        (5, "not a request id: give a whole number below 2^63"),
        (9, "not a request id: give a whole number below 2^63"),
    ] == chosen.rejected


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (ALL, {1, 2, 3, 4, 5}),
        (ALL._replace(statuses=frozenset({"failed"})), {3, 4}),
        (ALL._replace(steps=frozenset({"CLAIMS_EVIDENCE"})), {2, 3}),
        (ALL._replace(document_types=frozenset({"bdd_instructions"})), {5}),
        (ALL._replace(conditions=frozenset({"stuck", "in_efolder"})), {1, 2, 4, 5}),
        (ALL._replace(tracked_until=NOW - DAY), {2, 3}),
        (ALL._replace(tracked_since=NOW - DAY + 1), {1, 4, 5}),
        (ALL._replace(failed_since=NOW - 3), {4}),
        (ALL._replace(failed_until=NOW - 4), {3}),
        (ALL._replace(submissions=frozenset({"s-2", "s-9"})), {2, 5}),
        (ALL._replace(tracked_until=NOW - DAY, statuses=frozenset({"pending"})), {2}),
    ],
)
def test_a_filter_finds_what_matches_all_of_it(triage_store, documents, wanted, numbers):
    """Status, step, type, condition, submission and times narrow the choice together."""
    states = ["stuck", "stuck", "not_in_efolder", "in_efolder", "stuck"]
    ages = (0, DAY, 2 * DAY, DAY - 1, 0)
    kinds = ["form_0781"] * 4 + ["bdd_instructions"]
    batch = zip(range(1, 6), ages, kinds, strict=True)
    documents.add(
        [
            new(number, tracked_at=NOW - age, document_type=kind, submission_id=f"s-{number % 3}")
            for number, age, kind in batch
        ],
        NOW,
    )
    due = sorted(documents.due(NOW, 10))
    at = ["none", "CLAIMS_EVIDENCE", "CLAIMS_EVIDENCE", "none", "none"]
    documents.record(
        [
            moved(
                before,
                condition=state,
                current_step=step,
                decided_at=NOW - 10 + 2 * before.request_id if "efolder" in state else None,
                **OPEN_STATES[state],
            )
            for before, state, step in zip(due, states, at, strict=True)
        ],
        NOW,
    )

    assert numbers == {each.request_id for each in triage_store.matching(wanted)}


def test_filters_go_by_indexes(database, triage_store, documents, monkeypatch):
    """Beside 20,000 delivered documents a filter looks at none of them."""
    for at in range(0, 20_000, 1_000):
        documents.add([new(number) for number in range(at, at + 1_000)], NOW)
    database.execute(
        "UPDATE form_526_document_submissions SET lighthouse_status = 'done', "
        "condition = 'delivered', next_poll_at = NULL"
    )
    numbers = range(20_000, 20_300)
    documents.add([new(number) for number in numbers], NOW)
    before = sorted(documents.due(NOW, 1_000))
    documents.record([ended(each, "failed") for each in before[100:]], NOW)
    _do(triage_store, Action.ACK, *numbers[200:])
    if database.dialect == "postgresql":
        database.execute("ANALYZE")

    staff = ALL._replace(conditions=ALL.conditions - {"delivered"})
    _, plan = plans(database, monkeypatch, lambda: triage_store.matching(staff))

    indexes = [f"documents_{each}" for each in ("pending", "failed", "acknowledged")]
    assert [True] * 3 == [uses(plan, index) for index in indexes], plan
    for late, index in (
        (ALL._replace(failed_since=NOW - DAY), "documents_failed"),
        (ALL._replace(unobserved_at=NOW), "documents_"),  # whichever a server takes
    ):
        _, plan = plans(database, monkeypatch, partial(triage_store.matching, late))
        assert uses(plan, index), plan


def test_what_changes_after_the_preview_is_skipped(database, triage_store, documents):
    """The action applies to each document as it is in the transaction that changes it."""
    stand(documents, ["stuck", "stuck"])
    may = decide(Action.ACK, Policy(), NOW)
    chosen = by_filter(triage_store, ALL, Action.ACK, may)
    documents.record([ended(documents.due(NOW + HOUR, 1)[0])], NOW)

    done = triage_store.carry_out(
        [each.id for each in chosen.documents], may, note(Action.ACK, BY, WHY, NOW)
    )

    assert 1 == done
    assert ["acknowledged", "delivered"] == sorted(_conditions(database).values())
    assert "1 acknowledged, 1 skipped (they changed meanwhile)" == outcome(
        Action.ACK, done, chosen
    )


@pytest.mark.parametrize(
    ("by", "reason", "complaint"),
    [
        ("", WHY, "--by is empty"),
        (BY, "  ", "--reason is empty"),
        ("j\nane", WHY, "--by must be one printable line of at most 100"),
        (BY, "w\0", "--reason must be one printable line of at most 500"),
        (BY, "w" * 501, "--reason must be one printable line of at most 500"),
        (BY, "called 123-45-6789", "--reason: a part of it is formed like a social security"),
        (BY, "mail a@b.example", "--reason: a part of it is an e-mail address: leave it out"),
        (BY, "phone 555-123-4567", "--reason: a part of it is formed like a telephone number"),
        ("Doe.pdf", WHY, "--by: a part of it is a file name: leave it out"),
    ],
)
def test_who_and_why_must_be_given(by, reason, complaint):
    """A note needs a name and a reason, each one printable line."""
    with pytest.raises(IncompleteNote, match=complaint):
        note(Action.ACK, by, reason, NOW)
    assert "" == note(Action.RECHECK, BY, "", NOW).reason


@pytest.fixture
def command(database_url, database):
    """Run one of the commands; its exit status and its output."""

    def invoke(name, *arguments, **more):
        done = CliRunner().invoke(
            getattr(commands, name),
            list(map(str, arguments)),
            env={"LIGHTKEEPER_DATABASE_URL": database_url},
            standalone_mode=False,
            **more,
        )
        if done.exception is not None:
            raise done.exception
        return done.return_value, done.output

    return invoke


def test_wrong_request_ids_are_named_and_the_others_acknowledged(command, database, documents):
    """Each wrong one is named with its place, and the exit status is 65."""
    stand(documents, ["stuck", "stuck", "waiting"])

    assert (0, "1 acknowledged\n") == command("ack", 1, "--by", BY, "--reason", WHY)
    status, output = command("ack", 1, 2, 77, "--by", BY, "--reason", WHY)

    assert 65 == status
    assert [
        "argument 3: request id 77 is not tracked here",
        "1 acknowledged, 1 unchanged, 1 rejected",
    ] == output.splitlines()
    assert {1: "acknowledged", 2: "acknowledged", 3: "waiting"} == _conditions(database)
    assert (0, "2 no longer acknowledged\n") == command(
        "ack", "--revoke", 1, 2, "--by", BY, "--reason", "wrong ones"
    )


def test_a_file_names_one_document_a_line(command, database, documents, tmp_path):
    """Request ids come from a file or stdin; a rejected line is named by its number."""
    stand(documents, ["stuck", "waiting"])
    file = tmp_path / "ids"
    file.write_text("1\nx\n")

    status, output = command("close", "--file", file, "--by", BY, "--reason", WHY)

    assert (65, "line 2: not a request id: give a whole number below 2^63") == (
        status,
        output.splitlines()[0],
    )
    assert (0, "1 closed\n") == command(
        "close", "--file", "-", "--by", BY, "--reason", WHY, input="2\n"
    )
    assert {"closed"} == set(_conditions(database).values())


def test_a_filter_is_previewed_first(command, database, documents):
    """Without --yes COUNT nothing changes; the preview counts what would change."""
    stand(documents, ["not_in_efolder"] * 12 + ["stuck"])
    ask = ("close", "--status", "failed", "--by", BY, "--reason", WHY)

    status, output = command(*ask)

    assert 0 == status
    assert [
        "document type     status   step                      condition        documents",
        "form_0781         failed   none                      not_in_efolder          12",
        "request ids: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "12 would be closed",
        "nothing changed: to go ahead, repeat with --yes 12",
    ] == output.splitlines()
    assert "closed" not in _conditions(database).values()
    assert (0, "12 closed\n") == command(*ask, "--yes", 12)
    assert Counter(closed=12, stuck=1) == Counter(_conditions(database).values())


def test_what_failed_after_the_preview_is_not_acknowledged_unseen(command, database, documents):
    """When more documents match than the preview showed, nothing changes and it shows again."""
    stand(documents, ["not_in_efolder"] * 3)
    ask = ("ack", "--status", "failed", "--by", BY, "--reason", WHY)

    status, output = command(*ask, "--yes", 2)

    assert 1 == status
    assert (
        "nothing changed, because 3 documents match now: to go ahead, repeat with --yes 3"
        == (output.splitlines()[-1])
    )
    assert {"not_in_efolder"} == set(_conditions(database).values())


def test_a_recheck_needs_no_reason_and_revokes_nothing(command, database, documents):
    """It makes the document due now, by the login name."""
    stand(documents, ["stuck"])

    with freeze_time("2027-01-20T08:00:00Z"):
        assert (0, "1 polled next\n") == command("recheck", 1)

    assert 1_800_432_000_000 == _next_poll(database, 1)
    assert {1: "stuck"} == _conditions(database)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ack", "--reason", WHY),
        ("ack", 1, "--status", "failed", "--reason", WHY),
        ("ack", 1),
        ("close", "--older-than", "soon", "--reason", WHY),
        ("close", "--condition", "odd", "--reason", WHY),
    ],
)
def test_a_wrong_call_is_one_clear_message(command, arguments):
    """The documents must be named in one way, and the reason given."""
    with pytest.raises(click.UsageError):
        command(*arguments)

"""Tens of thousands of documents at once: taken in, acknowledged and closed."""

import time
import tracemalloc
from contextlib import closing

import pytest
from patience import at_most
from store_rows import NOW, counted, new, tallied

from lightkeeper.casework.intake import BATCH, IntakeTally, track_lines
from lightkeeper.casework.triage import Action, by_filter, decide, note
from lightkeeper.domain.policy import Policy
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import Filter
from lightkeeper.store.triage import TriageStore

HEADER = b"lighthouse_request_id,form_526_submission_id,document_type\n"


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.mark.speed
def test_fifty_thousand_are_acknowledged_within_seconds(database):
    """A backlog of failures is acknowledged, revoked and closed, each within ten seconds."""
    documents, triage_store = Documents(database), TriageStore(database)
    for at in range(0, 50_000, 10_000):
        documents.add([new(number) for number in range(at, at + 10_000)], NOW)
    database.execute(
        "UPDATE form_526_document_submissions SET lighthouse_status = 'failed', "
        "condition = 'in_efolder', in_efolder_at = 1, next_poll_at = next_poll_at + id"
    )
    database.execute("UPDATE tallies SET lighthouse_status = 'failed', condition = 'in_efolder'")

    for action in (Action.ACK, Action.UNACK, Action.CLOSE):
        began = time.perf_counter()
        may = decide(action, Policy(), NOW)
        found = by_filter(triage_store, Filter(), action, may)
        ids = [each.id for each in found.documents]
        assert 50_000 == triage_store.carry_out(ids, may, note(action, "jane", "sent again", NOW))
        took = time.perf_counter() - began
        assert took < at_most(10)
        assert counted(database) == tallied(database)


def _many_lines(form, count):
    if form == "csv":
        yield HEADER
    for number in range(count):
        request_id = number % (2 * BATCH)
        if number % 10 == 5:
            yield b"nonsense\n"
        elif form == "csv":
            yield b"%d,s-1,form_0781\n" % request_id
        else:
            yield (
                b'{"lighthouse_request_id":%d,"form_526_submission_id":"s-1",'
                b'"document_type":"form_0781"}\n' % request_id
            )


@pytest.mark.parametrize(("form", "count"), [("json", 100_000), ("csv", 50_000)])
def test_memory_does_not_grow_with_the_input(tmp_path, form, count):
    """Any number of lines, wrong ones among them, is held a batch at a time: below 3 MB."""
    lines = _many_lines(form, count)
    with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
        documents = Documents(database)
        tracemalloc.start()
        try:
            tally = track_lines(documents, lines, clock=lambda: NOW, reject=lambda _: None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert IntakeTally(new=1_800, known=count * 9 // 10 - 1_800, rejected=count // 10) == tally
    assert peak < 3_000_000

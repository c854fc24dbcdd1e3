"""Polls that callers wait for: one row a document, and none that outlives who waits for it."""

from contextlib import closing

import pytest
from store_rows import NOW, new

from lightkeeper.store import wanted as wanted_module
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.wanted import KEPT_MS, WantedPolls

_TABLE = "form_526_document_submissions"


@pytest.fixture
def store(database_url):
    """A store with five documents that were not polled yet, on each engine in turn."""
    with closing(open_database(database_url, create=True)) as database:
        Documents(database).add([new(request_id) for request_id in range(21, 26)], NOW)
        yield database


@pytest.fixture
def polls(store):
    """The wanted polls of that store."""
    return WantedPolls(store)


def _rows(store):
    return store.rows("SELECT document_id, asked_at FROM wanted_polls ORDER BY document_id")


def test_a_document_is_wanted_once_however_many_ask(polls, store):
    """A caller who asks later waits for the same poll, and asks for no other."""
    assert {1, 2} == polls.want({1: None, 2: None}, NOW)
    assert {2, 3} == polls.want({2: None, 3: None}, NOW + 1_000)

    assert [(1, NOW), (2, NOW), (3, NOW + 1_000)] == _rows(store)
    assert [21, 22, 23] == [each.document.request_id for each in polls.in_turn(9)]


def test_a_poll_that_was_made_ends_the_wait_of_all(polls, store):
    """They wait for their documents and for no others."""
    polls.want({1: None, 2: None}, NOW)

    polls.settle({1, 5})

    assert {2} == polls.waiting({1, 2, 3})
    assert [(2, NOW)] == _rows(store)


def test_what_changed_since_it_was_read_is_not_polled_again(polls, store):
    """Nor what is final: the caller reads it again, at once."""
    store.execute(f"UPDATE {_TABLE} SET last_polled_at = ? WHERE id = 2", (NOW,))
    store.execute(f"UPDATE {_TABLE} SET next_poll_at = NULL, condition = 'closed' WHERE id = 3")

    wanted = polls.want({1: None, 2: None, 3: None, 99: None}, NOW + 10)

    assert {1} == wanted
    assert {1, 2} == wanted | polls.want({2: NOW}, NOW + 10)


def test_no_row_outlives_the_longest_wait(polls, store):
    """With the daemon down, too: who asks next removes what the others no longer wait for."""
    for late in range(50):
        polls.want({1 + late % 5: None}, NOW + late * KEPT_MS)

    assert [(5, NOW + 49 * KEPT_MS)] == _rows(store)


def test_there_is_a_most_of_them(polls, store, monkeypatch):
    """Who asks for more than Lighthouse can be asked in time is answered at once."""
    monkeypatch.setattr(wanted_module, "MOST", 3)

    assert {1, 2} == polls.want({1: None, 2: None}, NOW)
    assert {2, 3} == polls.want({2: None, 3: None, 4: None, 5: None}, NOW)
    assert 3 == len(_rows(store))


def test_each_caller_has_its_turn_and_a_most_of_its_own(polls, store, monkeypatch):
    """However many another has asked for before."""
    monkeypatch.setattr(wanted_module, "MOST", 3)

    assert {1, 2, 3} == polls.want({1: None, 2: None, 3: None, 4: None}, NOW, "first")
    assert {3, 5} == polls.want({3: None, 5: None}, NOW + 1_000, "second")

    found = [(each.document.id, each.asked_by) for each in polls.in_turn(3)]
    assert [(1, "first"), (5, "second"), (2, "first")] == found


@pytest.mark.parametrize(
    ("polled_at", "due_at", "later_ms", "over"),
    [
        (None, NOW, 4_999, False),
        (NOW - 1, NOW, 0, False),
        (NOW, NOW, 0, True),  # polled since, for whatever reason
        (None, None, 0, True),
        (None, NOW, 5_000, True),
    ],
)
def test_a_wanted_poll_is_over_once_no_caller_needs_it(
    polls, store, polled_at, due_at, later_ms, over
):
    """It was made, the document is final, or the callers have been answered."""
    polls.want({1: None}, NOW)
    store.execute(
        f"UPDATE {_TABLE} SET last_polled_at = ?, next_poll_at = ?, condition = 'closed' "
        "WHERE id = 1",
        (polled_at, due_at),
    )

    (found,) = polls.in_turn(9)

    assert over == found.is_over(NOW + later_ms, NOW)


def test_the_daemon_counts_by_its_own_clock_how_long_a_poll_is_wanted(polls):
    """Where the clock of the API's host is behind, and for no longer than three waits."""
    polls.want({1: None}, NOW - 6_000)
    (found,) = polls.in_turn(9)

    assert [False, True] == [found.is_over(NOW + each, NOW) for each in (4_999, 5_000)]
    assert found.is_over(NOW + 9_000, NOW + 9_000)


def test_a_thousand_documents_are_wanted_in_one_transaction(polls, store):
    """More than one statement has room for, by two callers at once who want the same ones."""
    Documents(store).add([new(request_id) for request_id in range(100, 1_300)], NOW)
    ids = {each: None for (each,) in store.rows(f"SELECT id FROM {_TABLE}")}

    assert set(ids) == polls.want(ids, NOW) == polls.want(ids, NOW + 1) == polls.waiting(ids)
    assert 1_205 == len(_rows(store))
    polls.settle(ids)
    assert [] == _rows(store)

"""The order of changes: who reads them by number misses none that is committed late."""

import threading
from contextlib import closing

import psycopg
import pytest
from command_line import until
from daemon_rig import DaemonRig
from store_rows import NOW, is_index_walk, moved, new, plans, stand, uses

from lightkeeper.casework.correct import Correction, correct
from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.change import Change
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import HOUR
from lightkeeper.store.changes import START, Changes, Position
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.postgresql import Limits
from lightkeeper.store.triage import TriageStore

HELD = """
    SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND mode = 'ExclusiveLock' AND objid = 5260004
"""
GUARD = f"""
    CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF ({HELD} AND pid = pg_backend_pid()) = 0 THEN RAISE EXCEPTION 'unlocked'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER guard BEFORE INSERT ON transitions FOR EACH ROW EXECUTE FUNCTION guard();
"""
"""PostgreSQL refuses a transition whose transaction does not hold the lock."""
LATE = """
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(0.3);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON transitions DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.to_step = 'LATE') EXECUTE FUNCTION late();
"""
"""Of a transaction with a transition to this step the commit takes long, its numbers drawn."""
COMMITTING = "SELECT COUNT(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"


@pytest.fixture
def database(database_url):
    """A new store on each engine in turn."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


def _act(database, action, *request_ids, at=NOW + HOUR):
    store, may = TriageStore(database), decide(action, Policy(), at)
    ids = [each.id for each in store.by_request_ids(request_ids).values()]
    return store.carry_out(ids, may, note(action, "staff", "why", at))


def _poll(database, request_id, step):
    documents = Documents(database)
    due = [each for each in documents.due(NOW + HOUR, 10) if each.request_id == request_id]
    documents.record([moved(each, current_step=step) for each in due], NOW + HOUR)


@pytest.mark.parametrize("late_one", ["daemon", "staff"])
def test_a_transition_that_is_committed_late_is_not_passed_over(postgres_url, late_one):
    """A later one of another session waits for it, and a reader sees both in their order."""
    with (
        closing(open_database(postgres_url, create=True)) as database,
        psycopg.connect(postgres_url, autocommit=True) as admin,
    ):
        # Of two types, so that they are tallied apart, and wait for nothing else of each other.
        types = (None, "veteran_upload", "form_0781")
        Documents(database).add([new(n, document_type=types[n]) for n in (1, 2)], NOW)
        _poll(database, 2, "CLAIMS_EVIDENCE")
        if late_one == "staff":
            _poll(database, 1, "LATE")
        changes = Changes(database)
        before = seen = changes.since(0, 100)
        admin.execute(LATE)

        def late():
            with closing(open_database(postgres_url, create=False)) as other:
                if late_one == "daemon":
                    _poll(other, 1, "LATE")
                else:
                    _act(other, Action.CLOSE, 1)

        thread = threading.Thread(target=late)
        thread.start()
        until(lambda: admin.execute(COMMITTING).fetchone() == (1,))
        assert [] == changes.since(seen[-1].id + 1, 100)

        if late_one == "daemon":
            _act(database, Action.CLOSE, 2)
        else:
            _poll(database, 2, "BENEFITS_GATEWAY_SERVICE")
        seen = [*seen, *changes.since(seen[-1].id + 1, 100)]
        thread.join()
        seen = [*seen, *changes.since(seen[-1].id + 1, 100)]

    assert [1, 2] == [each.request_id for each in seen[len(before) :]]


def test_a_lock_that_another_session_keeps_is_not_waited_for_for_ever(postgres_url):
    """The daemon gives up within its limit with nothing written, and records later."""
    with (
        closing(open_database(postgres_url, create=True)) as database,
        psycopg.connect(postgres_url) as other,
    ):
        stand(Documents(database), ["stuck"])
        database._db.use(Limits(100, 250, 10_000))
        other.execute("SELECT pg_advisory_xact_lock(5260004)")
        with pytest.raises(StoreUnavailable, match="another session holds a lock"):
            _poll(database, 1, "BENEFITS_GATEWAY_SERVICE")
        assert 1 == len(Changes(database).since(0, 10))
        other.rollback()

        _poll(database, 1, "BENEFITS_GATEWAY_SERVICE")

        assert 2 == len(Changes(database).since(0, 10))


def _try(rig, story, attachment_id):
    (request_id,) = rig.lighthouse.add_many(1, story, rig.clock.now - 60)
    at = rig.clock.instant() - 60_000
    one = NewDocument(request_id, "s", "veteran_upload", attachment_id, at)
    rig.documents.add([one], rig.clock.instant())
    return request_id


def test_each_who_writes_a_transition_holds_the_lock(postgres_url, tmp_path):
    """The daemon, its tries and its clock, `track` of a further try, and all that staff do."""
    with (
        DaemonRig(postgres_url, tmp_path) as rig,
        psycopg.connect(postgres_url, autocommit=True) as admin,
    ):
        admin.execute(GUARD)
        database, now = rig.database, rig.clock.instant

        def written():
            ((count,),) = database.rows("SELECT COUNT(*) FROM transitions")
            added, written.before = count - written.before, count
            return added

        written.before = 0
        lost = _try(rig, "fails_claims_evidence", "a")
        _try(rig, "instantly_done", "b")
        stuck = _try(rig, "stuck_bgs", "c")
        rig.poll()
        assert 3 == written()  # an answer each
        for action in Action:
            _act(database, action, lost, at=now())
            assert 1 == written(), action
        store = TriageStore(database)
        correct(store, lost, Correction(attachment_id="b"), "staff", "why", now())
        assert 2 == written()  # the correction, and the failure that the other try settles
        _try(rig, "instantly_done", "d")
        rig.clock.now += 3_600
        rig.poll()
        assert 1 == written()
        _act(database, Action.CLOSE, stuck, at=now())
        assert 1 == written()
        _try(rig, "fails_claims_evidence", "d")
        rig.poll()
        assert 1 == written()  # superseded by the one that arrived
        rig.clock.now -= 7_200
        rig.documents.pull_in(now())
        assert written() >= 4
        with pytest.raises(psycopg.errors.RaiseException, match="unlocked"):
            admin.execute("INSERT INTO transitions SELECT * FROM transitions LIMIT 1")


def test_a_transition_needs_a_transaction(database):
    """It is never kept for a transaction that is not open."""
    with pytest.raises(RuntimeError, match="without a transaction"):
        database.at_commit.remember([])


def test_what_is_undone_leaves_no_transition_behind(database):
    """Nor does the next transaction write it."""
    stand(Documents(database), ["stuck"])
    change = Change(NOW, "pending", "done", "none", "complete")

    def undone():
        with database.writing():
            database.at_commit.remember([(1, change)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    _poll(database, 1, "BENEFITS_GATEWAY_SERVICE")

    assert ["none", "BENEFITS_GATEWAY_SERVICE"] == [
        each.to_step for each in Changes(database).since(0, 10)
    ]


def _transitions(database, *rows):
    """Transitions by number, document and time."""
    with database.writing():
        database.execute_many(
            "INSERT INTO transitions (id, document_id, at, from_status, to_status, from_step, "
            "to_step, step_changes, remarks) "
            "VALUES (?, ?, ?, 'pending', 'pending', 'none', 'none', '[]', '[]')",
            rows,
        )


def test_changes_are_read_along_their_numbers(database, monkeypatch):
    """However large the table: from a number on, the newest, and by time."""
    Documents(database).add([new(each) for each in range(1, 1_001)], NOW)
    _transitions(database, *((n, 1 + n % 1_000, NOW + n) for n in range(1, 5_001)))
    database.execute("ANALYZE")
    changes = Changes(database)
    is_sqlite = database.dialect == "sqlite"
    index = "INTEGER PRIMARY KEY" if is_sqlite else "transitions_pkey"

    page, *others = plans(
        database, monkeypatch, lambda: (changes.since(5, 2), changes.before(NOW + 2_000))
    )

    assert [5, 6] == [each.id for each in changes.since(5, 2)]
    assert is_index_walk(page, index), page
    assert len(others) > 10
    assert all(uses(each, "transitions" if is_sqlite else index) for each in others), others


@pytest.mark.parametrize(
    ("at", "expected"),
    [(-1, START), (100, START), (101, 1), (150, 1), (151, 7), (301, 20), (999, 40)],
)
def test_a_position_is_found_by_time(database, at, expected):
    """It lies before the first change of that time or later, over gaps in the numbers too."""
    times = {1: 100, 7: 150, 8: 200, 20: 300, 40: 400}
    Documents(database).add([new(21)], NOW)
    _transitions(database, *((number, 1, at) for number, at in times.items()))

    found = Changes(database).before(at)

    assert (expected if expected is START else Position(expected, times[expected], 1)) == found

"""The loop that follows vets-api's table: when it compares, how long it pauses, what it logs."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
import vets_api_table
from manual_clock import ManualClock
from structlog.testing import capture_logs

from lightkeeper.config.settings import StoreSettings
from lightkeeper.service.following import build_follow_loop
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.store.database import open_database
from lightkeeper.store.vets_api import VetsApiUploads
from lightkeeper.telemetry.dogstatsd import Emitter

DAYS = 86_400
INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, document_type,
        lighthouse_document_request_id, created_at) VALUES (4711, 'Form 0781', %s, %s)
"""


class Rig:
    """The loop between vets-api's PostgreSQL, a store and an Agent, by a clock that only the test
    moves on.
    """

    def __init__(self, source, uploads, store, agent, emitter):
        self.clock = ManualClock()
        self._source = source
        self._store = store
        self._agent = agent
        self._loop = build_follow_loop(
            StoreSettings(),
            uploads,
            store,
            emitter,
            reject=lambda row_id, reason: pytest.fail(f"row {row_id}: {reason}"),
            clock=self.clock.instant,
            monotonic=self.clock,
        )
        self._loop.start()

    def hand_over(self, request_id, seconds_ago):
        """Have vets-api hand over a document whose row it created so long ago."""
        created = datetime.fromtimestamp(self.clock.now - seconds_ago, UTC).replace(tzinfo=None)
        self._source.execute(INSERT, (str(request_id), created))

    def turn(self, after=0.0):
        """Give the loop a turn after so many seconds; how long it wants to pause then."""
        self.clock.now += after
        return self._loop.turn()

    def rename(self, what, name):
        """Rename vets-api's table, or a column of it."""
        self._source.execute(f"ALTER TABLE {what} TO {name}")

    def untracked(self):
        """How many rows each comparison found untracked."""
        self._agent.drain()
        return self._agent.values("lightkeeper.compare.disagreements", disagreement="not_tracked")

    def tracked(self):
        """The request ids that are tracked."""
        rows = self._store.rows(
            "SELECT lighthouse_request_id FROM form_526_document_submissions ORDER BY 1"
        )
        return [request_id for (request_id,) in rows]


@pytest.fixture
def rig(tmp_path, postgres_url):
    """A rig whose table has no row yet."""
    with (
        psycopg.connect(postgres_url, autocommit=True) as source,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent,
        closing(VetsApiUploads(postgres_url)) as uploads,
        closing(open_database(f"sqlite:///{tmp_path / 'store.db'}", create=True)) as store,
        closing(Emitter(agent.url, strict=True)) as emitter,
    ):
        source.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
        yield Rig(source, uploads, store, agent, emitter)


def test_all_rows_are_compared_at_the_start_and_again_after_an_hour(rig):
    """And what no round has found is taken then."""
    rig.hand_over(526001, seconds_ago=60)
    rig.turn()
    rig.hand_over(526002, seconds_ago=5 * DAYS)
    rig.turn(after=3_599)
    assert [0] == rig.untracked()
    assert [526001] == rig.tracked()

    rig.turn(after=1)

    assert [0, 1] == rig.untracked()
    assert [526001, 526002] == rig.tracked()
    rig.turn(after=3_599)
    rig.turn(after=1)
    assert [0, 1, 0] == rig.untracked()


def test_pauses_grow_while_the_table_cannot_be_read(rig):
    """To a minute; once it can be read they are short again."""
    assert 10 == rig.turn()
    for _ in range(2):
        rig.rename("lighthouse526_document_uploads RENAME", "moved")
        assert [10, 20, 30, 40, 50, 60, 60] == [rig.turn() for _ in range(7)]
        rig.rename("moved RENAME", "lighthouse526_document_uploads")
        assert 10 == rig.turn()


def test_a_table_that_can_be_followed_and_not_compared_is_logged_once(rig):
    """And once that it can be compared. Rows are taken meanwhile, at the longer pauses."""
    rig.rename("lighthouse526_document_uploads RENAME aasm_state", "state")
    with capture_logs() as logs:
        assert [10, 20, 30] == [rig.turn() for _ in range(3)]
        rig.hand_over(526001, seconds_ago=60)
        assert 40 == rig.turn()
        assert [526001] == rig.tracked()
        rig.rename("lighthouse526_document_uploads RENAME state", "aasm_state")
        assert 10 == rig.turn()

    assert [
        "follow.source.unavailable",
        "follow.tracked",
        "follow.compared",
        "follow.source.available",
    ] == [line["event"] for line in logs]

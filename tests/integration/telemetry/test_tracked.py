"""Counts of newly tracked documents: each once, by any way of tracking and whatever happens."""

from collections import Counter
from contextlib import closing

import command_line
import dying_daemon
import prepared_command
import pytest
from daemon_rig import DaemonRig
from store_rows import NOW, new

from lightkeeper.domain.change import RemarkKind
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.triage import Note, TriageStore
from lightkeeper.telemetry.publisher import TRACKED_AT_MOST, Publisher

TRACKED = "lightkeeper.documents.tracked"


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _counted(agent):
    """How many documents of which type the Agent received."""
    counts = Counter()
    for metric in agent.metrics:
        if metric.name == TRACKED:
            assert "count" == metric.kind
            counts[metric.tags["document_type"]] += metric.value
    return counts


def _restarted(watch):
    return Publisher(Outbox(watch.database), watch.emitter, watch.clock.instant)


def test_each_document_is_counted_once_under_its_type(watch):
    """Those known already, and those rejected as another's, are not counted again."""
    watch.track_ids(range(1, 31), "veteran_upload")
    watch.track_ids(range(31, 38), "form_0781a")
    watch.publisher.publish()
    watch.track_ids(range(25, 31), "veteran_upload")
    watch.track_ids(range(35, 38), "form_0781")
    watch.publisher.publish()
    watch.publisher.publish()

    assert {"veteran_upload": 30, "form_0781a": 7} == _counted(watch.agent)


def test_a_restart_repeats_and_loses_nothing(watch):
    """What another process tracks while no daemon runs is counted once the next one does."""
    watch.track_ids(range(1, 11))
    watch.publisher.publish()
    with closing(open_database(watch.url, create=False)) as another:
        Documents(another).add([new(each) for each in range(11, 16)], NOW)
    _restarted(watch).publish()
    _restarted(watch).publish()

    assert {"form_0781": 15} == _counted(watch.agent)


def test_a_correction_counts_nothing_again(watch):
    """A document whose type is corrected was tracked once, under the one or the other type."""
    watch.track_ids([1, 2], "form_0781")
    watch.publisher.publish()
    watch.track_ids([3], "form_0781")
    triage = TriageStore(watch.database)
    note = Note(RemarkKind.CORRECTED, "jane", "wrong type", NOW, acknowledges=False)
    for each in (2, 3):
        triage.correct(
            each, lambda was: was._replace(document_type="veteran_upload"), lambda *_: note
        )
    watch.publisher.publish()
    watch.track_ids([4], "form_0781")
    watch.publisher.publish()

    assert {"form_0781": 3, "veteran_upload": 1} == _counted(watch.agent)


def test_what_the_agent_misses_is_counted_once_it_is_reachable(watch):
    """While it is not, tracked documents wait in the store."""
    watch.track_ids(range(1, 6))
    watch.agent.stop()
    for _ in range(3):
        watch.publisher.publish()
    watch.agent.start()
    watch.publisher.publish()

    assert {"form_0781": 5} == _counted(watch.agent)


def test_what_cannot_be_marked_is_not_counted_again_and_again(watch):
    """A count that was sent while the store takes no mark is marked once it does."""
    watch.track_ids(range(1, 6))
    watch.database.execute("ALTER TABLE published_up_to RENAME COLUMN value TO taken_away")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            watch.publisher.publish()
    watch.database.execute("ALTER TABLE published_up_to RENAME COLUMN taken_away TO value")
    watch.publisher.publish()

    assert {"form_0781": 5} == _counted(watch.agent)


def test_an_import_is_counted_in_portions(watch):
    """However many were tracked at once, one call looks at a bounded number of them."""
    count = 2 * TRACKED_AT_MOST + 3
    ids = range(1, count + 1)
    for at in range(0, count, 5_000):
        watch.track_ids(ids[at : at + 5_000])
    found = []
    for _ in range(4):
        watch.publisher.publish()
        found.append(sum(_counted(watch.agent).values()))

    assert [TRACKED_AT_MOST, 2 * TRACKED_AT_MOST, count, count] == found


@pytest.mark.parametrize(
    ("fatal_call", "counted"),
    [
        ("before publisher._outbox.mark_tracked 1", 14),
        ("after publisher._outbox.mark_tracked 1", 7),
        ("before publisher._outbox.newly_tracked 1", 7),
    ],
)
def test_what_processes_track_is_counted_once_through_kills(tmp_path, fatal_call, counted):
    """Only a kill between sending and marking doubles it: what was sent then, once."""
    store = tmp_path / "store.db"
    lines = "\n".join(f"{each},4711,form_0781" for each in range(1, 8))
    table = f"lighthouse_request_id,form_526_submission_id,document_type\n{lines}\n"
    with (
        SimulatedLighthouse() as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd") as agent,
    ):
        env = command_line.environment(store, lighthouse, agent)
        assert 0 == command_line.run("track", "-", env=env, input=table).returncode
        died = prepared_command.run(fatal_call.split(), env, script=dying_daemon.__file__)
        assert -9 == died.returncode, died.stderr
        for _ in range(2):
            command_line.run("poll", env=env)
        agent.drain()

        assert {"form_0781": counted} == _counted(agent)

"""`lightkeeper compare vets-api`: rows about which vets-api and the store disagree, no others."""

import csv
import io
import json
import time

import command_line
import psycopg
import pytest
import vets_api_table
from daemon_rig import DaemonRig
from peak_memory import peak_memory
from recorded_answers import failure, record, running, success

from lightkeeper.domain.answer import Absence
from lightkeeper.domain.document import NewDocument
from lightkeeper.simulation.agent.server import SimulatedAgent

INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, document_type,
        lighthouse_document_request_id, aasm_state, created_at)
    VALUES (%s, 'Form 0781', %s, %s, now() AT TIME ZONE 'UTC' - %s * interval '1 hour')
"""
OURS = {
    "done": success,
    "failed": failure,
    "pending": running,
    "not found": lambda _id: Absence.NOT_FOUND,
}
THEIRS = ("pending", "completed", "failed", "paused")
DISAGREE = {
    ("completed", "not found"),
    ("completed", "failed"),
    ("pending", "failed"),
    ("failed", "done"),
}


@pytest.fixture
def source(postgres_url):
    """vets-api's database, its table empty."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
        yield connection


@pytest.fixture
def rig(tmp_path):
    """A daemon over a store of its own."""
    with DaemonRig(f"sqlite:///{tmp_path / 'store.db'}", tmp_path) as running:
        yield running


@pytest.fixture
def env(tmp_path, rig, postgres_url):
    """The environment of a command that compares the two."""
    store = tmp_path / "store.db"
    return command_line.environment(store, LIGHTKEEPER_FOLLOW_SOURCE_URL=postgres_url)


def compare(env, *more):
    """The finished command."""
    return command_line.run("compare", "vets-api", *more, env=env)


def known(rig, request_ids):
    """Track these documents."""
    now = rig.clock.instant()
    new = [NewDocument(each, f"s{each}", "form_0781", None, now) for each in request_ids]
    for start in range(0, len(new), 1_000):
        rig.documents.add(new[start : start + 1_000], now)


def test_what_cannot_both_be_true_is_listed(source, rig, env):
    """Every pair of states, in the order of creation; and what is not tracked."""
    pairs = [(theirs, ours) for theirs in THEIRS for ours in OURS]
    ids = {526_000 + number: pair for number, pair in enumerate(pairs)}
    known(rig, ids)
    record(rig, {each: OURS[ours](each) for each, (_, ours) in ids.items()})
    for each, (theirs, _) in ids.items():
        source.execute(INSERT, (each, str(each), theirs, 2))
    assert 1 == compare(env).returncode
    source.execute(INSERT, (1, "777", "completed", 1))
    source.execute(INSERT, (1, "7.5", "pending", 1))
    source.execute(INSERT, (1, None, "pending", 1))
    expected = [
        *((each, *pair) for each, pair in ids.items() if pair in DISAGREE),
        (777, "completed", "not tracked"),
        (None, "pending", "no request id of Lighthouse's"),
    ]

    done = compare(env, "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert 1 == done.returncode
    assert expected == [
        (row["lighthouse_request_id"], row["vets_api"], row["lightkeeper"]) for row in rows
    ]
    assert rows == json.loads(compare(env, "--format", "json").stdout)
    written = csv.DictReader(io.StringIO(compare(env, "--format", "csv").stdout))
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows] == [*written]
    *table, last = compare(env).stdout.splitlines()
    assert f"{len(ids) + 2} compared, {len(expected)} disagree" == last
    assert len(expected) + 1 == len(table)


def test_how_many_disagree_is_told_to_datadog(source, rig, env, tmp_path):
    """By what either says, zeros too; of a part of the table nothing is published."""

    def counted(*more):
        with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
            done = compare(env | {"DD_DOGSTATSD_URL": agent.url}, *more)
            agent.drain()
            agent.assert_clean()
        assert "" == done.stderr
        return {
            metric.tags["disagreement"]: metric.value
            for metric in agent.metrics
            if metric.name == "lightkeeper.compare.disagreements"
        }

    known(rig, [526_001])
    record(rig, {526_001: failure(526_001)})
    for request_id in ("526001", "777", "7.5", None):
        source.execute(INSERT, (1, request_id, "pending", 1))

    kinds = ("completed_not_found", "completed_failed", "failed_done")
    kinds += ("completed_pending", "failed_pending")
    assert {**dict.fromkeys(kinds, 0), "pending_failed": 1, "not_tracked": 2} == counted()
    assert {} == counted("--since", "7d")


def test_what_vets_api_goes_on_to_say_is_told_apart(source, rig, env, tmp_path):
    """What has been so for two hours, and no longer than two days."""
    hours = {526_001: 1, 526_002: 3, 526_003: 47, 526_004: 49}
    for request_id, ago in hours.items():
        rig.clock.now = time.time() - ago * 3_600
        known(rig, [request_id])
        record(rig, {request_id: success(request_id)})
        source.execute(INSERT, (1, str(request_id), "failed", ago))
    source.execute(INSERT, (1, "777", "completed", 3))

    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
        compare(env | {"DD_DOGSTATSD_URL": agent.url})
        agent.drain()
        agent.assert_clean()
    for name, counts in (("disagreements", 4), ("untrue", 2)):
        gauge = f"lightkeeper.compare.{name}"
        assert counts == agent.gauge(gauge, disagreement="failed_done"), name
        assert 0 == agent.gauge(gauge, disagreement="completed_failed"), name


def test_an_end_that_vets_api_says_of_a_stuck_document_is_told(source, rig, env, tmp_path):
    """Not before it is stuck; to the monitor two hours later, as long as any other."""
    ours = {526_001: 47, 526_002: 49, 526_003: 51, 526_004: 95, 526_005: 97}
    for request_id, ago in ours.items():
        rig.clock.now = time.time() - ago * 3_600
        known(rig, [request_id])
        record(rig, {request_id: running(request_id)})
        for theirs in ("completed", "failed", "pending"):
            source.execute(INSERT, (1, str(request_id), theirs, ago))

    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
        agent_env = env | {"DD_DOGSTATSD_URL": agent.url}
        *_, last = compare(agent_env).stdout.splitlines()
        agent.drain()
        agent.assert_clean()

    assert "15 compared, 8 disagree" == last
    for kind in ("completed_pending", "failed_pending"):
        assert 4 == agent.gauge("lightkeeper.compare.disagreements", disagreement=kind)
        assert 2 == agent.gauge("lightkeeper.compare.untrue", disagreement=kind)
    rows = csv.DictReader(io.StringIO(compare(env, "--format", "csv").stdout))
    assert {str(each) for each in ours if each > 526_001} == {
        row["lighthouse_request_id"] for row in rows if row["lightkeeper"] == "pending"
    }
    late = {"LIGHTKEEPER_STUCK_AFTER": "96h", "LIGHTKEEPER_OVERDUE_AFTER": "96h"}
    assert "15 compared, 2 disagree" in compare(env | late).stdout


def test_where_they_agree_nothing_is_listed(source, rig, env):
    """Status 0; what was created before is left out where that is wanted."""
    known(rig, [526_001])
    source.execute(INSERT, (1, "526001", "pending", 1))
    source.execute(INSERT, (1, "526002", "pending", 30))

    done = compare(env, "--since", "1d")
    assert (0, "1 compared, 0 disagree\n") == (done.returncode, done.stdout)
    assert 1 == compare(env).returncode


def test_memory_stays_the_same_however_many_rows_there_are(source, env):
    """It grows by less than a tenth of what the rows would take."""

    def peak(count):
        source.execute("TRUNCATE lighthouse526_document_uploads")
        source.execute(
            "INSERT INTO lighthouse526_document_uploads (form526_submission_id, aasm_state,"
            " lighthouse_document_request_id, document_type, created_at)"
            " SELECT n, 'pending', (1000000 + n)::text, 'Form 0781',"
            " now() AT TIME ZONE 'UTC' - n * interval '1 second'"
            " FROM generate_series(1, %s) AS n",
            (count,),
        )
        status, kib = peak_memory("compare", "vets-api", env=env)
        assert 1 == status
        return kib

    small = peak(5_000)
    assert peak(60_000) - small < 8_000  # KiB

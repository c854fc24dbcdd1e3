"""Poison, outages, rate limits and clocks: no document waits for ever, no signal is wrong."""

import os
import subprocess
import sys
from contextlib import closing

import command_line
import pytest
from daemon_rig import DaemonRig

from lightkeeper.domain.answer import StatusReport
from lightkeeper.domain.document import Document
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY
from lightkeeper.polling.poller import Poller, State
from lightkeeper.service.stop import Stop
from lightkeeper.store.database import AlreadyWatched, open_database
from lightkeeper.telemetry.logging import redact

CLAIMS, BGS = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"


@pytest.fixture
def watch(tmp_path):
    """A daemon between a simulated Lighthouse and Agent, on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as running:
        yield running


@pytest.mark.parametrize("every", [25, 12])
def test_many_poisoned_ids_keep_no_other_from_an_answer(watch, every):
    """With one poisoned id in every few, some passes bring every other document its answer."""
    ids = watch.track(300)
    poisoned = ids[5::every]
    for request_id in poisoned:
        watch.lighthouse.poison(request_id)

    healthy = 300 - len(poisoned)
    for _ in range(40):
        watch.poll()
        watch.clock.now += 3_600
        if watch.statuses()["done"] == healthy:
            break

    assert {"done": healthy, "pending": len(poisoned)} == watch.statuses()


def test_a_poisoned_id_in_the_only_batch_is_found_by_one_pass_from_cron(watch):
    """A pass learns by a probe of its own that Lighthouse answers."""
    ids = watch.track(50)
    watch.lighthouse.poison(ids[7], 504)

    result = watch.poll()

    assert {"done": 49, "pending": 1} == watch.statuses()
    assert not result.incomplete


def test_a_pass_does_not_wait_for_the_rate_limit_after_its_last_call(watch):
    """When the last call uses up the rate limit, the pass is over all the same."""
    watch.track(1)
    watch.lighthouse.fail_next(0)
    watch.poller._lighthouse.budget.update(200, {})
    began = watch.clock.now
    real = watch.poller._lighthouse.budget.update

    def used_up(status, headers):
        real(status, {**headers, "RateLimit-Remaining": "0", "RateLimit-Reset": "400"})

    watch.poller._lighthouse.budget.update = used_up

    result = watch.poll()

    assert (1, False) == (result.polled, result.incomplete)
    assert watch.clock.now - began < 5


def test_an_outage_that_names_a_time_still_ends_the_pass_soon(watch):
    """503 with Retry-After is an outage, no rate limit: the pass ends within half a minute."""
    watch.track(200)
    watch.lighthouse.fail_next(1_000, 503, headers={"Retry-After": "60"})
    began = watch.clock.now

    result = watch.poll()

    assert result.incomplete
    assert watch.clock.now - began < 30


def test_while_lighthouse_is_down_no_slice_is_a_success(watch):
    """A slice between two failed calls is no success, and a gauge has how long calls fail."""
    watch.track(50)
    watch.lighthouse.down("refuse")
    service = watch.daemon.loop()
    with Stop().on_signals() as stop:
        for _ in range(90):
            service.poll_slice(stop)
            watch.clock.now += 1
    watch.health.pulse()

    assert 0 == watch.agent.count("lightkeeper.cycle.success")
    assert watch.agent.gauge("lightkeeper.poll.failing_for") > 60


def test_an_outage_does_not_pile_documents_up_in_memory(watch):
    """So many documents are in flight at most; the others stay in the store."""
    watch.track(5_000)
    watch.lighthouse.down("refuse")

    watch.steps(200)

    assert len(watch.poller._in_flight) <= 2_100


def test_a_batch_size_learned_from_413_is_tried_again_later(tmp_path):
    """A gateway that answered 413 for a moment does not make batches small for ever."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path, batch_size=8) as watch:
        watch.track(2_000)
        watch.lighthouse.fail_next(3, 413, body={"message": "Request size limit exceeded"})

        watch.poll()

        assert [8] * 20 == [len(call.ids) for call in watch.calls()[-22:-2]]


def test_the_same_failure_twice_leaves_a_proven_efolder(watch):
    """A recheck with the same answer does not have the veteran send the document again."""
    document = Document(
        1,
        21,
        "form_0781",
        0,
        0,
        "pending",
        "waiting",
        None,
        "{}",
        "none",
        *[None] * 8,
        0,
        None,
        None,
        None,
    )
    proven = StatusReport(
        21, "IN_PROGRESS", ((CLAIMS, "SUCCESS"), (BGS, "IN_PROGRESS")), None, None, None, None, ""
    )
    denied = StatusReport(21, "FAILED", ((CLAIMS, "FAILED"),), None, None, CLAIMS, None, "")
    for now, report in enumerate((proven, denied, denied, denied), start=1):
        document, change = interpret(document, report, Policy(), now)

    assert 1 == document.in_efolder_at
    assert change is None


def test_after_a_clock_ran_ahead_every_document_is_polled(watch):
    """A document due later than any schedule allows is due at the next start."""
    (request_id,) = watch.track(1, "stuck_bgs")
    watch.clock.now += 365 * 86_400
    watch.poll()
    watch.clock.now -= 365 * 86_400

    watch.documents.pull_in(watch.clock.instant())

    assert [request_id] == [d.request_id for d in watch.documents.due(watch.clock.instant(), 9)]


def test_after_a_clock_is_set_back_every_document_is_polled(watch):
    """Documents polled or postponed an hour ahead of the clock are polled at once."""
    watch.track(20, "stuck_bgs", age=3_600.0)
    watch.clock.now += 3_600
    watch.poll()
    watch.track_ids([5])
    watch.clock.now -= 3_600
    calls = len(watch.calls())

    watch.poller.step()

    assert [21] == [len(call.ids) for call in watch.calls()[calls:]]


def test_what_is_due_by_its_schedule_is_not_pulled_in(watch):
    """Only a time that no schedule gives is pulled in."""
    watch.track(5, "fails_bgs", age=100.0)
    watch.poll()

    watch.documents.pull_in(watch.clock.instant())

    assert [] == watch.documents.due(watch.clock.instant(), 9)
    assert watch.rows("next_poll_at")[0][0] <= watch.clock.instant() + DAY


def test_one_store_has_one_daemon_under_all_its_names(tmp_path):
    """A symbolic link to the store is the same store."""
    with closing(open_database(f"sqlite:///{tmp_path}/store.db", create=True)) as first:
        first.claim()
        (tmp_path / "other.db").symlink_to(tmp_path / "store.db")
        second = open_database(f"sqlite:///{tmp_path}/other.db", create=False)
        with closing(second), pytest.raises(AlreadyWatched):
            second.claim()


@pytest.mark.parametrize(
    "text",
    [
        "Veteran with ICN 1012667145V762142 not found",
        "participant 600061742, fileNumber 796043735 invalid",
        "participantId: 600061742",
        "SSN 796043735",
    ],
)
def test_identifiers_of_a_person_do_not_reach_a_log(text):
    """ICN, file number, participant id and SSN are blanked, with dashes or without."""
    assert not [part for part in ("1012667145", "600061742", "796043735") if part in redact(text)]


def test_a_secret_put_where_a_path_belongs_is_not_printed(lighthouse_key, tmp_path):
    """A key in …_FILE by mistake is refused, and is not in the output."""
    env = command_line.environment(
        tmp_path / "store.db", LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE=lighthouse_key
    )

    out = command_line.run("run", env=env)

    assert 78 == out.returncode
    assert lighthouse_key.split("\n")[1] not in out.stdout + out.stderr


@pytest.fixture
def lighthouse_key():
    """A private key."""
    from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

    return SimulatedLighthouse().private_key_pem


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_output_that_cannot_be_written_is_reported_in_a_line(tmp_path):
    """A full disk behind the output brings one line, a status of its own and no traceback."""
    env = command_line.environment(tmp_path / "store.db")
    command_line.run(
        "track", "--request-id", 1, "--submission-id", 1, "--document-type", "form_0781", env=env
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123
        out = subprocess.run(
            [sys.executable, "-m", "lightkeeper", "status"],
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert 74 == out.returncode
    assert ["lightkeeper: No space left on device"] == out.stderr.splitlines()


def test_the_poller_is_idle_only_with_nothing_in_flight(watch):
    """IDLE means that nothing is due and no batch waits for its retry."""
    watch.track(1)
    watch.lighthouse.down("refuse")
    watch.steps(1)

    assert isinstance(watch.poller, Poller)
    assert State.WAITING is watch.poller.step().state

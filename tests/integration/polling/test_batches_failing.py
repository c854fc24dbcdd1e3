"""Calls about several documents fail, calls about one are answered: the endpoint is ill."""

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import command_line
import pytest
from daemon_rig import DaemonRig
from running_daemon import RunningDaemon
from structlog.testing import capture_logs

from lightkeeper.alerting.files.definitions import load
from lightkeeper.service.status_line import status_line
from lightkeeper.service.stop import Stop
from lightkeeper.simulation.drills.world import World
from lightkeeper.telemetry.health import CRITICAL, OK

MONITORS = Path(__file__).parents[3] / "monitors"
DAY = 86_400.0
MINUTE = 60
BATCHES, POLLING = "lightkeeper.poll.batch_endpoint", "lightkeeper.polling"


def _fail_batches(lighthouse, how):
    if isinstance(how, int):
        lighthouse.fail_share(1.0, how, path="status")
    else:
        lighthouse.down(how, "status")


class _Watched:
    """A world without monitors, and its calls: when each was made, and whether about several."""

    def __init__(self, folder):
        assets = replace(load(MONITORS), monitors={}, slos={})  # nothing is evaluated here
        self.world = World(folder, assets, seed=526, an_hour=0)
        self.calls = []
        self.alone = []
        self.seconds_alone = 0.0
        """How long Lighthouse takes for a call about one document."""
        serve = self.world.lighthouse.serve

        def noted(request):
            if request.path.endswith("/status"):
                several = request.method == "POST"
                self.calls.append((self.world.clock.now, several))
                if not several:
                    self.world.clock.now += self.seconds_alone
                    self.alone.append(int(request.path.split("/")[-2]))
            return serve(request)

        self.world.lighthouse.serve = noted

    def answered(self):
        """How many documents have had an answer."""
        ((count,),) = self.world.desk.rows(
            "SELECT COUNT(*) FROM form_526_document_submissions WHERE last_answered_at IS NOT NULL"
        )
        return count


@pytest.mark.parametrize("how", [502, "hang", "empty"])
def test_all_are_asked_about_singly_within_the_budget(tmp_path, how):
    """900 in 16 minutes at 60 calls a minute, with ever rarer trials; afterwards in batches."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world, capture_logs() as logs:
        _fail_batches(world.lighthouse, how)
        world.track(900, "stuck_bgs", age=2 * DAY)
        world.advance(16 * MINUTE)

        assert 900 == watched.answered()
        assert 890 <= len(set(watched.alone[:900]))
        several = [at - watched.calls[0][0] for at, many in watched.calls if many]
        trials = [max(at for at in several if at < MINUTE), *(at for at in several if at > MINUTE)]
        assert 6 >= len(several) - len(trials) + 1
        pauses = [(later - at) // MINUTE for at, later in pairwise(trials)]
        assert [1, 2, 4, 4] == pauses[:4]
        said = [line for line in logs if line["event"] == "poll.batches.failing"]
        assert len(trials) == len(said)  # each says that it lasts
        world.lighthouse.clear_faults()
        before = len(watched.calls)
        world.advance(60 * MINUTE)

        later = [many for _, many in watched.calls[before:]]
        assert 4 * MINUTE >= later.index(True)
        assert 7 <= sum(later) <= 30
        assert 310 >= len(later) - sum(later)


@pytest.fixture
def watch(tmp_path, request):
    """A daemon between a simulated Lighthouse and Agent; calls that hang do not hang long."""
    deadline = 0.5 if "hang" in request.node.name else 10.0
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path, deadline=deadline) as running:
        yield running


def _checks(watch):
    """Status and message of the batches' check, and the status of polling."""
    watch.agent.clear()
    watch.health.pulse()
    found = {each.name: each for each in watch.agent.checks}
    return found[BATCHES].status, found[BATCHES].message, found[POLLING].status


FORMS = [
    *(400, 401, 403, 404, 413, 429, 502),
    *("hang", "refuse", "garbage", "redirect", "empty", "close_mid_body"),
]


@pytest.mark.parametrize("how", FORMS)
def test_the_daemon_says_so_while_it_lasts(watch, how, capsys):
    """Service check, status line and log name it, once at the begin and once at the end."""
    watch.track(450, "stuck_bgs", age=3 * DAY)
    _fail_batches(watch.lighthouse, how)
    watch.steps(60)
    watch.health.slice_ended(calm=False, recorded=True)
    assert (CRITICAL, "batches fail: documents are polled singly", OK) == _checks(watch)
    watch.clock.now += 180
    line = status_line(None, [], watch.health.calls(), [], 0)
    assert "batches fail, documents polled singly for 3 min" in line

    watch.lighthouse.clear_faults()
    watch.steps(5)
    watch.health.slice_ended(calm=False, recorded=True)

    assert (OK, "", OK) == _checks(watch)
    assert "singly" not in status_line(None, [], watch.health.calls(), [], 0)
    said = capsys.readouterr()
    assert [1, 1] == [
        (said.out + said.err).count(f"poll.batches.{event} ") for event in ("failing", "resumed")
    ]


@pytest.mark.parametrize("how", [404, "hang"])
def test_youngest_and_oldest_are_asked_about_first(tmp_path, how):
    """Four of five are the ones due last, one is the one due longest."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        world.daemon.hang(asleep=True)
        world.track(900, "stuck_bgs", age=2 * DAY)
        world.advance(60 * MINUTE)
        young = world.track(900, "stuck_bgs", age=1 * MINUTE)
        _fail_batches(world.lighthouse, how)
        world.daemon.hang(asleep=False)
        world.advance(10 * MINUTE)

        asked = watched.alone[20:]
        assert len(asked) == len(set(asked))
        share = len(set(asked) & set(young)) / len(asked)
        assert 0.4 <= share <= 0.85


def test_culprits_are_found_while_documents_are_polled_singly(tmp_path):
    """One that fails alone too is blamed and polled ever more rarely; the others are answered."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        _fail_batches(world.lighthouse, 502)
        ids = world.track(200)
        world.lighthouse.poison(ids[77], 500)
        world.advance(60 * MINUTE)

        (row,) = world.desk.rows(
            "SELECT lighthouse_request_id, trouble_count FROM form_526_document_submissions "
            "WHERE lighthouse_status = 'pending'"
        )
        assert (ids[77], True) == (row[0], 5 <= row[1] <= 7)


def test_an_outage_that_follows_ends_it(watch):
    """Where calls about one document fail too, the fault is not the batches'."""
    watch.track(300, "stuck_bgs", age=3 * DAY)
    _fail_batches(watch.lighthouse, 502)
    watch.steps(30)
    assert watch.poller.report().singly_seconds is not None
    watch.lighthouse.fail_share(1.0, 502, path=None)
    watch.steps(15)

    assert watch.poller.report().singly_seconds is None
    watch.lighthouse.clear_faults()
    watch.clock.now += 61  # what failed calls put off is due again
    before = len(watch.calls())
    watch.poll()
    assert 50 <= max(len(call.ids) for call in watch.calls()[before:])


def test_two_culprits_in_different_batches_are_no_ill_endpoint(watch):
    """A call about two documents that were answered before shows it, and batches go on."""
    ids = watch.track(400)
    for at in (10, 110, 210):
        watch.lighthouse.poison(ids[at], 502)

    watch.poll()

    assert {"done": 397, "pending": 3} == watch.statuses()
    assert 90 >= len(watch.calls())
    assert watch.poller.report().singly_seconds is None


class _Waiting(Stop):
    """Waits by moving simulated time on."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def wait(self, seconds):
        self._clock.now += max(seconds, 0.0)


@pytest.mark.parametrize("count", [40, 101, 250, 5_000])
@pytest.mark.parametrize("how", [404, 413, 502, "hang", "redirect", "empty"])
def test_a_pass_ends_within_40_seconds_and_says_why(tmp_path, how, count):
    """However many are due; it has polled some of them singly, and a pass after it others."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        daemon = world.daemon._daemon
        _fail_batches(world.lighthouse, how)
        world.track(count, "stuck_bgs", age=2 * DAY)
        began = world.clock.now

        result = daemon.run_once().run(_Waiting(world.clock))

        assert world.clock.now - began <= 40
        assert (True, "batches fail while") == (result.incomplete, result.reason[:18])
        assert min(count, 8) <= watched.answered()


@pytest.mark.parametrize("count", [40, 5_000])
@pytest.mark.parametrize("how", [502, "hang", "empty"])
@pytest.mark.parametrize("known", [0, 1, 3])
def test_a_pass_ends_within_40_seconds_where_most_documents_are_not_found(
    tmp_path, how, count, known
):
    """A 404 for one document does not tell which call to make next: others are polled singly."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        _fail_batches(world.lighthouse, how)
        world.track(known, "stuck_bgs", age=2 * DAY)
        world.track(count - known, "lost", age=2 * DAY)
        began = world.clock.now

        result = world.daemon._daemon.run_once().run(_Waiting(world.clock))

        assert world.clock.now - began <= 40
        assert (True, "batches fail while") == (result.incomplete, result.reason[:18])
        assert min(count, 8) <= watched.answered()


@pytest.mark.parametrize("count", [2, 250])
@pytest.mark.parametrize("seconds_alone", [4.9, 7.0, 9.0, 9.7])
def test_a_pass_ends_within_40_seconds_where_lighthouse_is_slow(tmp_path, seconds_alone, count):
    """Batches end as timeouts, and a call about one document takes seconds."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        _fail_batches(world.lighthouse, "hang")
        watched.seconds_alone = seconds_alone
        world.track(count, "stuck_bgs", age=2 * DAY)
        began = world.clock.now

        result = world.daemon._daemon.run_once().run(_Waiting(world.clock))

        assert world.clock.now - began <= 39
        assert (True, "batches fail while") == (result.incomplete, result.reason[:18])


@pytest.mark.parametrize("how", [502, "hang", "redirect"])
def test_a_pass_polls_no_young_document_twice(tmp_path, how):
    """Not those either that showed that calls about one document are answered."""
    watched = _Watched(tmp_path)
    with closing(watched.world) as world:
        _fail_batches(world.lighthouse, how)
        world.track(40, "stuck_bgs", age=0)

        result = world.daemon._daemon.run_once().run(_Waiting(world.clock))

        assert watched.answered() == result.polled >= 25


@pytest.mark.parametrize("count", [40, 250])
def test_a_pass_ends_where_every_batch_is_answered_429(watch, count):
    """Calls about one document are answered: it is no rate limit, and each is polled singly."""
    watch.track(count, "stuck_bgs", age=2 * DAY)
    _fail_batches(watch.lighthouse, 429)
    began = watch.clock.now

    result = watch.poll()

    assert watch.clock.now - began <= 40
    assert (True, "batches fail while") == (result.incomplete, result.reason[:18])
    assert count == len(watch.rows("id", "last_answered_at > 0"))


def test_a_pass_of_the_real_process_ends_with_75(tmp_path):
    """The reason is on its last line, and the documents that it polled have answers."""
    with RunningDaemon(tmp_path) as running:
        running.lighthouse.down("redirect", "status")
        running.track(120)

        done = command_line.run("poll", env=running.env)

        assert 75 == done.returncode
        assert "batches fail while calls about one document are answered" in done.stderr
        assert 120 == len(
            running.rows("SELECT 1 FROM form_526_document_submissions WHERE last_answered_at > 0")
        )

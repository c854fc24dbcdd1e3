"""The faults: what each does to the world, and when it is over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightkeeper.casework.triage import Action
from lightkeeper.simulation.drills.upstream import CALLS_A_MINUTE, held_up
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.simulation.lighthouse.stories import CLAIMS_EVIDENCE, GATEWAY

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
HEALTHY: Final = "healthy"
_TO_SEND_AGAIN: Final = ("form_0781",)
"""Of a type that is lost to the claim unless the veteran sends it again."""

Course: TypeAlias = Callable[[World], Iterator[float]]
"""Changes the world and yields how many seconds to wait, again and again; returns at the end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, in a world that was well for an hour before."""

    name: str
    says: str
    course: Course
    settles: float = 80 * MINUTE
    """How long the world is watched after it is over."""
    an_hour: float = DOCUMENTS_AN_HOUR
    weight: int = 0
    """How long it takes to run, beside the others."""


def healthy(days: float) -> Fault:
    """Days with nine failures each, all acknowledged by staff; nothing else is wrong."""

    def course(world: World) -> Iterator[float]:
        stories = ("fails_claims_evidence", "fails_bgs", "fails_unknown", "fails_cleanup")
        gap, acknowledged_after = DAY / 9, (7 * MINUTE, 22 * MINUTE, 13 * MINUTE)
        for turn in range(round(9 * days)):
            story, wait = stories[turn % 4], acknowledged_after[turn % 3]
            if story != "fails_cleanup":  # it is delivered all the same
                world.mark()
            world.track(1, story)
            yield wait
            world.staff(Action.ACK)
            yield gap - wait

    says = f"{days:g} days at real volume, nine failures a day, each acknowledged"
    return Fault(HEALTHY, says, course, weight=10)


def _single(story: str, count: int = 1, acknowledged_after: float = 20 * MINUTE) -> Course:
    def course(world: World) -> Iterator[float]:
        world.track(count, story, types=_TO_SEND_AGAIN)
        yield acknowledged_after
        world.staff(Action.ACK)

    return course


def _surge(world: World) -> Iterator[float]:
    for _ in range(20):
        world.track(15, "fails_claims_evidence")
        yield 1 * MINUTE
    yield 5 * MINUTE
    world.staff(Action.ACK)


def _stalled(step: str) -> Course:
    def course(world: World) -> Iterator[float]:
        ends_at = world.clock.now + 60 * HOUR
        world.story = lambda: held_up(step, ends_at - world.clock.now)
        yield 60 * HOUR
        world.story = lambda: "success"

    return course


def _outage(world: World) -> Iterator[float]:
    world.lighthouse.down("hang")
    yield 2 * HOUR
    world.lighthouse.up()


def _server_errors(world: World) -> Iterator[float]:
    world.lighthouse.fail_share(1.0, 503, path=None)
    yield 2 * HOUR
    world.lighthouse.clear_faults()


def _batches_fail(world: World) -> Iterator[float]:
    world.lighthouse.fail_share(1.0, 503, path="status")
    yield 5 * HOUR
    world.lighthouse.clear_faults()


def _flaky(world: World) -> Iterator[float]:
    body: dict[str, object] = {"status": 500, "error": "Failed to verify payload."}
    world.lighthouse.fail_share(0.1, 500, body, path=None)
    yield DAY
    world.lighthouse.clear_faults()


def _mostly_failing(world: World) -> Iterator[float]:
    body: dict[str, object] = {"status": 500, "error": "Failed to verify payload."}
    world.lighthouse.fail_share(0.98, 500, body, path=None)
    yield 4 * HOUR
    world.lighthouse.clear_faults()


def _key_revoked(world: World) -> Iterator[float]:
    world.lighthouse.fail_share(1.0, 401, {"error": "invalid_client"}, path="token")
    world.lighthouse.expire_tokens()
    yield 1 * HOUR
    world.lighthouse.clear_faults()


def _rate_limited(world: World) -> Iterator[float]:
    world.lighthouse.share_rate(0)
    yield 90 * MINUTE
    world.lighthouse.share_rate(CALLS_A_MINUTE)


def _purged(world: World) -> Iterator[float]:
    world.track(40, "purged")
    yield 1 * HOUR
    world.staff(Action.ACK)


def _backlog(world: World) -> Iterator[float]:
    world.track(500_000, age=1 * HOUR)
    yield 90 * MINUTE


def _killed(seconds: float) -> Course:
    def course(world: World) -> Iterator[float]:
        world.kill_daemon()
        yield seconds
        world.start_daemon()

    return course


def _store_removed(world: World) -> Iterator[float]:
    world.remove_store()
    yield 5 * MINUTE


def _crash_loop(world: World) -> Iterator[float]:
    for _ in range(12):
        world.kill_daemon()
        yield 20
        world.start_daemon()
        yield 5 * MINUTE


def _restarted(world: World) -> Iterator[float]:
    world.track(1, "fails_claims_evidence", types=_TO_SEND_AGAIN)
    yield 1 * HOUR
    world.kill_daemon()
    yield 45 * MINUTE
    world.start_daemon()
    yield 1 * HOUR
    world.staff(Action.ACK)


def _hung(world: World) -> Iterator[float]:
    if world.daemon is not None:
        world.daemon.hang(asleep=True)
        yield 30 * MINUTE
        world.daemon.hang(asleep=False)


def _read_only(world: World) -> Iterator[float]:
    if world.daemon is not None:
        world.daemon.look_closely()
    world.track(1)
    world.track(1, held_up(CLAIMS_EVIDENCE, 1 * HOUR))  # with nothing to poll, polling is well
    while world.daemon is not None and not world.daemon.has_unpublished():
        yield 0.5  # what is learned and unpublished must not be lost
    world.read_only(True)
    yield 30 * MINUTE
    world.read_only(False)


def _agent_unreachable(world: World) -> Iterator[float]:
    world.agent.stop()
    yield 30 * MINUTE
    world.agent.start()


def _intake_stops(world: World) -> Iterator[float]:
    world.set_intake(0)
    yield 8 * HOUR
    world.set_intake(DOCUMENTS_AN_HOUR)


def _empty(world: World) -> Iterator[float]:
    world.lighthouse.down("empty", "status")
    world.lighthouse.fail_share(1.0, 200, {"data": {}}, path="single")
    yield 1 * HOUR
    world.lighthouse.clear_faults()


def _imported(world: World) -> Iterator[float]:
    world.track(50_000, "stuck_claims_evidence", age=10 * DAY)
    yield 1 * HOUR
    world.staff(Action.ACK)


def _closed(world: World) -> Iterator[float]:
    world.track(10_000, "stuck_claims_evidence", age=10 * DAY)
    yield 5 * MINUTE
    world.staff(Action.CLOSE)
    yield 1 * HOUR


def _unknown_step(world: World) -> Iterator[float]:
    world.story = lambda: "unknown_step"
    yield 1 * HOUR
    world.story = lambda: "success"


def _recovers(world: World) -> Iterator[float]:
    world.track(3, "recovers")
    yield 20 * MINUTE
    world.staff(Action.ACK)
    yield 1 * HOUR


def _nonsense(world: World) -> Iterator[float]:
    (request_id,) = world.track(1)
    world.lighthouse.answer(request_id, {"requestId": request_id, "status": 7})
    yield 5 * HOUR
    world.lighthouse.is_known_again(request_id)


_ALL: Final = (
    healthy(7),
    Fault(
        "failed-claims-evidence",
        "a document fails at CLAIMS_EVIDENCE",
        _single("fails_claims_evidence"),
    ),
    Fault("failed-bgs", "a document fails at BENEFITS_GATEWAY_SERVICE", _single("fails_bgs")),
    Fault("failed-cleanup", "a document fails at REMOVE_FILE_BINARY", _single("fails_cleanup")),
    Fault("failed-unknown", "a document fails, no step is named", _single("fails_unknown")),
    Fault(
        "failure-ignored",
        "a failure stays unacknowledged for six hours",
        _single("fails_claims_evidence", acknowledged_after=6 * HOUR),
    ),
    Fault("failure-surge", "300 documents fail within 20 minutes", _surge),
    Fault("failures-recover", "three failures become successes", _recovers),
    Fault("contradictory", "a success with a failed step", _single("contradictory")),
    Fault(
        "stalled-claims-evidence",
        "CLAIMS_EVIDENCE stalled for 60 hours",
        _stalled(CLAIMS_EVIDENCE),
        an_hour=10,
        settles=3 * HOUR,
        weight=5,
    ),
    Fault(
        "stalled-bgs",
        "BENEFITS_GATEWAY_SERVICE stalled for 60 hours",
        _stalled(GATEWAY),
        an_hour=10,
        settles=3 * HOUR,
        weight=4,
    ),
    Fault("outage", "no call is answered for two hours", _outage),
    Fault("server-errors", "every call ends in 503 for two hours", _server_errors),
    Fault(
        "batches-fail",
        "503 for every batch for five hours, answers for single documents",
        _batches_fail,
    ),
    Fault("flaky", "10 % of calls end in 500 for a day", _flaky, an_hour=30, weight=3),
    Fault("mostly-failing", "98 % of calls end in 500 for four hours", _mostly_failing),
    Fault("key-revoked", "no token for an hour", _key_revoked),
    Fault("rate-limited", "every call ends in 429 for 90 minutes", _rate_limited),
    Fault("purged", "Lighthouse forgets 40 documents", _purged),
    Fault("empty-answers", "200 with empty lists for an hour", _empty),
    Fault("nonsense", "nonsense answers for one document for five hours", _nonsense),
    Fault("unknown-step", "a new step in every answer for an hour", _unknown_step),
    Fault("backlog", "500,000 documents are due at once", _backlog, weight=6),
    Fault(
        "import", "50,000 documents ten days old are tracked", _imported, settles=HOUR, weight=2
    ),
    Fault(
        "import-closed",
        "10,000 documents ten days old are tracked, and closed five minutes later",
        _closed,
        settles=HOUR,
    ),
    Fault("intake-stops", "no document is tracked for eight hours", _intake_stops),
    Fault("daemon-killed", "the daemon is down for 30 minutes", _killed(30 * MINUTE)),
    Fault("daemon-down", "the daemon is down for 60 hours", _killed(60 * HOUR), an_hour=20),
    Fault(
        "store-removed", "the store is removed, and the daemon starts on a new one", _store_removed
    ),
    Fault("crash-loop", "the daemon ends every five minutes for an hour", _crash_loop),
    Fault(
        "failure-and-restart",
        "a failure stays unacknowledged while the daemon is down for 45 minutes",
        _restarted,
    ),
    Fault("daemon-hung", "the daemon hangs for 30 minutes", _hung),
    Fault("database-read-only", "the store cannot be written for 30 minutes", _read_only),
    Fault(
        "agent-unreachable", "the Datadog Agent is unreachable for 30 minutes", _agent_unreachable
    ),
)
FAULTS: Final = {fault.name: fault for fault in _ALL}

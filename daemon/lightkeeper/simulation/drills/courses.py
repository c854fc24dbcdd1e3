"""What happens in a drill: each course changes the world, step by step."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, TypeAlias

from lightkeeper.casework.triage import Action
from lightkeeper.domain.document import Condition
from lightkeeper.simulation.drills.upstream import CALLS_A_MINUTE, held_up
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.simulation.lighthouse.stories import CLAIMS_EVIDENCE
from lightkeeper.telemetry.tags import DOCUMENT_TYPES

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_TO_SEND_AGAIN: Final = ("form_0781",)
"""Of a type that is lost to the claim unless the veteran sends it again."""
_OTHER_TYPES: Final = tuple(kind for kind in DOCUMENT_TYPES if kind not in _TO_SEND_AGAIN)

Course: TypeAlias = Callable[[World], Iterator[float]]
"""Changes the world and yields how many seconds to wait, again and again; returns at the end."""


def single(story: str, count: int = 1) -> Course:
    def course(world: World) -> Iterator[float]:
        world.track(count, story, types=_TO_SEND_AGAIN)
        yield 20 * MINUTE
        world.staff(Action.ACK)

    return course


def ignored(world: World) -> Iterator[float]:
    world.track(1, "fails_claims_evidence", types=_TO_SEND_AGAIN)
    world.track(1, "stuck_claims_evidence", age=10 * DAY)
    yield 5 * MINUTE
    world.staff(Action.ACK, {Condition.OVERDUE}, ago=8 * DAY)
    yield 17 * HOUR - 5 * MINUTE
    world.staff(Action.CLOSE, {Condition.ACKNOWLEDGED})
    world.staff(Action.ACK)


def everything(world: World) -> Iterator[float]:
    for story in ("fails_claims_evidence", "fails_bgs", "contradictory", "purged", "unknown_step"):
        world.track(30, story)
    world.track(30, "stuck_claims_evidence", age=10 * DAY)
    yield 45 * MINUTE
    world.set_intake(0)
    world.lighthouse.down("hang")
    yield 45 * MINUTE
    world.read_only(True)
    yield 15 * MINUTE
    world.kill_daemon()
    yield 30 * MINUTE


def surge(world: World) -> Iterator[float]:
    for _ in range(20):
        world.track(15, "fails_claims_evidence")
        yield 1 * MINUTE
    yield 5 * MINUTE
    world.staff(Action.ACK)


def failing(an_hour: int) -> Course:
    def course(world: World) -> Iterator[float]:
        acknowledged_at = world.clock.now
        for _ in range(8 * an_hour):
            world.track(1, "fails_claims_evidence", types=_TO_SEND_AGAIN)
            yield HOUR / an_hour
            if world.clock.now - acknowledged_at >= 15 * MINUTE:
                world.staff(Action.ACK)
                acknowledged_at = world.clock.now

    return course


def imported_failures(world: World) -> Iterator[float]:
    world.track(2_000, "fails_claims_evidence", age=10 * DAY)
    yield 1 * HOUR
    world.staff(Action.ACK)


def stalled(step: str, hours: float) -> Course:
    def course(world: World) -> Iterator[float]:
        ends_at = world.clock.now + hours * HOUR
        world.story = lambda: held_up(step, ends_at - world.clock.now)
        yield hours * HOUR
        world.story = lambda: "success"

    return course


def most_wait(hours: float, one_moves_of: int) -> Course:
    def course(world: World) -> Iterator[float]:
        ends_at, stories = world.clock.now + hours * HOUR, count()
        world.story = lambda: (
            held_up(CLAIMS_EVIDENCE, ends_at - world.clock.now)
            if next(stories) % one_moves_of
            else "success"
        )
        yield hours * HOUR
        world.story = lambda: "success"

    return course


def type_waits(hours: float) -> Course:
    def course(world: World) -> Iterator[float]:
        ends_at = world.clock.now + hours * HOUR
        world.set_intake(0)
        while world.clock.now < ends_at:
            world.track(4, types=_OTHER_TYPES)
            world.track(
                2, held_up(CLAIMS_EVIDENCE, ends_at - world.clock.now), types=_TO_SEND_AGAIN
            )
            yield 5 * MINUTE
        world.set_intake(DOCUMENTS_AN_HOUR)

    return course


def outage(world: World) -> Iterator[float]:
    world.lighthouse.down("hang")
    yield 2 * HOUR
    world.lighthouse.up()


def server_errors(world: World) -> Iterator[float]:
    world.lighthouse.fail_share(1.0, 503, path=None)
    yield 2 * HOUR
    world.lighthouse.clear_faults()


def batches_fail(world: World) -> Iterator[float]:
    world.lighthouse.down("hang", "status")
    yield 1.5 * HOUR  # a document that is not polled is unobserved after two
    world.lighthouse.up()
    world.lighthouse.fail_share(1.0, 503, path="status")
    yield 1.5 * HOUR
    world.lighthouse.clear_faults()


def flaky(world: World) -> Iterator[float]:
    body: dict[str, object] = {"status": 500, "error": "Failed to verify payload."}
    world.lighthouse.fail_share(0.1, 500, body, path=None)
    yield 4 * HOUR
    world.lighthouse.clear_faults()


def mostly_failing(world: World) -> Iterator[float]:
    body: dict[str, object] = {"status": 500, "error": "Failed to verify payload."}
    world.lighthouse.fail_share(0.98, 500, body, path=None)
    yield 3 * HOUR
    world.lighthouse.clear_faults()


def key_revoked(world: World) -> Iterator[float]:
    world.lighthouse.fail_share(1.0, 401, {"error": "invalid_client"}, path="token")
    world.lighthouse.expire_tokens()
    yield 1 * HOUR
    world.lighthouse.clear_faults()


def rate_limited(world: World) -> Iterator[float]:
    world.lighthouse.share_rate(0)
    yield 90 * MINUTE
    world.lighthouse.share_rate(CALLS_A_MINUTE)


def purged(world: World) -> Iterator[float]:
    world.track(40, "purged")
    yield 1 * HOUR
    world.staff(Action.ACK)


def backlog(world: World) -> Iterator[float]:
    world.track(500_000, age=1 * HOUR)
    yield 90 * MINUTE


def killed(seconds: float) -> Course:
    def course(world: World) -> Iterator[float]:
        world.kill_daemon()
        yield seconds
        world.start_daemon()

    return course


def store_removed(world: World) -> Iterator[float]:
    world.remove_store()
    yield 5 * MINUTE


def store_rolled_back(world: World) -> Iterator[float]:
    world.copy_store()
    yield 10 * MINUTE
    world.mark()
    world.roll_back_store()
    yield 5 * MINUTE


def crash_loop(world: World) -> Iterator[float]:
    for _ in range(12):
        world.kill_daemon()
        yield 20
        world.start_daemon()
        yield 5 * MINUTE


def restarted(world: World) -> Iterator[float]:
    world.track(1, "fails_claims_evidence", types=_TO_SEND_AGAIN)
    yield 1 * HOUR
    world.kill_daemon()
    yield 45 * MINUTE
    world.start_daemon()
    yield 1 * HOUR
    world.staff(Action.ACK)


def hung(world: World) -> Iterator[float]:
    if world.daemon is not None:
        world.daemon.hang(asleep=True)
        yield 30 * MINUTE
        world.daemon.hang(asleep=False)


def read_only(world: World) -> Iterator[float]:
    if world.daemon is not None:
        world.daemon.look_closely()
    world.track(1)
    world.track(1, held_up(CLAIMS_EVIDENCE, 1 * HOUR))  # with nothing to poll, polling is well
    while world.daemon is not None and not world.daemon.has_unpublished():
        yield 0.5  # what is learned and unpublished must not be lost
    world.read_only(True)
    yield 30 * MINUTE
    world.read_only(False)


def agent_unreachable(world: World) -> Iterator[float]:
    world.agent.stop()
    yield 30 * MINUTE
    world.agent.start()


def intake_falls(world: World) -> Iterator[float]:
    world.set_intake(0)
    for _ in range(4 * 23):
        world.track(1)
        yield 15 * MINUTE
    world.track(1_000)
    world.set_intake(DOCUMENTS_AN_HOUR)


def type_stops(world: World) -> Iterator[float]:
    world.track(600, types=_TO_SEND_AGAIN)
    world.set_intake(0)
    for _ in range(24 * 2):
        world.track(30, types=_OTHER_TYPES)
        yield 30 * MINUTE
    world.track(5, types=_TO_SEND_AGAIN)


def intake_stops(world: World) -> Iterator[float]:
    world.set_intake(0)
    yield 8 * HOUR
    world.set_intake(DOCUMENTS_AN_HOUR)


def empty(world: World) -> Iterator[float]:
    world.lighthouse.leave_out()
    yield 5 * HOUR
    world.lighthouse.clear_faults()


def imported(world: World) -> Iterator[float]:
    world.track(10_000, "stuck_claims_evidence", age=10 * DAY)
    yield 1 * HOUR
    world.staff(Action.ACK)


def closed(world: World) -> Iterator[float]:
    world.track(10_000, "stuck_claims_evidence", age=10 * DAY)
    yield 5 * MINUTE
    world.staff(Action.CLOSE)
    yield 1 * HOUR


def unknown_step(world: World) -> Iterator[float]:
    world.story = lambda: "unknown_step"
    yield 1 * HOUR
    world.story = lambda: "success"


def recovers(world: World) -> Iterator[float]:
    world.track(3, "recovers")
    yield 20 * MINUTE
    world.staff(Action.ACK)
    yield 1 * HOUR


def nonsense(world: World) -> Iterator[float]:
    (request_id,) = world.track(1)
    world.lighthouse.answer(request_id, {"requestId": request_id, "status": 7})
    yield 3 * HOUR
    world.lighthouse.is_known_again(request_id)

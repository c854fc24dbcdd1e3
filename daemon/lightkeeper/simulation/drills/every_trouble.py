"""A drill to look at boards with: each kind of trouble once, within three hours."""

from collections.abc import Iterator
from typing import Final

from lightkeeper.casework.triage import Action
from lightkeeper.domain.answer import Reported
from lightkeeper.domain.document import Condition
from lightkeeper.simulation.drills.access_courses import add_token
from lightkeeper.simulation.drills.api_courses import DrilledApi
from lightkeeper.simulation.drills.courses import HOUR, MINUTE
from lightkeeper.simulation.drills.faults import Fault
from lightkeeper.simulation.drills.follower import DrilledFollower
from lightkeeper.simulation.drills.upstream import held_up
from lightkeeper.simulation.drills.world import START, World
from lightkeeper.simulation.lighthouse.stories import CLAIMS_EVIDENCE

_FAILING: Final = ("fails_claims_evidence", "fails_bgs", "fails_unknown", "fails_cleanup")
_ODD: Final = ("contradictory", "purged", "unknown_step", "unknown_status", "recovers")
_UNASKED: Final = {"requestId": 999_999_999, "status": Reported.SUCCESS}


def _course(world: World) -> Iterator[float]:
    for age, count in ((30, 6), (60, 4), (100, 2)):
        world.track(count, "stuck_claims_evidence", age=age * HOUR)
        world.track(count // 2, "stuck_bgs", age=age * HOUR)
    follower = DrilledFollower(world)
    follower.create(1)
    yield from follower.follow(1)
    follower.kill()
    world.account.compare()
    world.account.change_by_hand()
    api = DrilledApi(world)
    add_token(world, "vets-api", 20)
    for story in _FAILING + _ODD:
        world.track(4, story)
        api.answer(ok=90, refused=6, failed=2 * (story in _ODD))
        yield from api.run(3)
    api.close()
    world.account.compare()
    yield from _useless_answers(world)
    world.announce_maintenance(20 * MINUTE)
    world.lighthouse.fail_share(1.0, 503, path=None)
    yield 8 * MINUTE
    world.lighthouse.clear_faults()
    yield 3 * MINUTE
    world.kill_daemon()
    yield 6 * MINUTE
    world.start_daemon()
    yield 4 * MINUTE
    world.agent.stop()
    yield 4 * MINUTE
    world.agent.start()
    world.track(6, "fails_claims_evidence")
    world.track(5, held_up(CLAIMS_EVIDENCE, HOUR))
    yield 15 * MINUTE
    world.account.compare()
    world.staff(Action.ACK, {Condition.IN_EFOLDER, Condition.CONTRADICTORY})
    yield 10 * MINUTE


def _useless_answers(world: World) -> Iterator[float]:
    malformed, missing, refused = world.track(3, "stuck_bgs")
    world.lighthouse.answer(malformed, {"requestId": malformed, "status": 7})
    world.lighthouse.omit(missing)
    world.lighthouse.poison(refused)
    world.lighthouse.also_answer(_UNASKED)
    yield 12 * MINUTE


EVERY_TROUBLE: Final = Fault(
    "every-trouble",
    "each kind of trouble once, within three hours",
    _course,
    an_hour=50,
    batch_size=20,
    start=START + 12 * HOUR,  # with the daily count in it
)

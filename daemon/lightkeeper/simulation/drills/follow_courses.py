"""What happens in a drill to documents before they are tracked: to vets-api's table, to the
follower of it, and to what is expected.
"""

from collections.abc import Iterator

from lightkeeper.casework.expected import settle
from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.follower import DrilledFollower
from lightkeeper.simulation.drills.world import World
from lightkeeper.store.expected import ExpectedDocuments


def not_handed_over(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    row = follower.create(1)
    yield from follower.follow(80)
    follower.hand_over(row)
    yield from follower.follow(10)
    follower.end()


def not_tracked(world: World) -> Iterator[float]:
    expected = ExpectedDocuments(world.desk)
    (request_id,) = world.track(1, types=("form_0781",))
    submission = f"s-{request_id}"
    expected.expect(submission, {"form_0781": 2}, "vets-api", world.clock.instant())
    yield 80 * MINUTE
    settle(expected, submission, (), "staff", "it came by mail", world.clock.instant())
    yield 10 * MINUTE


def killed(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    yield from follower.follow(1)
    yield 29 * MINUTE
    yield from follower.follow(5)
    follower.end()

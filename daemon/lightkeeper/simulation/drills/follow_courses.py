"""What happens in a drill to vets-api's table, and to the follower of it."""

from collections.abc import Iterator

from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.follower import DrilledFollower
from lightkeeper.simulation.drills.world import World


def not_handed_over(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    row = follower.create(1)
    yield from follower.follow(80)
    follower.hand_over(row)
    yield from follower.follow(10)
    follower.end()


def killed(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    yield from follower.follow(1)
    yield 29 * MINUTE
    yield from follower.follow(5)
    follower.end()

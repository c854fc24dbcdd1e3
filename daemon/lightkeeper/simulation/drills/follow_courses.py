"""What happens in a drill to documents before they are tracked: to vets-api's table, to the
follower of it, and to what is expected.
"""

from collections.abc import Iterator

from lightkeeper.casework.expected import settle
from lightkeeper.simulation.drills.courses import HOUR, MINUTE
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
    submission = _lacking_one(world)
    yield 80 * MINUTE
    _settle(world, submission)
    yield 10 * MINUTE


def lost_in_an_outage(world: World) -> Iterator[float]:
    world.announce_maintenance(3 * HOUR)
    follower = DrilledFollower(world)
    row, submission = follower.create(1), _lacking_one(world)
    yield from follower.follow(3 * 60 + 45)
    follower.hand_over(row)
    yield from follower.follow(45)
    _settle(world, submission)
    yield from follower.follow(10)
    follower.end()


def contradicted(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    row = follower.create(1)
    follower.hand_over(row)
    follower.call(row, "failed")
    yield from follower.follow(4 * 60)
    follower.call(row, "completed")
    yield from follower.follow(2 * 60)
    follower.end()


def killed(world: World) -> Iterator[float]:
    follower = DrilledFollower(world)
    yield from follower.follow(1)
    follower.kill()
    yield 29 * MINUTE
    follower = DrilledFollower(world)
    yield from follower.follow(5)
    follower.end()


def _lacking_one(world: World) -> str:
    """A submission that should have two documents, of which one is tracked."""
    (request_id,) = world.track(1, types=("form_0781",))
    submission = f"s-{request_id}"
    ExpectedDocuments(world.desk).expect(
        submission, {"form_0781": 2}, "vets-api", world.clock.instant()
    )
    return submission


def _settle(world: World, submission: str) -> None:
    expected = ExpectedDocuments(world.desk)
    settle(expected, submission, (), "staff", "it came by mail", world.clock.instant())

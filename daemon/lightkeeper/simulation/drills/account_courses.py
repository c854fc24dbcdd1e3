"""What happens in a drill to the Datadog account that holds the monitors themselves."""

from collections.abc import Iterator

from lightkeeper.simulation.drills.courses import HOUR, MINUTE
from lightkeeper.simulation.drills.world import World


def changed(world: World) -> Iterator[float]:
    world.account.compare()
    world.account.change_by_hand()
    for _ in range(2):
        yield 1 * HOUR
        world.account.compare()
    yield 5 * MINUTE
    world.account.apply()
    world.account.compare()


def not_compared(world: World) -> Iterator[float]:
    world.account.compare()
    world.mark()
    world.account.refuse(refuses=True)
    for _ in range(2):
        yield 5 * MINUTE
        world.account.compare()
    yield 5 * MINUTE
    world.account.refuse(refuses=False)
    world.account.compare()
    world.mark()
    yield 185 * MINUTE
    world.account.compare()

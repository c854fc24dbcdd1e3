"""Faults beside an announced maintenance: what it explains, and what it does not."""

from collections.abc import Iterator

from lightkeeper.domain.document import Step
from lightkeeper.simulation.drills.courses import HOUR, Course
from lightkeeper.simulation.drills.upstream import held_up
from lightkeeper.simulation.drills.world import World
from lightkeeper.simulation.lighthouse.stories import CLAIMS_EVIDENCE


def outage(hours: float, announced: float) -> Course:
    def course(world: World) -> Iterator[float]:
        world.announce_maintenance(announced * HOUR)
        ends_at = world.clock.now + hours * HOUR
        world.story = lambda: held_up(CLAIMS_EVIDENCE, ends_at - world.clock.now)
        # Stuck before it is over, and polled an hour later at most.
        world.track(3, held_up(CLAIMS_EVIDENCE, (44 + hours) * HOUR), age=44 * HOUR)
        world.lighthouse.down("hang")
        yield 2.5 * HOUR  # a document that is not polled is unobserved after two
        world.lighthouse.up()
        yield (hours - 2.5) * HOUR
        world.story = lambda: "success"

    return course


def of_another_step(world: World) -> Iterator[float]:
    world.announce_maintenance(5 * HOUR, [Step.BENEFITS_GATEWAY_SERVICE])
    ends_at = world.clock.now + 4 * HOUR
    world.story = lambda: held_up(CLAIMS_EVIDENCE, ends_at - world.clock.now)
    yield 4 * HOUR
    world.story = lambda: "success"

"""What happens in a drill to the API that callers use."""

from collections.abc import Iterator
from contextlib import closing

from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.world import World
from lightkeeper.telemetry.api_answers import report_answers
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tag_values import constant_tags


def killed(world: World) -> Iterator[float]:
    tags = constant_tags({"DD_ENV": world.env})
    emitter = Emitter(world.agent.url, constant_tags=tags, strict=True, monotonic=world.clock)
    with closing(emitter):
        report_answers(emitter, {}, {})
        yield 20 * MINUTE
        for _ in range(3):
            report_answers(emitter, {}, {})
            yield 1 * MINUTE

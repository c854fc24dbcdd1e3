"""What happens in a drill to the API that callers use."""

from collections.abc import Iterator

from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.world import World
from lightkeeper.telemetry.api_answers import report_answers
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tag_values import constant_tags


class DrilledApi:
    """An API that reports what it answered, and answers nothing; `close` it."""

    def __init__(self, world: World) -> None:
        tags = constant_tags({"DD_ENV": world.env})
        self._emitter = Emitter(
            world.agent.url, constant_tags=tags, strict=True, monotonic=world.clock
        )
        self.close = self._emitter.close

    def report(self, **answers: int) -> None:
        """Report so many answers of a look-up by status, such as `ok=30`; each took a while."""
        statuses = {"ok": "2xx", "refused": "4xx", "failed": "5xx"}
        counts = {("get_document", statuses[name]): count for name, count in answers.items()}
        seconds = [0.004 + 0.001 * (at % 20) for at in range(sum(answers.values()))]
        report_answers(self._emitter, counts, {"get_document": seconds} if seconds else {})


def killed(world: World) -> Iterator[float]:
    api = DrilledApi(world)
    api.report()
    yield 20 * MINUTE
    for _ in range(3):
        api.report()
        yield 1 * MINUTE
    api.close()

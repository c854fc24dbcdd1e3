"""What happens in a drill to the API that callers use."""

from collections.abc import Iterator
from typing import Final

from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.daemon import DrilledEmitter
from lightkeeper.simulation.drills.world import World
from lightkeeper.web.signals import EVERY_SECONDS, WebSignals

_STATUSES: Final = {"ok": 200, "refused": 404, "failed": 500}


class DrilledApi(WebSignals):
    """What `lightkeeper web` counts and sends, in a process that runs beside the daemon of this
    world. It has no callers but those of `answer`.
    """

    def __init__(self, world: World) -> None:
        super().__init__(DrilledEmitter(world.agent, world.clock, world.env), world.clock)

    def send_if_due(self) -> None:
        """The same, and wait for it: no simulated time passes meanwhile."""
        super().send_if_due()
        if self._sending is not None:
            self._sending.result()

    def answer(self, **answers: int) -> None:
        """Answer so many look-ups by status, such as `ok=30`; each takes a while."""
        for name, count in answers.items():
            for number in range(count):
                self.observe("get_document", _STATUSES[name], 0.004 + 0.001 * (number % 20))

    def run(self, minutes: float) -> Iterator[float]:
        """Run for so long."""
        for _ in range(round(minutes * MINUTE / EVERY_SECONDS)):
            self.send_if_due()
            yield EVERY_SECONDS

    def kill(self) -> None:
        """SIGKILL: what was not sent is lost."""
        self._thread.shutdown()
        self._emitter.close()


def killed(world: World) -> Iterator[float]:
    api = DrilledApi(world)
    yield from api.run(5)
    api.kill()
    world.mark()
    yield 20 * MINUTE
    api = DrilledApi(world)
    yield from api.run(3)
    api.close()

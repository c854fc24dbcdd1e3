"""What happens in a drill to the API that callers use."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Final, ParamSpec, TypeVar

from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.world import World
from lightkeeper.web.signals import EVERY_SECONDS, WebSignals

_P = ParamSpec("_P")
_T = TypeVar("_T")
_STATUSES: Final = {"ok": 200, "refused": 404, "failed": 500}


class _AtOnce(Executor):
    """Runs what it is given before it returns: no simulated time passes meanwhile."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        done: Future[_T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class DrilledApi:
    """What `lightkeeper web` counts and sends, in a process that runs beside the daemon of this
    world. It has no callers but those of `answer`.
    """

    def __init__(self, world: World) -> None:
        self._emitter = world.agent.emitter(world.env, world.clock)
        self._signals = WebSignals(self._emitter, world.clock, _AtOnce())

    def answer(self, **answers: int) -> None:
        """Answer so many look-ups by status, such as `ok=30`; each takes a while."""
        for name, count in answers.items():
            for number in range(count):
                self._signals.observe(
                    "get_document", _STATUSES[name], 0.004 + 0.001 * (number % 20)
                )

    def run(self, minutes: float) -> Iterator[float]:
        """Run for so long."""
        for _ in range(round(minutes * MINUTE / EVERY_SECONDS)):
            self._signals.send_if_due()
            yield EVERY_SECONDS

    def kill(self) -> None:
        """SIGKILL: what was not sent is lost."""
        self._emitter.close()

    def close(self) -> None:
        """Send the rest, and end."""
        self._signals.close()


def killed(world: World) -> Iterator[float]:
    api = DrilledApi(world)
    yield from api.run(5)
    api.kill()
    world.mark()
    yield 20 * MINUTE
    api = DrilledApi(world)
    yield from api.run(3)
    api.close()

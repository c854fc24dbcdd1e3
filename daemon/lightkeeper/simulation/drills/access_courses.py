"""What happens in a drill to the API's tokens."""

from collections.abc import Iterator

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import Scope
from lightkeeper.domain import time
from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.world import World


def end_soon(world: World) -> Iterator[float]:
    for name, days in (("reports", 30), ("vets-api", 7)):
        world.mark()
        add_token(world, name, days)
        yield 20 * MINUTE
    for name in ("reports", "vets-api"):
        api_tokens.remove(world.tokens_file, name)
    yield 75 * MINUTE


def add_token(world: World, name: str, days: int) -> None:
    """Add a token that ends in so many days."""
    now = world.clock.instant()
    ends = now + days * time.DAY
    token, _ = api_tokens.made(name, frozenset({Scope.READ}), "drill", now, ends)
    api_tokens.add(world.tokens_file, token)

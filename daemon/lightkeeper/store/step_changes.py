"""The one place that knows how the changes of steps stand in their column."""

from functools import lru_cache

import orjson


# As with remarks, nearly all are one of a few.
@lru_cache(maxsize=1_024)
def encode(changes: tuple[tuple[str, str], ...]) -> str:
    """`changes` as a JSON array of [step, its new status]."""
    return orjson.dumps(changes).decode()


def decode(column: str) -> tuple[tuple[str, str], ...]:
    """What `encode` made `column` of."""
    return tuple((step, status) for step, status in orjson.loads(column))

"""The one place that knows how remarks stand in their column."""

from functools import lru_cache

import orjson

from lightkeeper.domain.change import Remark, RemarkKind


# Nearly all changes have one of a few.
@lru_cache(maxsize=1_024)
def encode(remarks: tuple[Remark, ...]) -> str:
    """`remarks` as a JSON array of [kind, detail]."""
    return orjson.dumps(remarks, default=tuple).decode()


def decode(column: str) -> tuple[Remark, ...]:
    """What `encode` made `column` of."""
    return tuple(Remark(RemarkKind(kind), detail) for kind, detail in orjson.loads(column))

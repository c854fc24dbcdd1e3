"""The one place that knows how remarks stand in their column."""

from collections.abc import Sequence

import orjson

from lightkeeper.domain.change import Remark, RemarkKind


def encode(remarks: Sequence[Remark]) -> str:
    """`remarks` as a JSON array of [kind, detail]."""
    return orjson.dumps(remarks, default=tuple).decode()


def decode(column: str) -> tuple[Remark, ...]:
    """What `encode` made `column` of."""
    return tuple(Remark(RemarkKind(kind), detail) for kind, detail in orjson.loads(column))

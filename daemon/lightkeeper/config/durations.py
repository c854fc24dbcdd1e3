"""Lengths of time as people write them: 90s, 30m, 48h or 7d."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def _milliseconds(value: Any) -> Any:
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d+)?)\s*([smhd])\s*", str(value))
    if match is None:
        raise ValueError("must be a number with a unit, such as 90s, 30m, 48h or 7d")
    return int(float(match[1]) * _UNITS[match[2]])


Duration = Annotated[int, BeforeValidator(_milliseconds), Field(gt=0)]
"""Milliseconds, written as a number with a unit."""

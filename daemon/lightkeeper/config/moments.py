"""Points in time as people write them in settings: 2027-03-01, or 2027-03-01T12:00:00Z."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from lightkeeper.domain.time import SECOND


def _milliseconds(value: Any) -> Any:
    if isinstance(value, int):
        return value
    try:
        moment = datetime.fromisoformat(str(value).strip())
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(zoned.timestamp()) * SECOND
    except (ValueError, OverflowError) as exc:
        raise ValueError(
            "must be a date such as 2027-03-01, or a time such as 2027-03-01T12:00:00Z"
        ) from exc


Timestamp = Annotated[int, BeforeValidator(_milliseconds)]
"""An `Instant`; UTC where no zone is named, and the beginning of a date."""

"""Points in time and lengths of time.

An `Instant` is a whole number of milliseconds since the epoch, UTC: the unit of Lighthouse and of
the store. Durations are milliseconds too, and their names end in `_ms`.
"""

from typing import Final, TypeAlias

Instant: TypeAlias = int


SECOND: Final = 1_000


MINUTE: Final = 60 * SECOND


HOUR: Final = 60 * MINUTE


DAY: Final = 24 * HOUR

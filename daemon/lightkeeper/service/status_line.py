"""The daemon's state in one line, for `systemctl status`. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from lightkeeper.casework.maintenance_windows import data, in_effect
from lightkeeper.domain.document import Condition, conditions_named
from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.time import HOUR, MINUTE, SECOND, Instant
from lightkeeper.store.levels import Level, Oldest, sums, troubles
from lightkeeper.telemetry.health import Calls

_STUCK: Final = conditions_named(Condition.STUCK)


def status_line(
    levels: Sequence[Level] | None,
    oldest: Sequence[Oldest],
    calls: Calls,
    problems: Sequence[str],
    now: Instant,
    maintenance: Sequence[MaintenanceWindow] = (),
) -> str:
    """What is pending, stuck and failed; how calls end; then each problem; then maintenance.

    `levels` is None where the store cannot be read. `oldest` are the unacknowledged pending
    documents that wait longest, by type and step; `maintenance` are the windows in effect.
    """
    parts = [] if levels is None else _documents(list(levels), oldest, now)
    if calls.last_ago is not None:
        parts.append(f"last call {span(calls.last_ago)} ago")
    if calls.failing_for:
        parts.append(f"no call answered for {span(calls.failing_for)}")
    if calls.singly_for is not None:
        parts.append(f"batches fail, documents polled singly for {span(calls.singly_for)}")
    if calls.left is not None:
        of = "" if calls.limit is None else f" of {calls.limit}"
        parts.append(f"{calls.left}{of} calls left")
    said = [in_effect(data(window, now)) for window in maintenance]
    return "; ".join(filter(None, [", ".join(parts), *problems, *said]))


def _documents(levels: list[Level], oldest: Sequence[Oldest], now: Instant) -> list[str]:
    counts = sums(levels) | troubles(levels)
    parts = [f"{counts['pending']:,} pending"]
    parts += _stuck(levels, oldest, now)
    if unacknowledged := counts["unacknowledged"]:
        parts.append(f"{unacknowledged:,} failed, unacknowledged")
    return parts


def _stuck(levels: list[Level], oldest: Sequence[Oldest], now: Instant) -> list[str]:
    """How many are stuck at which step, the longest wait first."""
    # Levels and oldest are read one after the other: a step may be missing in either.
    stuck = [level for level in levels if level.condition in _STUCK]
    kinds = {(level.document_type, level.step) for level in stuck}
    since: dict[str, Instant] = {}
    for one in oldest:
        if (one.document_type, one.step) in kinds:
            since[one.step] = min(one.tracked_at, since.get(one.step, now))
    counts = Counter[str]()
    for level in stuck:
        counts[level.step] += level.document_count
    parts = []
    for step in sorted(filter(counts.__getitem__, counts), key=lambda step: since.get(step, now)):
        lasting = f" for {span((now - since[step]) / SECOND)}" if step in since else ""
        parts.append(f"{counts[step]:,} stuck at {step.upper()}{lasting}")
    return parts


def span(seconds: float) -> str:
    """A duration in the largest unit that fits."""
    ms = seconds * SECOND
    if ms < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{ms / MINUTE:.0f} min" if ms < 2 * HOUR else f"{ms / HOUR:.0f} h"

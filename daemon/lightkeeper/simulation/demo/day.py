"""The day that the demo shows: what becomes of its documents, and when."""

from collections.abc import Callable
from typing import Final, NamedTuple

from lightkeeper.simulation.drills.upstream import held_up
from lightkeeper.simulation.drills.world import World
from lightkeeper.simulation.lighthouse.stories import GATEWAY, STORIES, Story

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
_STALL_ENDS_AFTER: Final = 6 * HOUR


class Moment(NamedTuple):
    """Something that happens in the day, so many hours after its start."""

    hour: float
    happens: Callable[[World], object]


def _track(story: str | Story, count: int = 1, age: float = 0.0) -> Callable[[World], object]:
    return lambda world: world.track(count, story, age)


def _gateway_stalls(world: World) -> None:
    ends_at = world.clock.now + _STALL_ENDS_AFTER
    world.story = lambda: held_up(GATEWAY, ends_at - world.clock.now)


def _slowly(story: str, times: float) -> Story:
    return tuple(stage._replace(after=stage.after * times) for stage in STORIES[story])


MOMENTS: Final = (
    Moment(0.0, _track("stuck_claims_evidence", age=34 * HOUR)),
    Moment(2.3, _track("fails_claims_evidence")),
    Moment(5.1, _track("recovers")),
    Moment(7.6, _track("fails_bgs")),
    Moment(11.5, _track("fails_unknown")),
    Moment(13.2, _track("lost")),
    Moment(15.0, _track(_slowly("unknown_step", 2_400), 7)),
    Moment(16.4, _track("fails_cleanup")),
    Moment(17.0, _track(_slowly("internal_step", 1_200), 6)),
    Moment(18.2, _track("fails_claims_evidence")),
    Moment(20.3, _gateway_stalls),
)
"""In order. All other documents succeed, as most of a real day's do."""

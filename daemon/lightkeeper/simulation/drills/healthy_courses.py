"""What happens on days on which nothing is wrong but the usual failures."""

from collections.abc import Iterator

from lightkeeper.casework.triage import Action
from lightkeeper.domain.document import Condition
from lightkeeper.simulation.drills.courses import DAY, MINUTE, Course
from lightkeeper.simulation.drills.world import World


def usual_failures(days: float) -> Course:
    def course(world: World) -> Iterator[float]:
        stories = ("fails_claims_evidence", "fails_bgs", "fails_unknown", "fails_cleanup")
        gap, acknowledged_after = DAY / 9, (7 * MINUTE, 22 * MINUTE, 13 * MINUTE)
        for turn in range(round(9 * days)):
            story, wait = stories[turn % 4], acknowledged_after[turn % 3]
            if story != "fails_cleanup":  # it is delivered all the same
                world.mark()
            world.track(1, story)
            yield wait
            world.staff(Action.ACK)
            yield gap - wait
            world.staff(Action.CLOSE, {Condition.ACKNOWLEDGED})

    return course

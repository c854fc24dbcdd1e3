"""The faults: what each does to the world, and when it is over."""

from dataclasses import dataclass
from typing import Final

from lightkeeper.simulation.drills import (
    access_courses,
    account_courses,
    api_courses,
    courses,
    follow_courses,
    healthy_courses,
    planned_courses,
)
from lightkeeper.simulation.drills.courses import HOUR, MINUTE, Course
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, START
from lightkeeper.simulation.lighthouse.stories import CLAIMS_EVIDENCE, GATEWAY

HEALTHY: Final = "healthy"
FAILING_RATES: Final = (4, 8, 12, 19, 60)
"""Failures an hour, where 0.4 are usual."""

WRONG_ENV: Final = "another-env"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, in a world that was well for an hour before."""

    name: str
    says: str
    course: Course
    settles: float = 80 * MINUTE
    """How long the world is watched after it is over."""
    an_hour: float = DOCUMENTS_AN_HOUR
    env: str = ""
    """The DD_ENV of its daemon; empty: the one that the monitors watch."""
    batch_size: int = 100
    """Documents in a call, which documents that are due later fill up: less of them, less work."""
    start: float = START
    weight: int = 0
    """How long it takes to run, beside the others; from 4 on minutes."""


def healthy(days: float) -> Fault:
    """Days with nine failures each, acknowledged and settled by staff; nothing else is wrong."""

    says = f"{days:g} days at real volume, nine failures a day, each acknowledged and closed"
    return Fault(HEALTHY, says, healthy_courses.usual_failures(days), weight=10)


def brief(name: str, says: str, course: Course) -> Fault:
    """A fault beside which few documents pass, and that is over soon after its end."""
    return Fault(name, says, course, settles=5 * MINUTE, an_hour=4, batch_size=10)


_ALL: Final = (
    healthy(7),
    Fault(
        "failed-claims-evidence",
        "a document fails at CLAIMS_EVIDENCE",
        courses.single("fails_claims_evidence"),
    ),
    Fault(
        "failed-bgs", "a document fails at BENEFITS_GATEWAY_SERVICE", courses.single("fails_bgs")
    ),
    Fault(
        "failed-cleanup", "a document fails at REMOVE_FILE_BINARY", courses.single("fails_cleanup")
    ),
    Fault("failed-unknown", "a document fails, no step is named", courses.single("fails_unknown")),
    Fault(
        "failure-ignored",
        "a failure stays unacknowledged for 17 hours; a document was acknowledged 8 days ago, and "
        "is unsettled",
        courses.ignored,
        an_hour=20,
        batch_size=10,
    ),
    *(
        Fault(
            f"failures-{an_hour}-an-hour",
            f"{an_hour} documents an hour fail for eight hours, each acknowledged",
            courses.failing(an_hour),
            settles=100 * MINUTE,
            batch_size=10,
            weight=1,
        )
        for an_hour in FAILING_RATES
    ),
    Fault(
        "failure-surge",
        "300 documents fail within 20 minutes",
        courses.surge,
        settles=130 * MINUTE,
        batch_size=10,
    ),
    Fault(
        "import-failed",
        "2,000 documents that failed ten days ago are tracked",
        courses.imported_failures,
    ),
    Fault("failures-recover", "three failures become successes", courses.recovers),
    Fault("contradictory", "15 successes with a failed step", courses.single("contradictory", 15)),
    Fault(
        "stalled-claims-evidence",
        "CLAIMS_EVIDENCE stalled for 60 hours",
        courses.stalled(CLAIMS_EVIDENCE, 60),
        an_hour=30,
        settles=3 * HOUR,
        weight=5,
    ),
    Fault(
        "stalled-bgs",
        "BENEFITS_GATEWAY_SERVICE stalled for 60 hours",
        courses.stalled(GATEWAY, 60),
        an_hour=30,
        settles=3 * HOUR,
        weight=4,
    ),
    Fault(
        "standstill-claims-evidence",
        "every document waits at CLAIMS_EVIDENCE for three and a half hours",
        courses.stalled(CLAIMS_EVIDENCE, 3.5),
        settles=HOUR,
    ),
    Fault(
        "standstill-bgs",
        "every document waits at BENEFITS_GATEWAY_SERVICE for three and a half hours",
        courses.stalled(GATEWAY, 3.5),
        settles=HOUR,
    ),
    Fault(
        "standstill-of-most",
        "19 of 20 documents wait at CLAIMS_EVIDENCE for 5.5 hours",
        courses.most_wait(5.5, one_moves_of=20),
        an_hour=60,
        settles=30 * MINUTE,
    ),
    Fault(
        "partial-standstill",
        "4 of 5 documents wait at CLAIMS_EVIDENCE for six hours",
        courses.most_wait(6, one_moves_of=5),
        an_hour=20,
        settles=HOUR,
    ),
    Fault(
        "standstill-of-a-type",
        "every form_0781 waits at CLAIMS_EVIDENCE for 5.5 hours",
        courses.type_waits(5.5),
        an_hour=72,
    ),
    Fault(
        "planned-outage",
        "every document waits for five hours, as announced, some get stuck; at first no call is "
        "answered",
        planned_courses.outage(5, announced=5),
        settles=HOUR,
        weight=1,
    ),
    Fault(
        "planned-outage-overruns",
        "the same, announced for an hour less",
        planned_courses.outage(5, announced=4),
        settles=HOUR,
        weight=1,
    ),
    Fault(
        "planned-elsewhere",
        "every document waits at CLAIMS_EVIDENCE for four hours; a later step is in maintenance",
        planned_courses.of_another_step,
        settles=HOUR,
        an_hour=40,
    ),
    Fault("outage", "no call is answered for two hours", courses.outage),
    Fault("server-errors", "every call ends in 503 for two hours", courses.server_errors),
    Fault(
        "batches-fail",
        "no batch is answered for 90 minutes, then each ends in 503 for as long; single documents "
        "are answered for, so few that trials are the only calls for minutes",
        courses.batches_fail,
        an_hour=30,
        batch_size=10,
    ),
    Fault("flaky", "10 % of calls end in 500 for four hours", courses.flaky, weight=2),
    Fault("mostly-failing", "98 % of calls end in 500 for three hours", courses.mostly_failing),
    Fault("key-revoked", "no token for an hour", courses.key_revoked),
    Fault("rate-limited", "every call ends in 429 for 90 minutes", courses.rate_limited),
    Fault("purged", "Lighthouse forgets 40 documents", courses.purged),
    Fault(
        "empty-answers",
        "200 with empty lists for five hours",
        courses.empty,
        an_hour=20,
        batch_size=10,
    ),
    Fault("nonsense", "nonsense answers for one document for three hours", courses.nonsense),
    Fault("unknown-step", "a new step in every answer for an hour", courses.unknown_step),
    Fault("backlog", "500,000 documents are due at once", courses.backlog, weight=6),
    Fault(
        "import",
        "10,000 documents ten days old are tracked",
        courses.imported,
        settles=HOUR,
        weight=2,
    ),
    Fault(
        "import-closed",
        "10,000 documents ten days old are tracked, and closed five minutes later",
        courses.closed,
        settles=HOUR,
    ),
    Fault(
        "intake-falls",
        "4 documents an hour are tracked for 23 hours, then 1,000 that were missed",
        courses.intake_falls,
        batch_size=10,
        weight=1,
    ),
    Fault(
        "intake-of-a-type-stops",
        "no form_0781 is tracked for 24 hours, where hundreds were; other types are",
        courses.type_stops,
        batch_size=10,
        weight=4,
    ),
    Fault("intake-stops", "no document is tracked for eight hours", courses.intake_stops),
    Fault("daemon-killed", "the daemon is down for 30 minutes", courses.killed(30 * MINUTE)),
    Fault(
        "daemon-down",
        "the daemon is down for 60 hours",
        courses.killed(60 * HOUR),
        an_hour=20,
        settles=130 * MINUTE,
    ),
    Fault(
        "store-removed",
        "the store is removed, and the daemon starts on a new one",
        courses.store_removed,
    ),
    Fault(
        "store-rolled-back",
        "the daemon starts on a copy of its store that is ten minutes old",
        courses.store_rolled_back,
        settles=HOUR,
        batch_size=10,
    ),
    Fault(
        "wrong-env",
        f"everything goes wrong in a daemon with DD_ENV={WRONG_ENV}; `lightkeeper check` says: no "
        "monitor sees this daemon",
        courses.everything,
        env=WRONG_ENV,
    ),
    Fault("crash-loop", "the daemon ends every five minutes for an hour", courses.crash_loop),
    Fault(
        "failure-and-restart",
        "a failure stays unacknowledged while the daemon is down for 45 minutes",
        courses.restarted,
    ),
    Fault("daemon-hung", "the daemon hangs for 30 minutes", courses.hung),
    Fault("database-read-only", "the store cannot be written for 30 minutes", courses.read_only),
    Fault(
        "agent-unreachable",
        "the Datadog Agent is unreachable for 30 minutes",
        courses.agent_unreachable,
    ),
    brief(
        "account-changed",
        "a monitor is changed by hand in the Datadog account, and put right two hours later",
        account_courses.changed,
    ),
    brief(
        "account-not-compared",
        "the account refuses the keys of two comparisons; then none is made for three hours",
        account_courses.not_compared,
    ),
    brief(
        "document-not-handed-over",
        "a row of vets-api's table, which is followed, gets its request id after 80 minutes",
        follow_courses.not_handed_over,
    ),
    brief(
        "document-not-tracked",
        "one of two documents of a submission is not tracked; staff settle it after 80 minutes",
        follow_courses.not_tracked,
    ),
    brief(
        "vets-api-untrue",
        "vets-api calls a document failed that is in the eFolder, for four hours",
        follow_courses.contradicted,
    ),
    brief(
        "lost-in-an-outage",
        "two documents are not handed over in an announced outage of three hours; one comes soon "
        "after it, the other never",
        follow_courses.lost_in_an_outage,
    ),
    brief(
        "tokens-end",
        "a token of the API has 30 days left, another 7; both are revoked",
        access_courses.end_soon,
    ),
    brief(
        "follower-killed",
        "the follower of vets-api's table is down for half an hour",
        follow_courses.killed,
    ),
    brief("api-killed", "the API that callers use is down for 20 minutes", api_courses.killed),
)
FAULTS: Final = {fault.name: fault for fault in _ALL}

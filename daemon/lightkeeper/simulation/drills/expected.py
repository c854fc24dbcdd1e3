"""What the monitors must do at each fault; a monitor that is not named must stay silent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lightkeeper.alerting.files.definitions import Urgency
from lightkeeper.simulation.drills.faults import FAILING_RATES


@dataclass(frozen=True, slots=True)
class Fires:
    """In minutes: how soon a monitor fires, and how soon after the end it has recovered.

    At night a document may be due for the first time five minutes after a fault began.
    """

    within: float
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """Which monitors fire: `pages` wake on-call, `pages_low` page in working hours, each once
    each time something goes wrong; `notifies` notify the channel.

    `reminds`: those that page again because nothing changed. `may_notify`: those that may notify
    the channel or not.
    """

    pages: Mapping[str, Fires] = field(default_factory=dict)
    pages_low: Mapping[str, Fires] = field(default_factory=dict)
    notifies: Mapping[str, Fires] = field(default_factory=dict)
    reminds: frozenset[str] = frozenset()
    may_notify: frozenset[str] = frozenset()

    @property
    def fires(self) -> dict[str, tuple[Urgency, Fires]]:
        """Each monitor that must fire, how urgently, and when."""
        of_each = zip(Urgency, (self.pages, self.pages_low, self.notifies), strict=True)
        return {key: (urgency, one) for urgency, all_ in of_each for key, one in all_.items()}


_FAILED: Final = {"documents-failed": Fires(2, 45)}
_VETERAN: Final = {"silent-failures": Fires(2, 45)}
_DAILY: Final = Fires(12.5 * 60 + 2, 35)
_MANY: Final = frozenset({"documents-failed", "failure-surge"})
"""These remind while more documents fail."""
_STALLED: Final = {
    "documents-waiting": Fires(13 * 60, 150),
    "documents-stuck": Fires(48 * 60 + 180, 75),
    "documents-slow": Fires(24 * 60 + 180, 75),
    "outcome-burn": Fires(48 * 60 + 180, 170),
    "detection-burn": Fires(48 * 60 + 180, 170),
}
_STUCK: Final = {"documents-stuck-unplanned": Fires(48 * 60 + 180, 75)}
_STUCK_AND_COUNTED: Final = {**_STUCK, "documents-unattended": Fires(61 * 60, 95)}
_STANDSTILL: Final = {"standstill": Fires(3 * 60 + 15, 60)}
_PARTIAL: Final = {"partial-standstill": Fires(6 * 60, 60)}
_LATE_OUTCOMES: Final = {"detection-burn": Fires(125, 35)}
_STOPPED: Final = {"polling-stopped": Fires(23, 2), **_LATE_OUTCOMES}
_OUT_OF_REACH: Final = {"lighthouse-unreachable": Fires(18, 4), "polling-stopped": Fires(23, 2)}
_LATE: Final = frozenset(
    {
        *("detection-burn", "outcome-burn", "efolder-burn", "documents-waiting"),
        *("documents-slow", "documents-stuck"),
    }
)
_GONE: Final = Expected({"heartbeat-missing": Fires(6, 2)}, notifies=_STOPPED)

EXPECTED: Final = {
    "healthy": Expected(
        pages_low=_FAILED,
        may_notify=frozenset({"silent-failures", "in-efolder-not-bgs", "efolder-burn"}),
    ),
    "failed-claims-evidence": Expected(pages_low=_FAILED, notifies=_VETERAN),
    "failed-bgs": Expected(pages_low=_FAILED, notifies={"in-efolder-not-bgs": Fires(12, 2)}),
    "failed-cleanup": Expected(),
    "failed-unknown": Expected(pages_low=_FAILED),
    "failure-ignored": Expected(
        {"documents-unacknowledged": Fires(12 * 60 + 15, 2)},
        {**_FAILED, **dict.fromkeys(("documents-unattended", "documents-unsettled"), _DAILY)},
        _VETERAN,
        reminds=frozenset({"documents-unacknowledged"}),
        may_notify=frozenset({"efolder-burn"}),
    ),
    # The rate shows at the fourth failure within an hour.
    **{
        f"failures-{an_hour}-an-hour": Expected(
            {"failure-surge": Fires(3 * 60 / an_hour + 4, 90)},
            {"documents-failed": Fires(2, 62)},
            {"silent-failures": Fires(2, 62)},
            reminds=_MANY,
            may_notify=frozenset({"efolder-burn"}),
        )
        for an_hour in FAILING_RATES
    },
    "failure-surge": Expected(
        {"failure-surge": Fires(3, 90)},
        {"documents-failed": Fires(2, 60)},
        {"efolder-burn": Fires(3, 125), "silent-failures": Fires(2, 60)},
        reminds=_MANY,
    ),
    "import-failed": Expected(
        {"failure-surge": Fires(3, 35)},
        {"documents-failed": Fires(2, 10)},
        {"silent-failures": Fires(2, 10)},
        reminds=frozenset({"failure-surge"}),
        may_notify=frozenset({"efolder-burn", "detection-burn"}),
    ),
    "failures-recover": Expected(
        pages_low=_FAILED, notifies={**_VETERAN, "documents-recovered": Fires(65)}
    ),
    "contradictory": Expected(pages_low={"contradictory-answers": Fires(12, 2)}),
    "stalled-claims-evidence": Expected(
        _STANDSTILL,
        _STUCK_AND_COUNTED | _PARTIAL,
        {**_STALLED, "efolder-burn": Fires(48 * 60 + 180, 170)},
        reminds=frozenset(_STUCK | _STANDSTILL | _PARTIAL),
    ),
    "stalled-bgs": Expected(
        _STANDSTILL,
        _STUCK_AND_COUNTED | _PARTIAL,
        _STALLED,
        reminds=frozenset(_STUCK | _STANDSTILL | _PARTIAL),
    ),
    "standstill-claims-evidence": Expected(_STANDSTILL),
    "standstill-bgs": Expected(_STANDSTILL),
    "standstill-of-most": Expected({"standstill": Fires(4 * 60 + 15, 60)}, _PARTIAL),
    "partial-standstill": Expected(pages_low=_PARTIAL, may_notify=frozenset({"detection-burn"})),
    "standstill-of-a-type": Expected(pages_low={"type-standstill": Fires(5 * 60 + 30, 60)}),
    "planned-outage": Expected(notifies=_OUT_OF_REACH, may_notify=_LATE),
    "planned-outage-overruns": Expected(
        {"standstill": Fires(7 * 60 + 16, 60)},
        {**_PARTIAL, "documents-stuck-unplanned": Fires(5 * 60 + 45, 45)},
        notifies=_OUT_OF_REACH,
        may_notify=_LATE,
    ),
    "planned-elsewhere": Expected({"efolder-standstill": Fires(4 * 60 + 15, 60)}),
    "outage": Expected(
        {"lighthouse-unreachable-unplanned": Fires(18, 4)}, notifies=_STOPPED | _OUT_OF_REACH
    ),
    "server-errors": Expected({"polling-stopped-unexplained": Fires(23, 2)}, notifies=_STOPPED),
    "batches-fail": Expected(pages_low={"batches-failing": Fires(30, 60)}),
    "flaky": Expected(),
    "mostly-failing": Expected(
        {"polling-stopped-unexplained": Fires(60, 3)},
        {"documents-unobserved": Fires(200, 3)},
        {"polling-stopped": Fires(60, 3), "detection-burn": Fires(190, 35)},
    ),
    "key-revoked": Expected({"authentication-refused": Fires(13, 5)}, notifies=_STOPPED),
    "rate-limited": Expected(
        {"polling-stopped-unexplained": Fires(23, 2)},
        {"rate-limit-exhausted": Fires(20, 32)},
        _STOPPED,
    ),
    "purged": Expected(
        {"documents-in-doubt": Fires(33, 2)}, {"documents-not-found": Fires(33, 2)}
    ),
    "empty-answers": Expected(
        {"empty-answers": Fires(30, 35)},
        {"documents-unobserved": Fires(150, 10)},
        may_notify=frozenset({"detection-burn"}),
    ),
    "nonsense": Expected(pages_low={"documents-unobserved": Fires(140, 8)}),
    "unknown-step": Expected(notifies={"unknown-words": Fires(8, 18)}),
    "backlog": Expected(pages_low={"polling-behind": Fires(47)}, notifies=_LATE_OUTCOMES),
    "import": Expected(
        pages_low={"documents-overdue": Fires(12, 2)}, notifies={"documents-waiting": Fires(36, 5)}
    ),
    "import-closed": Expected(),
    "intake-falls": Expected(pages_low={"intake-low": Fires(24 * 60, 15)}),
    "intake-of-a-type-stops": Expected(pages_low={"type-intake-stopped": Fires(24 * 60, 15)}),
    "intake-stops": Expected({"intake-silent": Fires(372, 6)}),
    "daemon-killed": _GONE,
    "daemon-down": Expected(
        _GONE.pages,
        notifies=dict.fromkeys(("outcome-burn", "detection-burn"), Fires(60 * 60 + 5, 35))
        | {"polling-stopped": Fires(16, 2), "efolder-burn": Fires(60 * 60 + 5, 125)},
        reminds=frozenset(_GONE.pages),
    ),
    "store-removed": Expected({"new-store": Fires(2, 62)}),
    "store-rolled-back": Expected({"new-store": Fires(2, 62)}),
    "wrong-env": Expected(),  # Datadog cannot alert on what it has never seen: `check` says so
    "crash-loop": Expected({"crash-loop": Fires(33, 62)}),
    "failure-and-restart": Expected(
        {"heartbeat-missing": Fires(66)},
        _FAILED,
        {**_VETERAN, **_LATE_OUTCOMES, "polling-stopped": Fires(76)},
    ),
    "daemon-hung": _GONE,
    "database-read-only": Expected(
        {"database-not-writable": Fires(5, 5)},
        {"outbox-ageing": Fires(21, 3)},
        {"polling-stopped": Fires(17, 2)},
        may_notify=frozenset({"detection-burn"}),
    ),
    "agent-unreachable": Expected(
        _GONE.pages, notifies={"polling-stopped": Fires(16, 2), "signals-lost": Fires(32, 17)}
    ),
    "account-changed": Expected(pages_low={"account-drift": Fires(122, 2)}),
    "document-not-handed-over": Expected(pages_low={"row-not-tracked": Fires(68)}),
    "document-not-tracked": Expected(pages_low={"documents-expected-missing": Fires(68)}),
    "vets-api-untrue": Expected(pages_low={"vets-api-untrue": Fires(3 * 60 + 3)}),
    "lost-in-an-outage": Expected(pages_low={"documents-expected-missing": Fires(4 * 60 + 8)}),
    "tokens-end": Expected(pages_low={"access-ends": Fires(4)}),
    "follower-killed": Expected(pages_low={"follower-stopped": Fires(23)}),
    "api-killed": Expected(pages_low={"web-down": Fires(12)}),
    "account-not-compared": Expected(notifies={"account-not-compared": Fires(182, 2)}),
}
"""By fault. Burn rates fire for the same trouble when few documents passed meanwhile."""

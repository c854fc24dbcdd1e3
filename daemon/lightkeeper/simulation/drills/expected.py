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
_MANY: Final = frozenset({"documents-failed", "failure-surge"})
"""These remind while more documents fail."""
_STALLED: Final = {
    "documents-slow": Fires(24 * 60 + 180, 75),
    "outcome-burn": Fires(48 * 60 + 180, 170),
    "detection-burn": Fires(48 * 60 + 180, 170),
}
_STUCK: Final = {"documents-stuck": Fires(48 * 60 + 180, 75)}
_GONE: Final = {"heartbeat-missing": Fires(6, 2), "polling-stopped": Fires(16, 2)}
_LATE_OUTCOMES: Final = {"detection-burn": Fires(125, 35)}

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
        _FAILED,
        _VETERAN,
        reminds=frozenset({"documents-unacknowledged"}),
        may_notify=frozenset({"efolder-burn"}),
    ),
    # The rate shows at the fourth failure within an hour.
    **{
        f"failures-{an_hour}-an-hour": Expected(
            {"failure-surge": Fires(3 * 60 / an_hour + 4, 62)},
            {"documents-failed": Fires(2, 62)},
            {"silent-failures": Fires(2, 62)},
            reminds=_MANY,
            may_notify=frozenset({"efolder-burn"}),
        )
        for an_hour in FAILING_RATES
    },
    "failure-surge": Expected(
        {"failure-surge": Fires(3, 60)},
        {"documents-failed": Fires(2, 60)},
        {"efolder-burn": Fires(3, 35), "silent-failures": Fires(2, 60)},
        reminds=_MANY,
    ),
    "import-failed": Expected(
        {"failure-surge": Fires(3, 10)},
        {"documents-failed": Fires(2, 10)},
        {"silent-failures": Fires(2, 10)},
        may_notify=frozenset({"efolder-burn", "detection-burn"}),
    ),
    "failures-recover": Expected(
        pages_low=_FAILED, notifies={**_VETERAN, "documents-recovered": Fires(65)}
    ),
    "contradictory": Expected(pages_low={"contradictory-answers": Fires(12, 2)}),
    "stalled-claims-evidence": Expected(
        pages_low=_STUCK,
        notifies={**_STALLED, "efolder-burn": Fires(48 * 60 + 180, 170)},
        reminds=frozenset(_STUCK),
    ),
    "stalled-bgs": Expected(pages_low=_STUCK, notifies=_STALLED, reminds=frozenset(_STUCK)),
    "outage": Expected(
        {"lighthouse-unreachable": Fires(18, 2), "polling-stopped": Fires(23, 2)},
        notifies=_LATE_OUTCOMES,
    ),
    "server-errors": Expected({"polling-stopped": Fires(23, 2)}, notifies=_LATE_OUTCOMES),
    "batches-fail": Expected(),  # every document is polled alone, in time
    "flaky": Expected(),
    "mostly-failing": Expected(
        {"polling-stopped": Fires(60, 3)},
        {"documents-unobserved": Fires(200, 3)},
        {"detection-burn": Fires(250, 35)},
    ),
    "key-revoked": Expected(
        {"authentication-refused": Fires(13, 3), "polling-stopped": Fires(23, 2)},
        notifies=_LATE_OUTCOMES,
    ),
    "rate-limited": Expected(
        {"polling-stopped": Fires(23, 2)},
        {"rate-limit-exhausted": Fires(22, 25), "polling-behind": Fires(53, 3)},
        _LATE_OUTCOMES,
    ),
    "purged": Expected(pages_low={"documents-not-found": Fires(33, 2)}),
    "empty-answers": Expected(
        {"empty-answers": Fires(30, 35)}, may_notify=frozenset({"detection-burn"})
    ),
    "nonsense": Expected(pages_low={"documents-unobserved": Fires(140, 8)}),
    "unknown-step": Expected(notifies={"unknown-words": Fires(8, 18)}),
    "backlog": Expected(pages_low={"polling-behind": Fires(47)}, notifies=_LATE_OUTCOMES),
    "import": Expected(pages_low={"documents-overdue": Fires(12, 2)}),
    "import-closed": Expected(),
    "intake-stops": Expected({"intake-silent": Fires(372, 6)}),
    "daemon-killed": Expected(_GONE, notifies=_LATE_OUTCOMES),
    "daemon-down": Expected(
        _GONE,
        notifies=dict.fromkeys(
            ("outcome-burn", "efolder-burn", "detection-burn"), Fires(60 * 60 + 5, 35)
        ),
        reminds=frozenset(_GONE),
    ),
    "store-removed": Expected({"new-store": Fires(2, 62)}),
    "crash-loop": Expected({"crash-loop": Fires(33, 62)}),
    "failure-and-restart": Expected(
        {"heartbeat-missing": Fires(66), "polling-stopped": Fires(76)},
        _FAILED,
        {**_VETERAN, **_LATE_OUTCOMES},
    ),
    "daemon-hung": Expected(_GONE, notifies=_LATE_OUTCOMES),
    "database-read-only": Expected(
        {"database-not-writable": Fires(5, 3), "polling-stopped": Fires(17, 2)},
        {"outbox-ageing": Fires(21, 3)},
        may_notify=frozenset({"detection-burn"}),
    ),
    "agent-unreachable": Expected(_GONE, notifies={"signals-lost": Fires(32, 17)}),
}
"""By fault. Burn rates fire for the same trouble when few documents passed meanwhile."""

"""What the monitors must do at each fault; a monitor that is not named must stay silent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Fires:
    """In minutes: how soon a monitor fires, and how soon after the end it has recovered.

    At night a document may be due for the first time five minutes after a fault began.
    """

    within: float
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """Which monitors page, exactly once each time something goes wrong; which notify the channel.

    `reminds`: those that page again because nothing changed. `may_notify`: those that may notify
    the channel or not.
    """

    pages: Mapping[str, Fires] = field(default_factory=dict)
    notifies: Mapping[str, Fires] = field(default_factory=dict)
    reminds: frozenset[str] = frozenset()
    may_notify: frozenset[str] = frozenset()


_FAILED: Final = {"documents-failed": Fires(2)}
_VETERAN: Final = {"silent-failures": Fires(2)}
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
        _FAILED,
        may_notify=frozenset({"silent-failures", "in-efolder-not-bgs", "efolder-burn"}),
    ),
    "failed-claims-evidence": Expected(_FAILED, _VETERAN),
    "failed-bgs": Expected(_FAILED, {"in-efolder-not-bgs": Fires(12, 2)}),
    "failed-cleanup": Expected(),
    "failed-unknown": Expected(_FAILED),
    "failure-ignored": Expected(
        {**_FAILED, "documents-unacknowledged": Fires(32, 2)},
        _VETERAN,
        reminds=frozenset({"documents-unacknowledged"}),
    ),
    "failure-surge": Expected(
        {"failure-surge": Fires(3, 60), **_FAILED},
        {"efolder-burn": Fires(3, 35), "silent-failures": Fires(2, 15)},
    ),
    "failures-recover": Expected(_FAILED, {**_VETERAN, "documents-recovered": Fires(65)}),
    "contradictory": Expected({"contradictory-answers": Fires(12, 2)}),
    "stalled-claims-evidence": Expected(
        _STUCK,
        {**_STALLED, "efolder-burn": Fires(48 * 60 + 180, 170)},
        reminds=frozenset(_STUCK),
    ),
    "stalled-bgs": Expected(_STUCK, _STALLED, reminds=frozenset(_STUCK)),
    "outage": Expected(
        {"lighthouse-unreachable": Fires(18, 2), "polling-stopped": Fires(23, 2)}, _LATE_OUTCOMES
    ),
    "server-errors": Expected({"polling-stopped": Fires(23, 2)}, _LATE_OUTCOMES),
    "batches-fail": Expected(),  # every document is polled alone, in time
    "flaky": Expected(),
    "mostly-failing": Expected(
        {"polling-stopped": Fires(60, 3), "documents-unobserved": Fires(200, 3)},
        {"detection-burn": Fires(250, 35)},
    ),
    "key-revoked": Expected(
        {"authentication-refused": Fires(13, 3), "polling-stopped": Fires(23, 2)}, _LATE_OUTCOMES
    ),
    "rate-limited": Expected(
        {
            "rate-limit-exhausted": Fires(22, 25),
            "polling-stopped": Fires(23, 2),
            "polling-behind": Fires(53, 3),
        },
        _LATE_OUTCOMES,
    ),
    "purged": Expected({"documents-not-found": Fires(33, 2)}),
    "empty-answers": Expected(
        {"empty-answers": Fires(30, 35)}, may_notify=frozenset({"detection-burn"})
    ),
    "nonsense": Expected({"documents-unobserved": Fires(140, 8)}),
    "unknown-step": Expected({"unknown-words": Fires(8, 18)}),
    "backlog": Expected({"polling-behind": Fires(47)}, _LATE_OUTCOMES),
    "import": Expected({"documents-overdue": Fires(12, 2)}),
    "import-closed": Expected(),
    "intake-stops": Expected({"intake-silent": Fires(372, 6)}),
    "daemon-killed": Expected(_GONE, _LATE_OUTCOMES),
    "daemon-down": Expected(
        _GONE,
        dict.fromkeys(("outcome-burn", "efolder-burn", "detection-burn"), Fires(60 * 60 + 5, 35)),
        reminds=frozenset(_GONE),
    ),
    "store-removed": Expected({"new-store": Fires(2, 62)}),
    "crash-loop": Expected({"crash-loop": Fires(33, 62)}),
    "failure-and-restart": Expected(
        {**_FAILED, "documents-unacknowledged": Fires(32, 2), "heartbeat-missing": Fires(66)}
        | {"polling-stopped": Fires(76)},
        {**_VETERAN, **_LATE_OUTCOMES},
    ),
    "daemon-hung": Expected(_GONE, _LATE_OUTCOMES),
    "database-read-only": Expected(
        {
            "database-not-writable": Fires(5, 3),
            "polling-stopped": Fires(17, 2),
            "outbox-ageing": Fires(21, 3),
        },
        may_notify=frozenset({"detection-burn"}),
    ),
    "agent-unreachable": Expected(_GONE, {"signals-lost": Fires(32, 17)}),
}
"""By fault. Burn rates fire for the same trouble when few documents passed meanwhile."""

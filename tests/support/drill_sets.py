"""Which drills `make test` plays, one of each kind, and which `make endurance` plays."""

from lightkeeper.simulation.drills.faults import FAULTS

MINUTES = {name for name, fault in FAULTS.items() if fault.weight >= 4}
"""They take minutes, and are played with one seed."""
LIKE_OTHERS = {
    "account-not-compared",
    "agent-unreachable",
    "contradictory",
    "daemon-down",
    "daemon-hung",
    "daemon-killed",
    "database-read-only",
    "document-not-tracked",
    "empty-answers",
    "failed-claims-evidence",
    "failed-cleanup",
    "failed-unknown",
    "failure-and-restart",
    "failure-ignored",
    "failures-recover",
    "flaky",
    "import",
    "import-closed",
    "intake-stops",
    "lost-in-an-outage",
    "mostly-failing",
    "nonsense",
    "outage",
    "partial-standstill",
    "planned-elsewhere",
    "purged",
    "rate-limited",
    "server-errors",
    "standstill-of-a-type",
    "standstill-of-most",
    "store-rolled-back",
    "tokens-end",
    "unknown-step",
    "vets-api-untrue",
}
"""Shorter ones are played of their kind: of an outage, a standstill, an import, failures, rows."""
IN_ENDURANCE = MINUTES | LIKE_OTHERS

"""Which drills `make test` plays; `make endurance` plays all of them."""

from lightkeeper.simulation.drills.faults import FAULTS

ONE_OF_A_KIND = (
    "failed-bgs",
    "failure-surge",
    "key-revoked",
    "store-removed",
    "account-changed",
    "document-not-handed-over",
    "follower-killed",
    "api-killed",
)
"""What `make test` plays: failures, a revoked key, deaths, rows."""
IN_ENDURANCE = FAULTS.keys() - set(ONE_OF_A_KIND)
MINUTES = {name for name, fault in FAULTS.items() if fault.weight >= 4}
"""They take minutes, and are played with one seed."""

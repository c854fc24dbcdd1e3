"""What a comparison of the Datadog account with the files sends."""

from typing import Final

from lightkeeper.telemetry.dogstatsd import Emitter

_OK: Final = 0
_CRITICAL: Final = 2


def report_drift(emitter: Emitter, differing: int | None, problem: str = "") -> bool:
    """Send how many objects differ, or None and why they could not be compared.

    Returns whether the Datadog Agent was reached, as far as can be known.
    """
    if differing is not None:
        emitter.gauge("lightkeeper.account.drift", differing)
    status = _CRITICAL if differing is None else _OK
    emitter.service_check("lightkeeper.account.can_compare", status=status, message=problem)
    return emitter.flush()

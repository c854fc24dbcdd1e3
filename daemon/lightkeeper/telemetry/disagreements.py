"""What a comparison of another program's table with the store sends."""

from collections.abc import Mapping

from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.signals import DISAGREEMENTS


def report_disagreements(emitter: Emitter, counts: Mapping[str, int]) -> bool:
    """Send how many rows the two disagree about, by kind, also where there are none.

    Returns whether the Datadog Agent was reached, as far as can be known.
    """
    for kind in DISAGREEMENTS:
        emitter.gauge("lightkeeper.compare.disagreements", counts.get(kind, 0), disagreement=kind)
    return emitter.flush()

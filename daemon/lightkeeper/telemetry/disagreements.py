"""What a comparison of another program's table with the store sends."""

from collections.abc import Mapping

from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tags import DISAGREEMENTS, UNTRUE


def report_disagreements(
    emitter: Emitter, counts: Mapping[str, int], lasting: Mapping[str, int]
) -> bool:
    """Send how many rows the two disagree about, by kind, also where there are none; and of how
    many of them that has lasted.

    Returns whether the Datadog Agent was reached, as far as can be known.
    """
    for kind in DISAGREEMENTS:
        emitter.gauge("lightkeeper.compare.disagreements", counts.get(kind, 0), disagreement=kind)
    for kind in UNTRUE:
        emitter.gauge("lightkeeper.compare.untrue", lasting.get(kind, 0), disagreement=kind)
    return emitter.flush()

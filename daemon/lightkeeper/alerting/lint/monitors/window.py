"""A window must be longer than one lost packet, and no longer than Datadog looks back.

Write `last_5m` to `last_730h`; `require_full_window` true only where a gauge has to stay too high
for the whole window; a `no_data_timeframe` of two windows; two bad service checks or more.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import MetricAlert, ServiceCheckAlert

_SENT_EVERY_SECONDS: Final = 30
_SHORTEST_SECONDS: Final = 10 * _SENT_EVERY_SECONDS
_LONGEST_SECONDS: Final = 730 * 3600
_FEWEST_CHECKS: Final = 2


def check(subject: Subject) -> Iterator[Finding]:
    if isinstance(subject.query, MetricAlert):
        yield from _of_metrics(subject, subject.query)
    elif isinstance(subject.query, ServiceCheckAlert):
        critical = subject.thresholds.get("critical")
        if critical is not None and critical < _FEWEST_CHECKS:
            yield (
                "payload.options.thresholds.critical",
                f"one bad check may be chance: write {_FEWEST_CHECKS} or more",
            )


def _of_metrics(subject: Subject, alert: MetricAlert) -> Iterator[Finding]:
    if alert.window.seconds < _SHORTEST_SECONDS:
        yield (
            "payload.query",
            f"signals are sent every {_SENT_EVERY_SECONDS} s: write last_5m or longer",
        )
    elif alert.window.seconds > _LONGEST_SECONDS:
        yield "payload.query", "Datadog looks back over 730 hours at most: write last_730h or less"
    lasts = alert.aggregator == "min" and not any(one.calls for one in subject.queries)
    if subject.options.get("require_full_window") not in ((False, True) if lasts else (False,)):
        yield (
            "payload.options.require_full_window",
            "write true if the minimum of a gauge has to alert only after a whole window of "
            "data, else false",
        )
    silence = subject.options.get("no_data_timeframe")
    if isinstance(silence, int) and silence * 60 < 2 * alert.window.seconds:
        yield (
            "payload.options.no_data_timeframe",
            f"write two windows or more: {2 * alert.window.seconds // 60}",
        )

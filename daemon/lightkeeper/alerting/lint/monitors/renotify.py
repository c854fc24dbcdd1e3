"""A reminder must be one that Datadog can send: about a status that notifies, and of no SLO alert.

Leave out of `renotify_statuses` what the message names, and every `renotify_…` of an SLO alert.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import Composite, MetricAlert


def check(subject: Subject) -> Iterator[Finding]:
    options = subject.options
    if subject.payload.get("type") == "slo alert":
        for name in ("renotify_interval", "renotify_statuses", "renotify_occurrences"):
            if options.get(name):
                yield f"payload.options.{name}", "an SLO alert sends no reminders: leave it out"
        return
    statuses = options.get("renotify_statuses")
    given = statuses if isinstance(statuses, list) else []
    place = "payload.options.renotify_statuses"
    if "no data" in given and not subject.notifies_missing:
        yield (
            place,
            "missing data do not notify here, so nothing reminds of them: leave out no data, or "
            "write show_and_notify_no_data, of a service check or a composite notify_no_data",
        )
    if "warn" in given and not _warns(subject):
        yield place, "there is no threshold that warns: leave out warn, or write a warning"


def _warns(subject: Subject) -> bool:
    if isinstance(subject.query, Composite):
        return any(map(_warns, subject.operands))
    return not isinstance(subject.query, MetricAlert) or "warning" in subject.thresholds

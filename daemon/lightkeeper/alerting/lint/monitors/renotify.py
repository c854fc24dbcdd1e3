"""A reminder must be one that Datadog can send: about a status that notifies, and of no SLO alert.

Leave out of `renotify_statuses` what the message names, every `renotify_…` of an SLO alert, and
{{#is_renotify}} where nothing reminds.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import Composite, MetricAlert


def check(subject: Subject) -> Iterator[Finding]:
    options = subject.options
    if (never := _never(subject)) and subject.template and "is_renotify" in subject.template.asked:
        yield "payload.message", f"{never}, so {{{{#is_renotify}}}} is never sent: take it out"
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


def _never(subject: Subject) -> str | None:
    """Say why it sends no reminder; None if it does."""
    if subject.payload.get("type") == "slo alert":
        return "an SLO alert sends no reminders"
    return None if subject.options.get("renotify_interval") else "there is no renotify_interval"


def _warns(subject: Subject) -> bool:
    if isinstance(subject.query, Composite):
        return any(map(_warns, subject.operands))
    return not isinstance(subject.query, MetricAlert) or "warning" in subject.thresholds

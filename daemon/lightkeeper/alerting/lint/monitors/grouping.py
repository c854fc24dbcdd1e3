"""Options about groups must go with the keys by which the query is grouped.

Write `notify_by` with some of the keys and not all, or `*` alone; and neither `notify_by` nor
`new_group_delay` where there are no groups.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    ErrorBudget,
    MetricAlert,
    ServiceCheckAlert,
)


def check(subject: Subject) -> Iterator[Finding]:
    if not isinstance(subject.query, MetricAlert | ServiceCheckAlert | BurnRate | ErrorBudget):
        return
    options, by = subject.options, subject.by
    keys, delay = options.get("notify_by"), options.get("new_group_delay")
    none = "the query is grouped by nothing: leave it out, or add `by {…}` to the query"
    # A key by which the query is not grouped is reported by the rule `options`.
    if not by and keys == ["*"]:
        yield "payload.options.notify_by", none
    if not by and delay is not None:
        yield "payload.options.new_group_delay", none
    if keys == []:
        yield (
            "payload.options.notify_by",
            "it names no key: leave it out, or write some of the keys of the query, or * alone",
        )
    if by and isinstance(keys, list) and set(map(str, keys)) == set(by):
        yield (
            "payload.options.notify_by",
            "these are all keys of the query, as without it: leave it out, or name fewer",
        )

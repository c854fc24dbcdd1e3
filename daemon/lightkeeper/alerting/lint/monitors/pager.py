"""A monitor that pages must do so for alerts and missing data alone; any other must never page.

Where `pages` names on-call, write `${pager}` into {{#is_alert}}, and into {{#is_no_data}} where
missing data notify: elsewhere that block is never sent. Else leave it out. SLO alerts never page:
in a quiet hour a single failure would.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    notified = subject.notified
    if subject.is_slo or not notified:
        return
    on_call = subject.assets.variables["pager"]
    paged = {flags for flags, who in notified.items() if on_call in who}
    if not subject.definition.pages_on_call:
        if paged:
            yield (
                "payload.message",
                "`pages` says No page: leave out ${pager}, or write there when on-call is paged",
            )
    elif subject.payload.get("type") == "slo alert":
        yield (
            "pages",
            "SLO alerts do not page, as one failure in a quiet hour would: write No page",
        )
    else:
        yield from _misplaced(subject, paged)


def _misplaced(subject: Subject, paged: set[frozenset[str]]) -> Iterator[Finding]:
    alerts, missing = (
        {flags for flags in subject.notified if flag in flags}
        for flag in ("is_alert", "is_no_data")
    )
    if subject.notifies_missing and paged != alerts | missing:
        yield (
            "payload.message",
            "missing data notify here: write ${pager} into {{#is_alert}} and {{#is_no_data}}, and "
            "nowhere else",
        )
    elif not subject.notifies_missing and paged == alerts | missing:
        yield (
            "payload.message",
            "missing data do not notify here, so {{#is_no_data}} is never sent: take ${pager} out "
            "of it, or write show_and_notify_no_data, of a service check notify_no_data",
        )
    elif not subject.notifies_missing and paged != alerts:
        yield "payload.message", "write ${pager} into {{#is_alert}}, and nowhere else"

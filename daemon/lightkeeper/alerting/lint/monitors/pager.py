"""A monitor that pages must do so for alerts and missing data alone; any other must never page.

Write `${pager}` where `pages` names on-call, and `${pager_low}` where it begins with In working
hours: into {{#is_alert}}, and into {{#is_no_data}} where missing data notify, as elsewhere that
block is never sent. Write neither where it begins with No page. SLO alerts never page: in a quiet
hour a single failure would.
"""

from collections.abc import Iterator, Set

from lightkeeper.alerting.files.definitions import PAGERS, Urgency
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    if subject.is_slo or not subject.notified:
        return
    key, meant = subject.definition.key, subject.definition.urgency
    urgencies = {
        flags: subject.assets.urgency_of(key, who) for flags, who in subject.notified.items()
    }
    paged = {flags: one for flags, one in urgencies.items() if one in PAGERS}
    if meant not in PAGERS:
        if paged:
            yield (
                "payload.message",
                "`pages` says No page: leave out ${pager} and ${pager_low}, or write there when "
                "on-call is paged",
            )
    elif subject.payload.get("type") == "slo alert":
        yield (
            "pages",
            "SLO alerts do not page, as one failure in a quiet hour would: write No page",
        )
    elif any(one is not meant for one in paged.values()):
        yield "payload.message", _other_urgency(meant)
    else:
        yield from _misplaced(subject, paged.keys(), f"${{{meant}}}")


def _other_urgency(meant: Urgency) -> str:
    if meant is Urgency.PAGER_LOW:
        return (
            "`pages` says In working hours: write ${pager_low} in place of ${pager}, or say there "
            "when on-call is woken"
        )
    return (
        "`pages` names on-call at any hour: write ${pager} in place of ${pager_low}, or begin it "
        "with In working hours"
    )


def _misplaced(subject: Subject, paged: Set[frozenset[str]], pager: str) -> Iterator[Finding]:
    alerts, missing = (
        {flags for flags in subject.notified if flag in flags}
        for flag in ("is_alert", "is_no_data")
    )
    if subject.notifies_missing and paged != alerts | missing:
        yield (
            "payload.message",
            f"missing data notify here: write {pager} into {{{{#is_alert}}}} and "
            "{{#is_no_data}}, and nowhere else",
        )
    elif not subject.notifies_missing and paged == alerts | missing:
        yield (
            "payload.message",
            f"missing data do not notify here, so {{{{#is_no_data}}}} is never sent: take {pager} "
            "out of it, or write show_and_notify_no_data, of a service check notify_no_data",
        )
    elif not subject.notifies_missing and paged != alerts:
        yield "payload.message", f"write {pager} into {{{{#is_alert}}}}, and nowhere else"

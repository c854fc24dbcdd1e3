"""A monitor that pages must do so for alerts and missing data alone; any other must never page.

Write `${pager}` into {{#is_alert}} and {{#is_no_data}} where `pages` names on-call; else leave it
out. SLO alerts never page: in a quiet hour a single failure would.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_PAGED: Final = frozenset({"is_alert", "is_no_data"})


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
    elif paged != {flags for flags in notified if flags & _PAGED}:
        yield (
            "payload.message",
            "write ${pager} into {{#is_alert}} and {{#is_no_data}}, and nowhere else",
        )

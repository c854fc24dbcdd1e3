"""Every notification must reach the team's channel, and no handle may be typed into a message.

Write `${channel}` outside the conditional blocks, and take other handles from variables.json. Only
a monitor that a composite names may have no recipient at all.
"""

from collections.abc import Iterator

from lightkeeper.alerting.evaluate.message import handles
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    if subject.is_slo:
        return
    notified = subject.notified.values()
    if typed := handles(str(subject.definition.written.get("message", ""))):
        yield (
            "payload.message",
            f"{typed[0]} is typed: write ${{name}} and put it into variables.json",
        )
    elif notified and not any(notified):
        if not subject.composites:
            yield (
                "payload.message",
                "it has no recipient, and no composite names it: write ${channel} outside the "
                "conditional blocks, or name it in a composite",
            )
    elif any(subject.assets.variables["channel"] not in who for who in notified):
        yield "payload.message", "write ${channel} outside the conditional blocks"

"""A number among the options must be one that Datadog takes, and that lets the monitor alert.

Write one within the limits that the message names. A group that sent nothing for 24 hours is new
again to Datadog: behind a longer delay it may never be evaluated.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_DAY: Final = 86_400
_LIMITS: Final = {
    "timeout_h": (0, 24),
    "new_group_delay": (0, _DAY),
    "new_host_delay": (0, _DAY),
    "renotify_interval": (0, None),
    "renotify_occurrences": (0, None),
}


def check(subject: Subject) -> Iterator[Finding]:
    for name, (least, most) in _LIMITS.items():
        given = subject.options.get(name)
        if not isinstance(given, int | float) or isinstance(given, bool):
            continue
        place = f"payload.options.{name}"
        if most == _DAY and given > most:
            yield (
                place,
                f"{given} s are more than a day, and a group that is silent for a day is new "
                f"again, so that it may never alert: write 0 to {most}",
            )
        elif given < least or (most is not None and given > most):
            wanted = f"{least} or more" if most is None else f"{least} to {most}"
            yield place, f"{given} is not taken: write {wanted}"

"""A number among the options must be one that Datadog takes: it refuses the monitor otherwise.

Write one within the limits that the message names.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_LIMITS: Final = {
    "timeout_h": (0, 24),
    "new_group_delay": (0, None),
    "new_host_delay": (0, None),
    "renotify_interval": (0, None),
    "renotify_occurrences": (0, None),
}


def check(subject: Subject) -> Iterator[Finding]:
    for name, (least, most) in _LIMITS.items():
        given = subject.options.get(name)
        if not isinstance(given, int | float) or isinstance(given, bool):
            continue
        if given < least or (most is not None and given > most):
            wanted = f"{least} or more" if most is None else f"{least} to {most}"
            yield f"payload.options.{name}", f"{given} is not taken: write {wanted}"

"""No threshold may be typed into a text, which would keep it when the real one is changed.

Write `{{threshold}}` or `{{warn_threshold}}`, also where the text says it in other units.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_MARKS: Final = re.compile(r"\{\{.*?\}\}|\$\{.*?\}", re.DOTALL)
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")


def check(subject: Subject) -> Iterator[Finding]:
    numbers = {float(one) for one in subject.thresholds.values()}
    # Texts say seconds as minutes or hours, and shares in percent.
    numbers |= {one / unit for one in numbers for unit in (60, 3600)} | {
        one * 100 for one in numbers if 0 < one < 1
    }
    for name in ("name", "message"):
        text = _MARKS.sub(" ", str(subject.definition.written.get(name, "")))
        for found in _NUMBER.findall(text):
            if float(found) in numbers:
                yield f"payload.{name}", f"{found} is a threshold: write {{{{threshold}}}}"

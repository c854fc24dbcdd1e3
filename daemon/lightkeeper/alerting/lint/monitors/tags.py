"""The tags that VA requires must be there, each in a form that Datadog does not change.

Write them as `${tags}`, which variables.json holds; any other as key:value in lower case.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

REQUIRED_TAGS: Final = (
    "form:526ez",
    "service:disability-application",
    "dependency:lighthouse",
    "itportfolio:benefits-delivery",
)
_TAG: Final = re.compile(r"[a-z][a-z0-9_./-]*:[a-z0-9_./-]+")


def check(subject: Subject) -> Iterator[Finding]:
    variables = subject.assets.variables
    found = subject.payload.get("tags")
    given = [str(one) for one in found] if isinstance(found, list) else []
    wanted = (*REQUIRED_TAGS, f"team:{variables['team']}", f"env:{variables['env']}")
    for tag in wanted:
        if tag not in given:
            yield "payload.tags", f"add {tag}"
    for index, tag in enumerate(given):
        if not _TAG.fullmatch(tag):
            yield f"payload.tags[{index}]", f"{tag!r}: write key:value in lower case"

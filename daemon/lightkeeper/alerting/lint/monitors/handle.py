"""A handle must stand apart from every word: Datadog does not see one that is glued to it.

Write a space before `${name}`, and none of a word's letters behind it.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    if subject.glued_word:
        yield (
            "payload.message",
            f"{subject.glued_word} notifies no one, as a handle is glued to a word: write a space "
            "before the handle and behind it",
        )

"""Finds what is wrong with monitors and SLOs before Datadog, or a silent night, does."""

from collections.abc import Callable, Iterator
from typing import Final

from lightkeeper.alerting.files import payload_schema as schema
from lightkeeper.alerting.files.definitions import Assets, Problem
from lightkeeper.alerting.lint import (
    messages as lint_messages,
)
from lightkeeper.alerting.lint import (
    options as lint_options,
)
from lightkeeper.alerting.lint import (
    queries as lint_queries,
)
from lightkeeper.alerting.lint.subject import Finding, Subject


def shape(subject: Subject) -> Iterator[Finding]:
    """The payload has the shape Datadog publishes (looked at where jsonschema is installed)."""
    if schema.available():
        yield from schema.mistakes(
            schema.SLO if subject.is_slo else schema.MONITOR, subject.payload
        )


_ALL: Final = (shape, *lint_queries.RULES, *lint_options.RULES, *lint_messages.RULES)
_NOT_FOR_SLOS: Final = frozenset(
    {*("window", "thresholds", "recovery", "no-data", "variables"), *("channel", "pager")}
)
RULES: Final[dict[str, Callable[[Subject], Iterator[Finding]]]] = {
    rule.__name__.replace("_", "-"): rule for rule in _ALL
}
"""The rules by tag. Each is silenced by its tag in a definition's `silence`."""


def lint(assets: Assets) -> list[Problem]:
    """Return all that is wrong, file by file; silences that silence nothing among it."""
    subjects = [Subject(one, assets, is_slo=False) for one in assets.monitors.values()]
    subjects += [Subject(one, assets, is_slo=True) for one in assets.slos.values()]
    return [problem for subject in subjects for problem in _problems(subject)]


def _problems(subject: Subject) -> Iterator[Problem]:
    file, silenced = subject.definition.file, subject.definition.silence
    for tag, rule in RULES.items():
        if subject.is_slo and tag in _NOT_FOR_SLOS:
            found: list[Finding] = []
        else:
            found = list(dict.fromkeys(rule(subject)))
        if tag not in silenced:
            yield from (Problem(file, path, tag, remedy) for path, remedy in found)
        elif not found:
            yield Problem(file, f"silence.{tag}", "unused-silence", "silences nothing: remove it")
    for tag in sorted(silenced.keys() - RULES.keys()):
        known = ", ".join(RULES)
        yield Problem(file, f"silence.{tag}", "unused-silence", f"no such rule; there are {known}")

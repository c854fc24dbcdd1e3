"""What all rules have in common: they find places and remedies, and files silence them by name."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

from lightkeeper.alerting.errors import Problem
from lightkeeper.alerting.files.definitions import Definition

Finding: TypeAlias = tuple[str, str]
"""A place in the file such as `payload.query`, and what to write there."""

Linted = TypeVar("Linted")
Rule: TypeAlias = Callable[[Linted], Iterator[Finding]]


def by_name(*checks: Rule[Linted]) -> dict[str, Rule[Linted]]:
    """Return the checks by the names of their files: `no_data.py` holds the rule `no-data`."""
    return {check.__module__.rpartition(".")[2].replace("_", "-"): check for check in checks}


def problems(
    definition: Definition, linted: Linted, rules: dict[str, Rule[Linted]]
) -> Iterator[Problem]:
    """Yield what the rules find, and each silence of the file that silences nothing."""
    for name, check in rules.items():
        found = dict.fromkeys(check(linted))
        if name not in definition.silence:
            yield from (Problem(definition.file, path, name, remedy) for path, remedy in found)
        elif not found:
            yield _unused(definition, name, "the rule finds nothing here: remove the silence")
    yield from _unknown(definition, rules)


def _unknown(definition: Definition, rules: Iterable[str]) -> Iterator[Problem]:
    for name in sorted(definition.silence.keys() - set(rules)):
        yield _unused(definition, name, f"no rule has this name: write one of {', '.join(rules)}")


def _unused(definition: Definition, name: str, remedy: str) -> Problem:
    return Problem(definition.file, f"silence.{name}", "unused-silence", remedy)

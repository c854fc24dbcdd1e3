"""A scope and a grouping must use tags that the signal carries, or they match nothing.

Write a tag and a value that telemetry/catalogue.py lists for the signal, or env, service, version.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.scopes import tags_in
from lightkeeper.alerting.query.syntax import (
    ServiceCheckAlert,
)
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Signal
from lightkeeper.telemetry.tags import CONSTANT_TAGS, OPEN_TAGS


def check(subject: Subject) -> Iterator[Finding]:
    for query in subject.queries:
        signal = CATALOGUE.get(query.metric)
        if signal is not None:
            for remedy in _not_carried(signal, [*tags_in(query.scope), *query.by]):
                yield subject.place, remedy
    alert = subject.query
    if isinstance(alert, ServiceCheckAlert) and (signal := CATALOGUE.get(alert.check)):
        for remedy in _not_carried(signal, [*alert.over, *alert.exclude, *alert.by]):
            yield subject.place, remedy


def _not_carried(signal: Signal, texts: list[str]) -> Iterator[str]:
    for text in texts:
        if text == "*":
            continue
        key, _, value = text.partition(":")
        if key in signal.tags:
            values = signal.tags[key]
            open_ended = "*" in value or not values or key in OPEN_TAGS
            if value and value not in values and not open_ended:
                yield f"{signal.name} has no {key}:{value}: write one of {', '.join(values)}"
        elif key not in CONSTANT_TAGS:
            known = ", ".join([*signal.tags, *CONSTANT_TAGS])
            yield f"{signal.name} has no tag {key}: write one of {known}"

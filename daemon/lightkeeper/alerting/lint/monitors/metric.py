"""A query must name signals of the catalogue: the daemon sends no others, so it would see no data.

Write a name from telemetry/catalogue.py, or add the signal there.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import METRIC_KINDS, Subject, metric_signal
from lightkeeper.alerting.query.syntax import ServiceCheckAlert
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind


def check(subject: Subject) -> Iterator[Finding]:
    for query in subject.queries:
        if metric_signal(query) is None:
            yield subject.place, _unknown(query.metric, "metric", *METRIC_KINDS)
    alert = subject.query
    if isinstance(alert, ServiceCheckAlert):
        signal = CATALOGUE.get(alert.check)
        if signal is None or signal.kind is not Kind.SERVICE_CHECK:
            yield subject.place, _unknown(alert.check, "service check", Kind.SERVICE_CHECK)


def _unknown(name: str, what: str, *kinds: Kind) -> str:
    names = [one.name for one in CATALOGUE.values() if one.kind in kinds]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    remedy = f"perhaps {' or '.join(near)}" if near else "add it there, or query another"
    return f"{name} is no {what} of telemetry/catalogue.py: {remedy}"

"""A query of events must name ours by the tag `event`, as the catalogue has them, not by `source`.

Write `event:lightkeeper.document`: Datadog may file a source that it does not know as another.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind

_SOURCE: Final = re.compile(r"(?<![\w.])sources?:")
_NAMED: Final = re.compile(r"(?<![\w.])event:([\w.]+)")


def check(board: Dashboard) -> Iterator[Finding]:
    ours = [one.name for one in CATALOGUE.values() if one.kind is Kind.EVENT]
    for query in (one for one in board.queries if one.source == "event_stream"):
        if _SOURCE.search(query.text):
            yield query.path, "name the events by their tag event, and leave out source"
        for name in _NAMED.findall(query.text):
            if name not in ours:
                yield query.path, f"no event is called {name}: write one of {', '.join(ours)}"

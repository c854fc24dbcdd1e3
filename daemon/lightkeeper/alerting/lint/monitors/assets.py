"""The links beside a message, `assets`, must lead where they say: Datadog shows them as they are.

Write `{"category": "runbook", "name": "Runbook", "url": "${runbook_url}#key"}`, any other link
with a name and https://…; a notebook of Datadog's by `resource_type`, `resource_key` and its path.
"""

from collections.abc import Iterator
from typing import Any

from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, asset in dicts(subject.payload.get("assets"), "payload.assets"):
        url = str(asset.get("url", ""))
        if not str(asset.get("name", "")).strip():
            yield f"{path}.name", "a link without a name is not shown as one: give it a name"
        if url in seen:
            yield f"{path}.url", f"{url} stands here already: leave out one of the two"
        seen.add(url)
        if "{{" in f"{asset.get('name')}{url}":
            yield path, "Datadog fills in no {{…}} here, only in the message: write it in whole"
        yield from _of_runbook(subject, f"{path}.url", url)
        yield from _internal(path, asset, url)


def _of_runbook(subject: Subject, path: str, url: str) -> Iterator[Finding]:
    runbook, anchor = subject.assets.variables["runbook_url"], subject.definition.runbook
    if url.startswith(runbook) and url != f"{runbook}#{anchor}":
        yield path, f"this is not the section of this monitor: write ${{runbook_url}}#{anchor}"


def _internal(path: str, asset: dict[str, Any], url: str) -> Iterator[Finding]:
    kind, key = asset.get("resource_type"), asset.get("resource_key")
    if bool(kind) != bool(key):
        lacking = "resource_key" if kind else "resource_type"
        yield f"{path}.{lacking}", "resource_type and resource_key go together: write both"
    if kind and not url.startswith("/"):
        yield f"{path}.url", f"write the path of Datadog's own {kind}, such as /notebook/1234"

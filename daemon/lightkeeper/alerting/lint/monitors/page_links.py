"""A page must link the board and the events of its time, if variables.json says where they are.

Where it has `datadog_url`, write `${links}`: a link to ${datadog_url}/dashboard/… with
`tpl_var_env=${env}`, and one to ${datadog_url}/event/explorer?…, both with `from_ts` and `to_ts`.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_TIMES: Final = frozenset({"from_ts", "to_ts"})
_LINK: Final = re.compile(r"https?://[^\s()<>\"]+")
_ALERT: Final = frozenset({"is_alert"})


def check(subject: Subject) -> Iterator[Finding]:
    datadog, env = (str(subject.assets.variables.get(one, "")) for one in ("datadog_url", "env"))
    text = subject.rendered.get(_ALERT)
    if not subject.is_page or not datadog or text is None:
        return
    links = _LINK.findall(text)
    board, events = f"{datadog}/dashboard/", f"{datadog}/event/explorer"
    if not any(_leads(link, board, {"tpl_var_env": env}) for link in links):
        yield (
            "payload.message",
            f"it links no board as it was at the alert: write ${{links}}, or {board}… with "
            "tpl_var_env=${env}, from_ts and to_ts",
        )
    if not any(_leads(link, events, {}) for link in links):
        yield (
            "payload.message",
            f"it links no events: write ${{links}}, or {events}?… with query, from_ts and to_ts",
        )


def _leads(link: str, place: str, wanted: dict[str, str]) -> bool:
    given = parse_qs(urlsplit(link).query)
    as_wanted = all(given.get(name) == [value] for name, value in wanted.items())
    return link.startswith(place) and as_wanted and given.keys() >= _TIMES

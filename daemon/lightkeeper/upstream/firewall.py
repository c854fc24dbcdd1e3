"""Recognises the answer of a firewall or proxy that stands where Lighthouse's should. Pure.

Such an answer says nothing about documents or tokens. Its support id is what those who run the
firewall ask for.
"""

import html
import re
from typing import Final

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.upstream.http import Response

_READ: Final = 65_536
"""Bytes of the beginning of a body, and of its end, that are looked at."""
_TAG: Final = re.compile(r"<[^<>]*>")
_SEPARATORS: Final = re.compile(r"[\s\"'{}\[\],]+")
_REJECTED: Final = re.compile(
    r"(?i)\brequest(?:ed url)? (?:was |has been )?(?:rejected|blocked)|\bsupport[ _-]?id\b"
)
_SUPPORT_ID: Final = re.compile(
    r"(?i)\b(?:(?:support|incident|reference|event|ray|case|transaction|request)[ _-]?"
    r"(?:id|number|code|no\.?)? ?(?:is)? ?[:#] ?#?:? ?|(?:support|incident)[ _-]?id (?:is )?)"
    r"(?=[0-9A-Z.-]*[0-9])([0-9A-Z][0-9A-Z.-]{2,62}[0-9A-Z])(?![\w-])"
)
_BLOCKED_PAGE: Final = re.compile(
    r"(?i)\bfirewall\b|\baccess denied\b|\bblocked\b|\b(?:incident|ray) id\b|\breference #"
)
_OWN: Final = frozenset({413, 429})
"""What a gateway in front of Lighthouse says by these is meant for this client."""
_BETWEEN: Final = frozenset({407, 511})
"""No server answers so: a proxy on the way wants a login."""


class Blocked(LightkeeperError):
    """A firewall or proxy answered in Lighthouse's place."""


def named(response: Response, whose: str = "Lighthouse's") -> str | None:
    """That a firewall answered in `whose` place, its support id, and what to do.

    None where the answer may be `whose` own. None of the firewall's words are repeated.
    """
    if response.status in _OWN:
        return None
    ends = response.body[:_READ] + response.body[_READ:][-_READ:]
    text = ends.decode("utf-8", "replace")
    is_page = text.lstrip("\ufeff \r\n\t").startswith("<")
    text = _SEPARATORS.sub(" ", _TAG.sub(" ", html.unescape(text) if is_page else text))
    # Lighthouse answers 403 as JSON; its gateway's own pages have other statuses.
    is_blocked_page = is_page and (
        response.status == 403
        or (response.status in {200, 401} and _BLOCKED_PAGE.search(text) is not None)
    )
    if response.status not in _BETWEEN and not is_blocked_page and not _REJECTED.search(text):
        return None
    found = _SUPPORT_ID.search(text)
    support = f"support id {found[1]}" if found else "no support id"
    return (
        f"a firewall or proxy answered {response.status} in {whose} place ({support}): "
        "ask those who run it to let this host through"
    )

"""Datadog's API: it lists whole, and repeats only what it may.

A call that changes nothing more when it is repeated is repeated after 5xx and broken connections;
what creates an object is not. No key, and nothing else of a request, is ever in an error.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeGuard
from urllib.parse import urlsplit

import orjson
import requests

from lightkeeper.alerting.account.access import Access
from lightkeeper.alerting.account.errors import (
    AccessRefused,
    Gone,
    PayloadRefused,
    Unanswered,
    Uncertain,
    WrongNetwork,
)
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import KEY_TAG

_TIMEOUT: Final = (5.0, 60.0)
_TRIES: Final = 6
_LONGEST_RESET: Final = 120.0
_LONGEST_WAIT: Final = 900.0
_UNTRUSTED: Final = (
    "has a certificate that is not trusted: if your network re-signs TLS, REQUESTS_CA_BUNDLE must "
    "name a file with its root certificate"
)
_BROKEN: Final = (
    (requests.exceptions.SSLError, _UNTRUSTED),
    (requests.exceptions.ProxyError, "cannot be reached through the proxy"),
    (requests.exceptions.Timeout, "does not answer in time"),
    (requests.exceptions.ChunkedEncodingError, "breaks off its answer"),
    (requests.exceptions.ContentDecodingError, "answers with what cannot be unpacked"),
)
_NO_ADDRESS: Final = (
    "HTTPS_PROXY, or else DD_SITE, is no address that can be called: write http://HOST:PORT"
)
_NO_ROOTS: Final = (
    "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE: there is no such file: name one with root certificates"
)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")


class Paged(NamedTuple):
    """A list that comes in pages: what names their beginning and size, and what holds the rows."""

    path: str
    begin: str
    size: str
    most: int
    inside: str = ""
    by_page: bool = False
    """Whether the beginning is the number of a page, and not that of a row."""
    needs: str = ""
    """The permission, where it has another name than those of the kinds of objects."""


_PAGES: Final = {
    ObjectKind.SLO: Paged("/api/v1/slo", "offset", "limit", 1000, "data"),
    ObjectKind.MONITOR: Paged("/api/v1/monitor", "page", "page_size", 1000, by_page=True),
    ObjectKind.DASHBOARD: Paged("/api/v1/dashboard", "start", "count", 100, "dashboards"),
}


class Account:
    """One account. `sleep` takes seconds, and `say` a line about a wait."""

    def __init__(
        self,
        access: Access,
        *,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.access = access
        self.sleep = sleep
        self._say = say
        self._session = requests.Session()
        self._session.headers.update(
            {"DD-API-KEY": access.api_key, "DD-APPLICATION-KEY": access.app_key}
        )
        if urlsplit(access.url).scheme == "http":
            self._session.trust_env = False  # no proxy stands before loopback

    def organisation(self) -> str | None:
        """The id of the keys' organisation; None where Datadog does not say.

        Raises AccessRefused for an API key that the site does not know.
        """
        try:
            found = self.call("GET", "/api/v2/validate", what="a trial of the keys")
        except AccessRefused:
            raise AccessRefused(
                f"DD_API_KEY: {self.access.site} does not know this key: see that DD_SITE is the "
                "site of the key's organisation"
            ) from None
        except Gone:
            return None
        data = found.get("data") if isinstance(found, dict) else None
        return str(data.get("id")) if isinstance(data, dict) else None

    def listed(self, kind: ObjectKind, mark: str = "") -> list[Payload]:
        """Every object of a kind; of dashboards what their list has of each.

        With a mark, Datadog may leave out those that do not carry it.
        """
        marked = {"monitor_tags": f"{KEY_TAG}{mark}"} if mark else {}
        return self.rows(_PAGES[kind], f"{kind}s", marked if kind is ObjectKind.MONITOR else {})

    def rows(
        self, pages: Paged, what: str, only: Mapping[str, str] | None = None
    ) -> list[Payload]:
        """Every row of a list, each once; `only` are parameters that narrow it."""
        found: dict[str, Payload] = {}
        at = 0
        # Until a page is empty, and not until one is short: the server may give fewer than asked.
        while True:
            page = self._page(pages, {pages.begin: at, **(only or {})}, what)
            new = {str(one["id"]): one for one in page if str(one["id"]) not in found}
            if not new:
                return list(found.values())
            found |= new
            at += 1 if pages.by_page else len(page)

    def one(self, kind: ObjectKind, number: str) -> Payload:
        """One object, whole. Raises Gone."""
        return _single(self.call("GET", _path(kind, number), what=f"{kind} {number}"))

    def create(self, kind: ObjectKind, payload: Payload, what: str) -> Payload:
        """Make an object. Raises Uncertain where it may have been made all the same."""
        return _single(self.call("POST", _path(kind), body=payload, what=what))

    def update(self, kind: ObjectKind, number: str, payload: Payload, what: str) -> Payload:
        """Change an object. Raises Gone."""
        return _single(self.call("PUT", _path(kind, number), body=payload, what=what))

    def delete(self, kind: ObjectKind, number: str, what: str) -> None:
        """Delete an object, or find that it is gone."""
        with suppress(Gone):
            self.call("DELETE", _path(kind, number), what=what)

    def validate(self, payload: Payload, what: str) -> None:
        """Raise PayloadRefused where Datadog would not take a monitor."""
        self.call("POST", "/api/v1/monitor/validate", body=payload, what=what)

    def may(self, kind: ObjectKind, *, write: bool) -> bool:
        """Tell whether the keys may read or write objects of a kind; it changes nothing."""
        pages = _PAGES[kind]
        number = {ObjectKind.MONITOR: "0", ObjectKind.SLO: "0" * 32}.get(kind, "aaa-aaa-aaa")
        if write:  # an object that no account has: with the right to write, 404 is the answer
            return self.allows("PUT", _path(kind, number), body={})
        return self.allows("GET", pages.path, query={pages.begin: 0, pages.size: 1})

    def allows(self, method: str, path: str, **more: Any) -> bool:
        """Tell whether the keys may make a call, which must be one that changes nothing."""
        try:
            self.call(method, path, what=f"a trial of {path}", **more)
        except AccessRefused:
            return False
        except (Gone, PayloadRefused):
            return True
        return True

    def _page(self, pages: Paged, given: Mapping[str, Any], what: str) -> list[Payload]:
        query = {pages.size: pages.most, **given}
        with suppress(Gone):
            answer = self.call("GET", pages.path, query=query, what=what, needs=pages.needs)
            inside = pages.inside and isinstance(answer, dict)
            rows = answer.get(pages.inside) if inside else answer
            if isinstance(rows, list) and all(map(_is_object, rows)):
                return rows
        raise Unanswered(f"{self.access.site} answers with no list of {what}: is DD_SITE right?")

    def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: dict[str, Any] | None = None,
        body: Payload | None = None,
        needs: str = "",
    ) -> Any:
        """The answer's JSON. Raises the errors of errors.py.

        `what` is what the call is about, and `needs` the permission for it, if it is no object's.
        """
        creates = method == "POST" and not path.endswith("/validate")
        waited, last = 0.0, ""
        for turn in range(_TRIES * 10):
            status, found, headers, why = self._once(method, path, query or {}, body)
            if why == _UNTRUSTED and not creates:
                raise Unanswered(f"{what}: {self.access.site} {why}")
            if 200 <= status < 300 and (found is not None or status == 204):
                return found
            if status == 429:
                last, pause = "is asked too often", _reset(headers)
                self._say(f"Datadog asks for a pause of {pause:.0f} s")
            elif status == 0 or status >= 500:
                last = f"answers {status}" if status else why
                if creates:
                    raise Uncertain(f"{what}: {self.access.site} {last}: run it again")
                if turn + 1 >= _TRIES:
                    break
                pause = 0.5 * 2**turn
            else:
                raise self._error(method, status, found, what, needs)
            if waited + pause > _LONGEST_WAIT:
                break
            waited += pause
            self.sleep(pause)
        raise Unanswered(f"{what}: {self.access.site} {last}: try again later")

    def _once(
        self, method: str, path: str, query: dict[str, Any], body: Payload | None
    ) -> tuple[int, Any, Mapping[str, str], str]:
        """Status, JSON and headers of an answer; status 0 and why, where there is none."""
        try:
            answer = self._session.request(
                method,
                self.access.url + path,
                params=query,
                json=body,
                timeout=_TIMEOUT,
                allow_redirects=False,  # to wherever it leads, the keys do not go
            )
        except requests.RequestException as exc:
            if isinstance(exc, ValueError):
                raise WrongNetwork(_NO_ADDRESS) from None
            why = _broken(exc)
            if isinstance(exc, requests.Timeout):
                self._say(f"{self.access.site} {why}: it is asked again")
            return 0, None, {}, why
        except OSError:
            raise WrongNetwork(_NO_ROOTS) from None
        try:
            return answer.status_code, orjson.loads(answer.content), answer.headers, ""
        except ValueError:  # also what no JSON may hold, such as NaN, or half of a character
            return answer.status_code, None, answer.headers, ""

    def _error(self, method: str, status: int, found: Any, what: str, needs: str) -> Exception:
        said = self._words(found)
        if 300 <= status < 400:
            return Unanswered(f"{what}: {self.access.site} answers {status}: is DD_SITE right?")
        if found is None or status == 407:
            unclear = Uncertain if method == "POST" and status < 300 else Unanswered
            return unclear(
                f"{what}: {self.access.site} answers {status} with no JSON, as a proxy or a "
                "firewall does: see what stands between"
            )
        if status in (401, 403) and not (method == "DELETE" and "referenced" in said):
            kind = what.partition(" ")[0].rstrip("s")
            lacking = needs or f"{kind}s_{'read' if method == 'GET' else 'write'}"
            return AccessRefused(
                f"{what}: {self.access.site} answers {status}{said}: the keys are not of this "
                f"site, or lack {lacking}: run `lightkeeper account check`"
            )
        if status == 404:
            advice = "see that the id is right" if method == "GET" else "make a new plan"
            return Gone(f"{what}: {self.access.site} answers 404{said}: {advice}")
        advice = (
            "is DD_SITE right?" if method == "GET" else "correct its file, and make a new plan"
        )
        if "tag" in said.lower():
            advice = "where the organisation demands a tag, add it to `tags` in variables.json"
        if "referenced" in said:
            advice = "something else in the account uses it: take it out there first"
        if needs:
            advice = "do it by hand in Datadog"
        return PayloadRefused(f"{what}: {self.access.site} answers {status}{said}: {advice}")

    def _words(self, found: Any) -> str:
        """What the server says in an error, in plain characters and without our keys."""
        errors = found.get("errors") if isinstance(found, dict) else None
        texts = errors if isinstance(errors, list) else [errors] if errors else []
        said = _UNPRINTABLE.sub(" ", "; ".join(str(one) for one in texts))
        for key in (self.access.api_key, self.access.app_key):
            said = said.replace(key, "…")
        return f" ({said[:300]})" if said else ""


def _path(kind: ObjectKind, number: str | None = None) -> str:
    return f"/api/v1/{kind}" if number is None else f"/api/v1/{kind}/{number}"


def _single(answer: Any) -> Payload:
    """The object of an answer; SLOs come in `data`, as a list or not."""
    found = answer.get("data", answer) if isinstance(answer, dict) else answer
    one = found[0] if isinstance(found, list) and found else found
    if not _is_object(one):
        raise Uncertain("Datadog answers with no object: run it again")
    return one


def _is_object(found: Any) -> TypeGuard[Payload]:
    return isinstance(found, dict) and isinstance(found.get("id"), str | int)


def _reset(headers: Any) -> float:
    try:
        seconds = float(headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return 5.0
    return min(max(0.1, seconds), _LONGEST_RESET)  # not a number: 0.1


def _broken(exc: requests.RequestException) -> str:
    """Why there is no answer; an exception of requests quotes the address, and is not shown."""
    return next((said for kind, said in _BROKEN if isinstance(exc, kind)), "cannot be reached")

"""VA's list of maintenance windows: `GET /v0/maintenance_windows`, JSON:API, for everyone to read.

It has the windows that are not over yet. What it says is never taken for less than it may be: an
entry that cannot be read is counted, and an answer that is no list is an error.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.maintenance_windows import Listed
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.upstream import firewall
from lightkeeper.upstream.benefits_documents import parse
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.transport_errors import TransportError

PATH: Final = "/v0/maintenance_windows"
DEADLINE_SECONDS: Final = 5.0
"""It is read between two slices of polling."""
_MOST: Final = 1_000
_LONGEST_REASON: Final = 500
_LONGEST_ID: Final = 64


class ListUnread(LightkeeperError):
    """VA's list of maintenance windows could not be read."""


class ListReading(NamedTuple):
    """The windows of the services that were asked for, and how many entries cannot be read."""

    windows: list[Listed]
    unreadable_count: int


class MaintenanceList:
    """The list at one address; `services` are the steps that each service's windows are of."""

    def __init__(
        self, transport: Transport, url: str, services: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._transport = transport
        self.url = url.removesuffix(PATH) + PATH
        self._services = services

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def read(self) -> ListReading:
        """Read the list as it is now, in a few seconds; raises `ListUnread`."""
        self._transport.begin()
        try:
            response = self._transport.send(
                "GET", self.url, headers={"Accept": "application/json"}
            )
        except TransportError as exc:
            raise ListUnread(str(exc)) from exc
        try:
            body = parse.decode(response.body) if response.status == 200 else None
        except parse.Undecodable:
            body = None
        entries = body.get("data") if isinstance(body, dict) else None
        if isinstance(entries, list):
            return self._reading(entries)
        if blocked := firewall.named(response, "VA's"):
            raise ListUnread(blocked)
        no_list = ", but the body is no list of maintenance windows"
        raise ListUnread(f"VA answered {response.status}{no_list * (response.status == 200)}")

    def _reading(self, entries: list[Any]) -> ListReading:
        windows: dict[str, Listed] = {}
        unreadable = 0
        for entry in entries:
            attributes = entry.get("attributes") if isinstance(entry, dict) else None
            service = attributes.get("external_service") if isinstance(attributes, dict) else None
            if isinstance(service, str) and service not in self._services:
                continue
            listed = self._listed(entry, service)
            if listed is None or (len(windows) >= _MOST and listed.va_id not in windows):
                unreadable += 1
            elif windows.setdefault(listed.va_id, listed) != listed:
                unreadable += 1  # two windows under one id: the next list may have them reversed
        return ListReading(list(windows.values()), unreadable)

    def _listed(self, entry: Any, service: Any) -> Listed | None:
        if not isinstance(service, str):
            return None
        attributes, found_id = entry["attributes"], entry.get("id")
        va_id = _line(str(found_id)) if type(found_id) in {int, str} else ""
        starts_at = _instant(attributes.get("start_time"))
        ends_at = _instant(attributes.get("end_time"))
        if not 0 < len(va_id) <= _LONGEST_ID or starts_at is None or ends_at is None:
            return None
        if ends_at <= starts_at:
            return None
        description = attributes.get("description")
        said = _line(description) if isinstance(description, str) else ""
        reason = f"{service}: {said}" if said else f"{service} is out"
        return Listed(va_id, starts_at, ends_at, self._services[service], reason[:_LONGEST_REASON])


def _line(text: str) -> str:
    """The text in one printable line."""
    text = " ".join(text[: 4 * _LONGEST_REASON].split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _instant(value: Any) -> Instant | None:
    """A time in ISO 8601, UTC if it names no zone; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        at = round(zoned.timestamp() * SECOND)
    except (ValueError, OverflowError):
        return None
    return at if at >= 0 else None

"""DogStatsD, guarded: nothing malformed leaves, nothing raises, and what was lost is known.

The client below drops, mangles or raises on a good many inputs; this module is the only one
that speaks to it. Only counts, gauges, distributions and events are sent, never sampled.
"""

import logging
import math
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from datadog.dogstatsd.base import DogStatsd

from lightkeeper.catalogue import CATALOGUE, OPEN_TAGS, Kind, Signal

MAX_TITLE_BYTES: Final = 200
MAX_TEXT_BYTES: Final = 4_000
MAX_TAG_VALUE: Final = 180  # Datadog's 200 are for key and value together
ALERT_TYPES: Final = frozenset({"error", "warning", "info", "success"})
_FOREVER_SECONDS: Final = 10**12  # also from a clock that stood at 1970
_LOOK_EVERY: Final = 100
_ODD_IN_TAG = re.compile(r"[^a-z0-9_./-]")
_ODD_IN_KEY = re.compile(r"[^A-Za-z0-9_:./-]")

log = structlog.get_logger()


class UncataloguedSignal(ValueError):
    """A signal left the code that the catalogue does not know: a mistake of ours."""


class Emitter:
    """Sends what the catalogue names. `strict` (tests) raises on anything else.

    `url` is `unix:///path` or `udp://host:port`.
    """

    def __init__(
        self, url: str, *, constant_tags: Iterable[str] = (), strict: bool = False
    ) -> None:
        # Its own words on every lost packet would flood the log; ours come once.
        logging.getLogger("datadog.dogstatsd").setLevel(logging.CRITICAL)
        self._client: Any = DogStatsd(
            **_address(url),
            constant_tags=list(constant_tags),
            disable_buffering=False,
            # No thread of its own: what is sent goes when the buffer is full or we say so.
            flush_interval=0,
            # With the default of 0 a live but busy Agent on a socket loses packets.
            socket_timeout=1,
            # Its telemetry would reset the counters by which losses are seen.
            telemetry_min_flush_interval=_FOREVER_SECONDS,
            origin_detection_enabled=False,
        )
        self._strict = strict
        self._refused: set[str] = set()
        self._known: dict[tuple[object, ...], list[str] | None] = {}
        self._dropped_before = 0
        self._tried_before = 0
        self.lost_count = 0
        """Deliveries that did not reach the Agent."""
        self.reachable: bool | None = None
        """Whether the last delivery reached the Agent, as far as anybody can know."""

    def count(self, name: str, value: float, **tags: str) -> None:
        """Add `value` to a count."""
        if (checked := self._check(name, Kind.COUNT, tags)) is not None and self._finite(value):
            self._client.increment(name, value, tags=checked)

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Set a gauge. It describes the store, so it carries an empty host."""
        if (checked := self._check(name, Kind.GAUGE, tags)) is not None and self._finite(value):
            self._client.gauge(name, value, tags=checked)

    def distribution(self, name: str, values: Iterable[float], **tags: str) -> None:
        """Add values to a distribution."""
        if (checked := self._check(name, Kind.DISTRIBUTION, tags)) is not None:
            send = self._client.distribution
            for at, value in enumerate(values):
                if at % _LOOK_EVERY == 0 and self._losing():
                    return
                if self._finite(value):
                    send(name, value, checked)

    def event(
        self,
        name: str,
        title: str,
        text: str,
        *,
        alert_type: str,
        aggregation_key: str,
        **tags: str,
    ) -> None:
        """Send an event; texts are cut at whole characters to the bytes the Agent takes."""
        if (checked := self._check(name, Kind.EVENT, tags)) is None:
            return
        # Apart from all else: the client's buffer counts characters, the Agent's takes bytes.
        self._client.flush()
        self._client.event(
            # The Agent refuses an empty title, and reads a backslash and an n as a line's end.
            _cut(title.replace("\\n", "\n").strip() or name, MAX_TITLE_BYTES),
            _cut(text, MAX_TEXT_BYTES),
            alert_type=alert_type if alert_type in ALERT_TYPES else "info",
            aggregation_key=_ODD_IN_KEY.sub("_", aggregation_key)[:100],
            source_type_name="lightkeeper",
            tags=checked,
        )
        self._client.flush()

    def handed_over(self) -> bool:
        """Flush; whether all sent since the last call of this reached the Agent's socket.

        Over UDP only a refusal on this machine can be noticed.
        """
        self._client.flush()
        lost = self._losing() or self._refusal_pending()
        self._dropped_before = self._client.packets_dropped
        tried = self._client.packets_sent + self._client.packets_dropped
        if tried == self._tried_before and not lost:
            return True  # and nothing was learned about the Agent
        self._tried_before = tried
        if lost:
            self.lost_count += 1
        if lost and self.reachable is not False:
            log.warning("emit.agent.away", lost_deliveries=self.lost_count)
        elif not lost and self.reachable is False:
            log.info("emit.agent.back", lost_deliveries=self.lost_count)
        self.reachable = not lost
        return not lost

    def close(self) -> None:
        """Send what is buffered and close the socket."""
        self.handed_over()
        self._client.stop(timeout=2)
        self._client.close_socket()

    def _losing(self) -> bool:
        """Whether something was lost since the last hand-over.

        Then no more is tried until the next: to an Agent that reads no more, every further
        datagram costs a second.
        """
        return bool(self._client.packets_dropped > self._dropped_before)

    def _refusal_pending(self) -> bool:
        """A closed UDP port answers after the send; the error waits on the socket."""
        sock = self._client.socket
        if sock is None or sock.family == socket.AF_UNIX:
            return False
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _check(self, name: str, kind: Kind, tags: Mapping[str, str]) -> list[str] | None:
        """The tags as the client wants them; None for a signal that must not leave."""
        if self._losing():
            return None
        key = (kind, name, *tags.items())
        if key not in self._known:
            problem = _problem(CATALOGUE.get(name), name, kind, tags)
            if problem is not None:
                self._refuse(problem)
            checked = [f"{tag}:{tag_value(value)}" for tag, value in tags.items()]
            if kind is Kind.GAUGE:
                checked.append("host:")
            if kind is Kind.EVENT:
                checked.append(f"event:{name}")
            self._known[key] = None if problem is not None else checked
        return self._known[key]

    def _finite(self, value: float) -> bool:
        # Not a bool, which would be sent as a word, nor an integer too large for a float.
        if type(value) is float and math.isfinite(value):
            return True
        if type(value) is int and abs(value) < 2**63:
            return True
        self._refuse(f"not a finite number: {value!r:.40}")
        return False

    def _refuse(self, problem: str) -> None:
        if self._strict:
            raise UncataloguedSignal(problem)
        if problem not in self._refused and len(self._refused) < 100:
            self._refused.add(problem)
            log.error("emit.signal.refused", problem=problem)


def tag_value(text: str) -> str:
    """`text` as Datadog keeps a tag value: lower case, no odd characters, bounded, not empty."""
    return _ODD_IN_TAG.sub("_", text.lower())[:MAX_TAG_VALUE] or "_"


def _problem(signal: Signal | None, name: str, kind: Kind, tags: Mapping[str, str]) -> str | None:
    if signal is None or signal.kind is not kind:
        return f"{name} is not a {kind} in the catalogue"
    if tags.keys() != signal.tags.keys():
        return f"{name} has the tags {sorted(signal.tags)}, not {sorted(tags)}"
    for tag, value in tags.items():
        if value not in signal.tags[tag] and tag not in OPEN_TAGS:
            return f"{name}: {value!r} is no {tag} in the catalogue"
    return None


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "udp":
        return {"host": parts.hostname or "localhost", "port": parts.port or 8125}
    return {"socket_path": url}


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, as sent: a newline takes two."""
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate would lose the datagram
    while len(encoded := text.replace("\n", "\\n").encode()) > limit:
        text = text[: max(0, len(text) - max(1, (len(encoded) - limit) // 4))]
    return text

"""Sends signals to the Datadog Agent by DogStatsD: nothing malformed, and losses are counted.

Datadog's client drops, mangles or raises on many inputs, so this module alone calls it. Nothing
is sampled.
"""

import logging
import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from datadog.dogstatsd.base import DogStatsd

from lightkeeper.domain.plain_text import harmless
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.logging import redact
from lightkeeper.telemetry.signals import Kind, Signal
from lightkeeper.telemetry.tag_values import tag_value
from lightkeeper.telemetry.tags import OPEN_TAGS

MAX_TITLE_BYTES: Final = 200
MAX_TEXT_BYTES: Final = 4_000
MAX_MESSAGE_BYTES: Final = 500
ALERT_TYPES: Final = frozenset({"error", "warning", "info", "success"})
CHECK_STATES: Final = frozenset(range(4))
_FOREVER_SECONDS: Final = 10**12  # also from a clock that stood at 1970
_VALUES_A_LINE: Final = 50  # with long tags still one UDP datagram
_LOG_EVERY_SECONDS: Final = 60.0
_DATADOGS: Final = ("DD_", "DATADOG_")
_CONTROL = re.compile(r"[\x00-\x1f\x7f|]+")
_ODD_IN_KEY = re.compile(r"[^A-Za-z0-9_:./-]")

log = structlog.get_logger()


class UncataloguedSignal(ValueError):
    """The catalogue does not have this signal: a mistake in lightkeeper."""


class Emitter:
    """Sends the signals of the catalogue; refuses all others, or raises if `strict` (for tests).

    `url` is `unix:///path` or `udp://host:port`; `constant_tags` are on every signal that has
    no tag with the same key. `before_each` is called before each signal, for an Agent in this
    process to read what was sent: its socket holds few packets.
    """

    def __init__(
        self,
        url: str,
        *,
        constant_tags: Mapping[str, str] | None = None,
        strict: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        before_each: Callable[[], object] | None = None,
    ) -> None:
        # The client logs every lost packet; we log at most once a minute.
        logging.getLogger("datadog.dogstatsd").setLevel(logging.CRITICAL)
        with _without_datadog_variables():
            self._client: Any = DogStatsd(
                **_address(url),
                disable_buffering=False,
                # No thread: the client sends when its buffer is full or when we flush it.
                flush_interval=0,
                # With the default of 0 packets to a busy Agent on a Unix socket are lost.
                socket_timeout=1,
                # The client's telemetry resets the counters from which we know the losses.
                telemetry_min_flush_interval=_FOREVER_SECONDS,
                origin_detection_enabled=False,
            )
        self._constant = dict(constant_tags or {})
        self._strict = strict
        self._monotonic = monotonic
        self._before_each = before_each
        self._refused: set[str] = set()
        self._known: dict[tuple[str, ...], list[str]] = {}
        self._dropped_before = 0
        self._tried_before = 0
        self.lost_count = self.refused_count = 0
        """Packets that did not reach the Agent; signals that the catalogue does not have."""
        self._reported = (0, 0)
        self._log_after = 0.0
        self._unreachable_logged = False
        self.reachable: bool | None = None
        """Whether the last flush reached the Agent, as far as can be known; None before it."""

    def count(self, name: str, value: float, **tags: str) -> None:
        """Add `value` to a count."""
        if (checked := self._check(name, Kind.COUNT, tags)) is not None and self._finite(value):
            self._client.increment(name, value, tags=checked)

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Set a gauge, with an empty host, because it describes the store."""
        if (checked := self._check(name, Kind.GAUGE, tags)) is not None and self._finite(value):
            self._client.gauge(name, value, tags=checked)

    def distribution(self, name: str, values: Iterable[float], **tags: str) -> None:
        """Add values to a distribution, many to a line as Agents from 7.25 on read them."""
        if (checked := self._check(name, Kind.DISTRIBUTION, tags)) is not None:
            texts = [str(value) for value in values if self._finite(value)]
            for at in range(0, len(texts), _VALUES_A_LINE):
                if self._losing():
                    return
                line = ":".join(texts[at : at + _VALUES_A_LINE])
                self._client.distribution(name, line, checked)

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
        """Send an event. Title and text are cut, at whole characters, to what the Agent takes."""
        if (checked := self._check(name, Kind.EVENT, tags)) is None:
            return
        # In a packet of its own: the client counts characters, the Agent bytes.
        self._client.flush()
        self._client.event(
            # The Agent refuses an empty title, and reads a backslash and an n as a line end.
            _cut(title.replace("\\n", "\n").strip() or name, MAX_TITLE_BYTES),
            _cut(text, MAX_TEXT_BYTES),
            alert_type=alert_type if alert_type in ALERT_TYPES else "info",
            aggregation_key=_ODD_IN_KEY.sub("_", aggregation_key)[:100],
            source_type_name="lightkeeper",
            tags=checked,
        )
        self._client.flush()

    def service_check(self, name: str, *, status: int, message: str = "") -> None:
        """Send a service check's status: 0 OK, 1 warning, 2 critical, 3 unknown.

        The message may quote a database: it is redacted.
        """
        if status not in CHECK_STATES:
            self._refuse(f"{name}: {status} is no state of a check")
            self.refused_count += 1
        elif (checked := self._check(name, Kind.SERVICE_CHECK, {})) is not None:
            plain = _cut(harmless(_CONTROL.sub(" ", redact(message))), MAX_MESSAGE_BYTES)
            self._client.service_check(name, status, tags=checked, message=plain or None)

    def flush(self) -> bool:
        """Send what is buffered; whether all since the last flush reached the Agent's socket.

        Over UDP only a refusal on this machine is noticed.
        """
        self._client.flush()
        lost = self._client.packets_dropped - self._dropped_before or self._refusal_pending()
        self._dropped_before = self._client.packets_dropped
        tried = self._client.packets_sent + self._client.packets_dropped
        if tried == self._tried_before and not lost:
            return True  # nothing was sent: `reachable` stays as it is
        self._tried_before = tried
        self.lost_count += lost
        self.reachable = not lost
        self._log_losses()
        if not lost:
            self._report_losses()
        return not lost

    def _log_losses(self) -> None:
        """Log that the Agent is unreachable, at most once a minute, and when it is reachable."""
        if not self.reachable and self._monotonic() >= self._log_after:
            log.warning("dogstatsd.agent.unreachable", lost_packets=self.lost_count)
            self._log_after = self._monotonic() + _LOG_EVERY_SECONDS
            self._unreachable_logged = True
        elif self.reachable and self._unreachable_logged:
            log.info("dogstatsd.agent.reachable", lost_packets=self.lost_count)
            self._unreachable_logged = False

    def unreported_losses(self) -> tuple[int, int]:
        """How many packets were lost and signals refused that no count has reported yet."""
        lost, refused = self._reported
        return self.lost_count - lost, self.refused_count - refused

    def _report_losses(self) -> None:
        """Send the counts of what was lost and refused, now that the Agent is reachable."""
        totals = (self.lost_count, self.refused_count)
        lost, refused = self.unreported_losses()
        if lost:
            self.count("lightkeeper.dogstatsd.lost", lost)
        if refused:
            self.count("lightkeeper.dogstatsd.refused", refused)
        if lost or refused:
            self._client.flush()
        if not self._losing():
            self._reported = totals

    def close(self) -> None:
        """Send what is buffered and close the socket."""
        self.flush()
        self._client.stop(timeout=2)
        self._client.close_socket()

    def _losing(self) -> bool:
        """Whether a packet was lost since the last flush.

        Nothing more is sent until the next one: each datagram to a stalled Agent costs a second.
        """
        return bool(self._client.packets_dropped > self._dropped_before)

    def _refusal_pending(self) -> int:
        """1 where a closed UDP port refused a packet: the socket has the error after the send."""
        sock = self._client.socket
        if sock is None or sock.family == socket.AF_UNIX:
            return 0
        return int(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0)

    def _check(self, name: str, kind: Kind, tags: Mapping[str, str]) -> list[str] | None:
        """The tags as the client takes them; None for a signal that must not be sent."""
        if self._before_each is not None:
            self._before_each()
        if self._losing():
            return None
        key = (kind, name, *tags, *tags.values())
        if (known := self._known.get(key)) is not None:
            return known
        if (problem := _problem(CATALOGUE.get(name), name, kind, tags)) is not None:
            self._refuse(problem)
            self.refused_count += 1
            return None
        values = self._constant | {tag: tag_value(value) for tag, value in tags.items()}
        checked = [f"{tag}:{value}" for tag, value in values.items()]
        if kind is Kind.GAUGE:
            checked.append("host:")
        if kind is Kind.EVENT:
            checked.append(f"event:{name}")
        self._known[key] = checked
        return checked

    def _finite(self, value: float) -> bool:
        # A bool would be sent as a word, and some integers are too large for a float.
        if type(value) is float and math.isfinite(value):
            return True
        if type(value) is int and abs(value) < 2**63:
            return True
        self._refuse(f"not a finite number: {value!r:.40}")
        self.refused_count += 1
        return False

    def _refuse(self, problem: str) -> None:
        if self._strict:
            raise UncataloguedSignal(problem)
        if problem not in self._refused and len(self._refused) < 100:
            self._refused.add(problem)
            log.error("dogstatsd.signal.refused", problem=problem)


@contextmanager
def _without_datadog_variables() -> Iterator[None]:
    """Hide Datadog's variables from the client, which finds there what the settings decide.

    One silences every metric, others put tags and fields of any length on every line.
    """
    hidden = {name: os.environ[name] for name in os.environ if name.startswith(_DATADOGS)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


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

"""
The DogStatsD protocol, read strictly.

Whatever the Datadog Agent would reject, cut short, misread or silently change is an error here.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

MAX_DATAGRAM_BYTES = 8192  # the Agent's default buffer; it drops what does not fit
TELEMETRY_PREFIX = "datadog.dogstatsd.client."

MetricType = Literal["count", "gauge", "distribution"]

_KINDS: dict[str, MetricType] = {"c": "count", "g": "gauge", "d": "distribution"}
_UNUSED_KINDS = {"h": "histogram", "ms": "timing", "s": "set"}
_ALERT_TYPES = ("error", "warning", "info", "success")
_PRIORITIES = ("normal", "low")
_STATUSES = ("0", "1", "2", "3")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,199}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Eleven digits reach the year 5138: a longer number is milliseconds.
_EPOCH_SECONDS = re.compile(r"[1-9][0-9]{0,10}")
_TAG = re.compile(r"([^\W\d_][\w./-]*):([\w:./-]*[\w./-])")
_EVENT_HEADER = re.compile(rb"_e\{([0-9]{1,4}),([0-9]{1,4})\}:")

_ORIGIN_FIELDS = ("c:", "e:", "card:")
_METRIC_FIELDS = ("#", "T", *_ORIGIN_FIELDS)
_EVENT_FIELDS = ("#", "d:", "h:", "k:", "p:", "s:", "t:", *_ORIGIN_FIELDS)
_CHECK_FIELDS = ("#", "d:", "h:", "m:", *_ORIGIN_FIELDS)


@dataclass(frozen=True, slots=True)
class Metric:
    """One value of one metric; a packed line gives one `Metric` a value."""

    kind: MetricType
    name: str
    value: float
    tags: dict[str, str]
    timestamp: int | None = None

    @property
    def is_telemetry(self) -> bool:
        """Whether datadogpy sent it about itself."""
        return self.name.startswith(TELEMETRY_PREFIX)


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the Agent understands it: line breaks restored, defaults filled in."""

    title: str
    text: str
    tags: dict[str, str]
    alert_type: str = "info"
    priority: str = "normal"
    aggregation_key: str | None = None
    source_type_name: str | None = None
    hostname: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """A service check run; `status` is 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""

    name: str
    status: int
    tags: dict[str, str]
    message: str = ""
    hostname: str | None = None
    timestamp: int | None = None


ReceivedSignal = Metric | Event | ServiceCheck


class MalformedDatagram(ValueError):
    """A datagram that must not be sent; `line` is the offending line, `reason` says why."""

    def __init__(self, line: bytes, reason: str) -> None:
        super().__init__(f"{reason}: {line[:200]!r}")
        self.line = line
        self.reason = reason


def parse(datagram: bytes) -> list[ReceivedSignal]:
    """
    Return all that the datagram says, in its order.

    One bad line refuses the whole datagram, where the Agent would drop that line alone.

    Raises:
        MalformedDatagram: at the first line that is not faultless.
    """
    if len(datagram) > MAX_DATAGRAM_BYTES:
        reason = f"datagram of {len(datagram)} bytes, the Agent reads {MAX_DATAGRAM_BYTES}"
        raise MalformedDatagram(datagram, reason)
    signals: list[ReceivedSignal] = []
    for line in datagram.split(b"\n"):
        try:
            signals.extend(_line(line))
        except ValueError as refusal:
            raise MalformedDatagram(line, str(refusal)) from refusal
    return signals


def _line(line: bytes) -> list[Metric] | list[Event] | list[ServiceCheck]:
    if not line:
        return []
    if line.startswith(b"_e"):
        return [_event(line)]
    if line.startswith(b"_sc"):
        return [_service_check(line.decode())]
    return _metrics(line.decode())


def _metrics(line: str) -> list[Metric]:
    head, bar, tail = line.partition("|")
    name, _, values = head.partition(":")
    _check_name(name)
    if not bar:
        raise ValueError("no metric type")
    kind, tag_items, timestamp = _metric_tail(tail)
    return [
        Metric(kind, name, _number(value), dict(tag_items), timestamp)
        for value in values.split(":")
    ]


@lru_cache(maxsize=4096)  # values differ from line to line, what stands behind them seldom does
def _metric_tail(tail: str) -> tuple[MetricType, tuple[tuple[str, str], ...], int | None]:
    symbol, *optional = tail.split("|")
    kind = _kind(symbol)
    fields = _fields(optional, _METRIC_FIELDS)
    timestamp = _timestamp(fields.get("T"))
    if timestamp is not None and kind == "distribution":
        raise ValueError("a distribution takes no timestamp")
    return kind, tuple(_tags(fields.get("#")).items()), timestamp


def _event(line: bytes) -> Event:
    header = _EVENT_HEADER.match(line)
    if header is None:
        raise ValueError("malformed event header")
    title_end = header.end() + int(header[1])
    text_end = title_end + 1 + int(header[2])
    # A slice beyond the end is short, so a length too large fails the second comparison.
    if line[title_end : title_end + 1] != b"|" or line[text_end : text_end + 1] not in (b"", b"|"):
        raise ValueError("the event's lengths are not those of its title and text in bytes")
    if len(line) < text_end:
        raise ValueError("the event is shorter than its lengths say")
    title = _unescaped(line[header.end() : title_end])
    if not title.strip():
        raise ValueError("empty event title")
    text = _unescaped(line[title_end + 1 : text_end])
    fields = _fields(line[text_end:].decode().split("|")[1:], _EVENT_FIELDS)
    return Event(
        title=title,
        text=text,
        tags=_tags(fields.get("#")),
        alert_type=_one_of(_ALERT_TYPES, fields.get("t:", "info"), "alert_type"),
        priority=_one_of(_PRIORITIES, fields.get("p:", "normal"), "priority"),
        aggregation_key=fields.get("k:"),
        source_type_name=fields.get("s:"),
        hostname=fields.get("h:"),
        timestamp=_timestamp(fields.get("d:")),
    )


def _service_check(line: str) -> ServiceCheck:
    parts = line.split("|")
    if parts[0] != "_sc" or len(parts) < 3:
        raise ValueError("malformed service check header")
    _, name, status, *optional = parts
    _check_name(name)
    fields = _fields(optional, _CHECK_FIELDS)
    # A message that smuggles in `|#env:dev` looks like one with tags behind it, and they count.
    after_message = list(fields)[list(fields).index("m:") + 1 :] if "m:" in fields else []
    if not set(after_message) <= set(_ORIGIN_FIELDS):
        raise ValueError("the message is not the last field")
    return ServiceCheck(
        name=name,
        status=int(_one_of(_STATUSES, status, "service check status")),
        tags=_tags(fields.get("#")),
        message=fields.get("m:", ""),
        hostname=fields.get("h:"),
        timestamp=_timestamp(fields.get("d:")),
    )


def _fields(parts: list[str], prefixes: Collection[str]) -> dict[str, str]:
    """Return what stands behind each known prefix, in the order of the line."""
    fields: dict[str, str] = {}
    for part in parts:
        if part.startswith("@"):
            raise ValueError("a sample rate: nothing here is sampled")
        prefix = next((known for known in prefixes if part.startswith(known)), None)
        if prefix is None:
            raise ValueError(f"unknown field {part!r}")
        if prefix in fields:
            raise ValueError(f"field {prefix!r} twice")
        if part == prefix:
            raise ValueError(f"field {prefix!r} is empty")
        fields[prefix] = part[len(prefix) :]
    return fields


def _tags(raw: str | None) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in raw.split(",") if raw is not None else ():
        key, value = _tag(tag)
        if key in tags:
            raise ValueError(f"tag key {key!r} twice")
        tags[key] = value
    return tags


def _tag(tag: str) -> tuple[str, str]:
    # The one tag that may be empty: the Agent then puts no host on the series.
    if tag == "host:":
        return "host", ""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(f"tag {tag!r} is not key:value")
    if tag != tag.lower():
        raise ValueError(f"tag {tag!r} is not lower case")
    if len(tag) > 200:
        raise ValueError(f"tag {tag[:20]!r}… is longer than 200 characters")
    return match[1], match[2]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name Datadog keeps as it is")


def _kind(symbol: str) -> MetricType:
    if symbol in _UNUSED_KINDS:
        raise ValueError(f"a {_UNUSED_KINDS[symbol]}: only counts, gauges, distributions are sent")
    if symbol not in _KINDS:
        raise ValueError(f"unknown metric type {symbol!r}")
    return _KINDS[symbol]


def _one_of(words: Collection[str], raw: str, what: str) -> str:
    if raw not in words:
        raise ValueError(f"unknown {what} {raw!r}")
    return raw


def _number(raw: str) -> float:
    value = float(raw) if _NUMBER.fullmatch(raw) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"value {raw!r} is not a finite number")
    return value


def _timestamp(raw: str | None) -> int | None:
    if raw is None:
        return None
    if not _EPOCH_SECONDS.fullmatch(raw):
        raise ValueError(f"timestamp {raw!r} is not in seconds since the epoch")
    return int(raw)


def _unescaped(raw: bytes) -> str:
    return raw.decode().replace("\\n", "\n")

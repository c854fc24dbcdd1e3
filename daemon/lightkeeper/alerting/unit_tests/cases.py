"""What a file of unit tests of a monitor may hold, and what it may not because it cannot happen.

A series' value number n (from 0) is sent n intervals after the start; a monitor evaluated at an
instant sees what was sent before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from lightkeeper.alerting.evaluate.notify import Why
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.unit_tests.values import BadValues, numbers, seconds, span, statuses
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind
from lightkeeper.telemetry.tags import CONSTANT_TAGS, OPEN_TAGS

_LONGEST: Final = 14 * 86_400

TagSet: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series, sent at a second of the test."""

    at_seconds: int
    name: str
    kind: Kind
    tags: tuple[str, ...]
    value: float
    message: str = ""


def _wrong(rule: str, said: str) -> PydanticCustomError:
    return PydanticCustomError(rule, "{said}", {"said": said})


def _length(given: object) -> int:
    if isinstance(given, int):
        return given
    try:
        found = seconds(str(given))
    except BadValues as exc:
        raise _wrong("time", str(exc)) from exc
    if not found:
        raise _wrong("time", "an interval cannot be 0s: write 1m")
    return found


def _instant(given: object) -> int:
    found = _length(given)
    if found % 60:
        raise _wrong(
            "time", f"{given} is no full minute, when monitors are evaluated: write 1m or 2m"
        )
    return found


def _tags(given: object) -> TagSet:
    """Read `key:value,key:value`; empty for none."""
    if isinstance(given, frozenset):
        return given
    parts = [part.strip() for part in str(given).split(",")] if given else []
    keys = [part.partition(":")[0] for part in parts]
    if any(not all(part.partition(":")) for part in parts):
        raise _wrong("tags", f"{given!r}: write tags as key:value,key:value")
    if len(set(keys)) < len(keys):
        raise _wrong("tags", f"{given!r}: a key stands twice: write it once")
    return frozenset(parts)


def _instants(given: object) -> object:
    return _distinct(given, _instant)


def _groups(given: object) -> object:
    return _distinct({"": given} if isinstance(given, str) else given, _tags)


def _distinct(given: object, read: Callable[[object], Any]) -> object:
    """Refuse a mapping in which two keys mean the same, as one of them would be lost."""
    if isinstance(given, dict) and len({read(key) for key in given}) < len(given):
        raise _wrong("twice", "two keys mean the same: write each once")
    return given


_Span = Annotated[int, BeforeValidator(_length)]
_FullMinute = Annotated[int, BeforeValidator(_instant)]
_WrittenTags = Annotated[TagSet, BeforeValidator(_tags)]
_Groups = Annotated[dict[_WrittenTags, Status], BeforeValidator(_groups)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class SentSeries(_Strict):
    """One series: its kind and name with tags, as `count: name{key:value}`, and its values."""

    count: str | None = None
    gauge: str | None = None
    distribution: str | None = None
    check: str | None = None
    values: str
    interval: _Span | None = None
    message: str = ""

    @model_validator(mode="after")
    def _possible(self) -> "SentSeries":
        given = [self.count, self.gauge, self.distribution, self.check]
        if sum(one is not None for one in given) != 1:
            raise _wrong("series", "write one of count, gauge, distribution and check")
        if self.message and self.check is None:
            raise _wrong("series", "only a check has a message: leave it out")
        name, tags = self.named
        _refuse_unknown(name, self.kind, tags)
        values = self.read
        if self.kind is Kind.COUNT and any(value is not None and value < 0 for value in values):
            raise _wrong("values", "a count never goes down: write increments of 0 or more")
        return self

    @property
    def kind(self) -> Kind:
        """The kind that the test gives it."""
        kinds = {Kind.COUNT: self.count, Kind.GAUGE: self.gauge, Kind.SERVICE_CHECK: self.check}
        return next((kind for kind, name in kinds.items() if name is not None), Kind.DISTRIBUTION)

    @property
    def named(self) -> tuple[str, dict[str, str]]:
        """Its name and tags."""
        text = self.count or self.gauge or self.distribution or self.check or ""
        name, brace, inside = text.partition("{")
        if brace and not inside.endswith("}"):
            raise _wrong("series", f"{text!r}: write name{{key:value,key:value}}")
        return name.strip(), dict(tag.split(":", 1) for tag in _tags(inside.removesuffix("}")))

    @property
    def read(self) -> list[float | None]:
        """Its values, None where nothing is sent."""
        try:
            return (statuses if self.kind is Kind.SERVICE_CHECK else numbers)(self.values)
        except BadValues as exc:
            raise _wrong("values", str(exc)) from exc

    def points(self, constant: TagSet, interval: int) -> list[Point]:
        """Return its points, with the tags that all series carry."""
        name, own = self.named
        together = {**dict(tag.split(":", 1) for tag in constant), **own}
        tags = tuple(sorted(f"{key}:{value}" for key, value in together.items()))
        every = self.interval or interval
        return [
            Point(number * every, name, self.kind, tags, value, self.message)
            for number, value in enumerate(self.read)
            if value is not None
        ]


class ExpectedChange(_Strict):
    """An expected transition."""

    at: _FullMinute
    group: _WrittenTags = frozenset()
    to: Status


class ExpectedNotification(_Strict):
    """An expected notification; the texts are looked for in title and message together."""

    at: _FullMinute
    group: _WrittenTags = frozenset()
    why: Why
    who: list[str]
    contains: list[str] = []
    excludes: list[str] = []


class Case(_Strict):
    """One test: the series to send, and the states and notifications to expect.

    `states` holds all groups that are not OK at an instant; OK may be named too. `transitions`
    and `notifications`, where given, are all there are until the end.
    """

    name: str
    interval: _Span = 60
    series: list[SentSeries]
    until: _FullMinute | None = None
    states: Annotated[dict[_FullMinute, _Groups], BeforeValidator(_instants)] = {}
    transitions: list[ExpectedChange] | None = None
    notifications: list[ExpectedNotification] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Case":
        if not self.states and self.transitions is None and self.notifications is None:
            raise _wrong("expects-nothing", "write states, transitions or notifications")
        seen = [(one.kind, one.named[0], frozenset(one.named[1].items())) for one in self.series]
        if len(set(seen)) < len(seen):
            raise _wrong("twice", "the same series stands twice: put the values together")
        expected = [(one.at, one.group, one.why) for one in self.notifications or []]
        if len(set(expected)) < len(expected):
            raise _wrong("twice", "the same notification stands twice: put them together")
        if self.until is not None and any(at > self.until for at in self._named):
            raise _wrong("time", "something is expected later than until: write a later one")
        if self.end > _LONGEST:
            raise _wrong(
                "time", f"it would last {span(self.end)}: keep it within {span(_LONGEST)}"
            )
        return self

    @property
    def end(self) -> int:
        """The second up to which the monitor is evaluated."""
        if self.until is not None:
            return self.until
        sent = (len(one.read) * (one.interval or self.interval) for one in self.series)
        return max(60, *self._named, *(-(-end // 60) * 60 for end in sent))

    @property
    def _named(self) -> list[int]:
        notified = [one.at for one in self.notifications or []]
        return [*self.states, *(one.at for one in self.transitions or []), *notified]


class Suite(_Strict):
    """The tests of one monitor; `tags` go with every signal that does not carry the key."""

    monitor: str
    tags: _WrittenTags = frozenset()
    tests: list[Case]

    @model_validator(mode="after")
    def _whole(self) -> "Suite":
        names = [case.name for case in self.tests]
        if not names or len(set(names)) < len(names):
            raise _wrong("tests", "give at least one test, and each a name of its own")
        for tag in self.tags:
            if tag.partition(":")[0] not in CONSTANT_TAGS:
                raise _wrong(
                    "tags", f"{tag}: write only {', '.join(CONSTANT_TAGS)} for all series"
                )
        return self


def _refuse_unknown(name: str, kind: Kind, tags: Mapping[str, str]) -> None:
    signal = CATALOGUE.get(name)
    if signal is None:
        raise _wrong(
            "unknown-metric",
            f"{name!r} is not in the catalogue, so nothing sends it: write a name from there",
        )
    if signal.kind is not kind:
        raise _wrong("wrong-kind", f"{name} is a {signal.kind}, not a {kind}: write {signal.kind}")
    wanted = signal.tags.keys()
    missing = sorted(wanted - tags.keys())
    unknown = sorted(tags.keys() - wanted - set(CONSTANT_TAGS))
    if missing or unknown:
        odd = f"has no tag {unknown[0]}" if unknown else f"is never sent without {missing[0]}"
        carried = ", ".join([*wanted, *CONSTANT_TAGS])
        raise _wrong("unknown-tag", f"{name} {odd}: it carries {carried}")
    for key in wanted:
        allowed = signal.tags[key]
        if allowed and tags[key] not in allowed and key not in OPEN_TAGS:
            raise _wrong(
                "unknown-tag",
                f"{key}:{tags[key]} is never sent: write one of {', '.join(allowed)}",
            )

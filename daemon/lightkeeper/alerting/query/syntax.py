"""A monitor's query as frozen records; `parser.parse` reads them.

Every query that Datadog publishes has a record. Part of them is evaluated, in alerting/evaluate;
it refuses the rest by name, with `Unsupported`, so of those a record holds no more than the name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lightkeeper.alerting.errors import AlertingError


class QuerySyntaxError(AlertingError):
    """Datadog could not read the query."""


class Comparator(StrEnum):
    """How a value is compared with a threshold."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "=="
    NOT_EQUAL = "!="

    def holds(self, value: float, threshold: float) -> bool:
        """Tell whether the value is on the alerting side."""
        match self:
            case Comparator.ABOVE:
                return value > threshold
            case Comparator.AT_LEAST:
                return value >= threshold
            case Comparator.BELOW:
                return value < threshold
            case Comparator.AT_MOST:
                return value <= threshold
            case Comparator.EQUAL:
                return value == threshold
        return value != threshold


@dataclass(frozen=True, slots=True)
class Everything:
    """The scope `*`."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, `key:value` or a word alone; `*` in it stands for any run of characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """What the inner scope leaves out."""

    scope: "QueryScope"


@dataclass(frozen=True, slots=True)
class All:
    """Where every part holds."""

    scopes: tuple["QueryScope", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Where one part holds."""

    scopes: tuple["QueryScope", ...]


QueryScope: TypeAlias = Everything | Tag | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class MethodCall:
    """`.name(arguments)` behind something; quotes are taken off the arguments."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A constant in an expression."""

    value: float


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """`aggregator:metric{scope} by {keys}` and what is called on it."""

    aggregator: str | None
    metric: str
    scope: QueryScope
    by: tuple[str, ...] = ()
    calls: tuple[MethodCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions with one of + - * / between them."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Function:
    """`name(argument, …)`; arguments that are no expressions are kept as they stand."""

    name: str
    arguments: tuple["Expression | str", ...]


Expression: TypeAlias = Number | MetricQuery | Arithmetic | Function


@dataclass(frozen=True, slots=True)
class Window:
    """How far back to look: `last_5m`, `current_1h`, `next_1w`."""

    kind: str
    amount: int
    unit: str

    @property
    def seconds(self) -> int:
        """Its length; a month is 30 days."""
        return self.amount * UNIT_SECONDS[self.unit]


UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}


@dataclass(frozen=True, slots=True)
class MetricAlert:
    """`aggregator(window):expression comparator threshold`.

    `change` is the outer function of `change(avg(last_5m),5m_ago)`; `late_by` says whether a
    `by {…}` stands behind the threshold; `threshold` is None where it is itself a query.
    """

    aggregator: str
    window: Window
    expression: Expression
    comparator: Comparator
    threshold: float | None
    change: str | None = None
    late_by: bool = False


@dataclass(frozen=True, slots=True)
class ServiceCheckAlert:
    """`"check".over(…).by(…).last(n).count_by_status()`; without `over` it is about every tag."""

    check: str
    over: tuple[str, ...]
    exclude: tuple[str, ...]
    by: tuple[str, ...]
    last: int
    counting: str


@dataclass(frozen=True, slots=True)
class BurnRate:
    """`burn_rate("slo").over("30d").long_window("1h").short_window("5m") > 14.4`."""

    slo: str
    over: Window
    long: Window
    short: Window
    comparator: Comparator
    threshold: float


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """`error_budget("slo").over("7d") > 75`: the consumed part in percent."""

    slo: str
    over: Window
    comparator: Comparator
    threshold: float


@dataclass(frozen=True, slots=True)
class Operand:
    """A monitor that a composite names: by its key in files, at Datadog by its id."""

    monitor: str


@dataclass(frozen=True, slots=True)
class Inverse:
    """`!condition`."""

    condition: "CompositeCondition"


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions with the same operator between them, `&&` or `||`."""

    operator: str
    parts: tuple["CompositeCondition", ...]


CompositeCondition: TypeAlias = Operand | Inverse | Joined


@dataclass(frozen=True, slots=True)
class Composite:
    """`a && (b || !c)`: a condition over other monitors."""

    condition: CompositeCondition

    @property
    def operands(self) -> tuple[str, ...]:
        """The monitors that it names, each once, in their order."""
        return tuple(dict.fromkeys(_named(self.condition)))


def _named(condition: CompositeCondition) -> Iterator[str]:
    match condition:
        case Operand(monitor):
            yield monitor
        case Inverse(inner):
            yield from _named(inner)
        case Joined(_, parts):
            for part in parts:
                yield from _named(part)


@dataclass(frozen=True, slots=True)
class OtherAlert:
    """A monitor of another kind, such as `logs(…)`: named, not understood."""

    kind: str


Query: TypeAlias = (
    MetricAlert | ServiceCheckAlert | BurnRate | ErrorBudget | Composite | OtherAlert
)

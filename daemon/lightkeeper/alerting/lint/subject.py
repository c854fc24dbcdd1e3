"""One monitor or SLO as the rules see it: its file, its parsed queries, whom it notifies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

from lightkeeper.alerting.errors import BadMonitor, TemplateError, Unsupported
from lightkeeper.alerting.evaluate.composite import BadOperands
from lightkeeper.alerting.evaluate.message import (
    FLAGS,
    VARIABLES,
    Template,
    glued,
    handles,
)
from lightkeeper.alerting.evaluate.monitor_runs import operands_of, run_with_operands
from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.files.definitions import PAGERS, Assets, Definition
from lightkeeper.alerting.query import slo_counts
from lightkeeper.alerting.query.parser import parse, parse_expression
from lightkeeper.alerting.query.syntax import (
    Arithmetic,
    BurnRate,
    Composite,
    ErrorBudget,
    Expression,
    Function,
    MetricAlert,
    MetricQuery,
    Query,
    QuerySyntaxError,
    ServiceCheckAlert,
)
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind, Signal

METRIC_KINDS: Final = (Kind.COUNT, Kind.GAUGE, Kind.DISTRIBUTION)
EvaluatorRefusal: TypeAlias = tuple[str, Exception]
"""A place in the file, and why the evaluator refuses what stands there."""
Complaint: TypeAlias = Callable[[str], str | None]
"""Says what is wrong with a command line; None where it is right, or another program's."""

_TEXTS: Final = ("name", "message")
_MATCHING: Final = frozenset({"is_match", "is_exact_match"})


def unread(_command: str) -> None:
    """Take every command for right."""


@dataclass(frozen=True)
class Subject:
    """One monitor or SLO, and the definitions around it."""

    definition: Definition
    assets: Assets
    is_slo: bool
    complaint: Complaint = unread

    @property
    def payload(self) -> dict[str, Any]:
        return self.definition.payload

    @property
    def options(self) -> dict[str, Any]:
        options = self.payload.get("options")
        return options if isinstance(options, dict) else {}

    @property
    def thresholds(self) -> dict[str, float]:
        """The numbers among its thresholds."""
        given = self.options.get("thresholds")
        found = given.items() if isinstance(given, dict) else ()
        return {name: one for name, one in found if isinstance(one, int | float)}

    @property
    def written_queries(self) -> str:
        """The text of the queries before variables were filled in."""
        written = self.definition.written
        query = slo_counts.counted(written) if self.is_slo else None
        return " ".join(query.values()) if query else str(written.get("query"))

    @property
    def place(self) -> str:
        """Where the queries stand in the payload."""
        return slo_counts.place(self.payload) if self.is_slo else "payload.query"

    @cached_property
    def query(self) -> Query | None:
        """The query of a monitor; None for an SLO, and where the query cannot be read."""
        try:
            return None if self.is_slo else parse(str(self.payload.get("query")))
        except QuerySyntaxError:
            return None

    @cached_property
    def queries(self) -> list[MetricQuery]:
        """Every metric query in it; of an SLO those of numerator and denominator."""
        if not self.is_slo:
            query = self.query
            return _metric_queries(query.expression) if isinstance(query, MetricAlert) else []
        counted = slo_counts.counted(self.payload) or {}
        try:
            parts = [parse_expression(one) for one in counted.values()]
        except QuerySyntaxError:
            return []
        return [query for part in parts for query in _metric_queries(part)]

    @cached_property
    def operands(self) -> list["Subject"]:
        """The monitors that it names if it is a composite, composites among them left out."""
        monitors, query = self.assets.monitors, self.query
        keys = query.operands if isinstance(query, Composite) else ()
        named = (Subject(monitors[key], self.assets, False) for key in keys if key in monitors)
        return [one for one in named if not isinstance(one.query, Composite)]

    @property
    def composites(self) -> list[str]:
        """The keys of the composites that name it."""
        key, monitors = self.definition.key, self.assets.monitors.items()
        return [other for other, one in monitors if key in _operands_of(one.payload)]

    @property
    def by(self) -> tuple[str, ...]:
        """The keys by which its query is grouped."""
        if isinstance(self.query, ServiceCheckAlert):
            return self.query.by
        if isinstance(self.query, Composite):
            return next((one.by for one in self.operands if one.by), ())
        return next((one.by for one in self.queries if one.by), ())

    @property
    def is_page(self) -> bool:
        """Whether it may page, in a folder whose variables.json has `first`.

        `first` stands before the first command of a page. Who has none has pages of another kind.
        """
        never = self.is_slo or self.payload.get("type") == "slo alert"
        pages = not never and self.definition.urgency in PAGERS
        return pages and "first" in self.assets.variables

    @property
    def notifies_missing(self) -> bool:
        """Whether missing data notify, so that {{#is_no_data}} can be sent at all."""
        options = self.options
        on_missing = options.get("on_missing_data")
        return bool(options.get("notify_no_data")) or on_missing == "show_and_notify_no_data"

    @cached_property
    def template(self) -> Template | None:
        """The message, its names unchecked; None if unreadable, as another rule reports."""
        try:
            return Template(str(self.payload.get("message", "")), None)
        except (TemplateError, Unsupported):
            return None

    @cached_property
    def rendered(self) -> dict[frozenset[str], str]:
        """The message by the flags that hold, 1 for each variable; {} if it is unreadable."""
        template = self.template
        if template is None:
            return {}
        none = frozenset[str]()
        states = (none, *(frozenset({flag}) for flag in FLAGS))
        reasons = {one | more for one in states for more in (none, frozenset({"is_renotify"}))}
        reasons |= {one | _MATCHING for one in reasons}
        filled = dict.fromkeys(template.names | VARIABLES, 1.0)
        return {reason: template.render(reason, filled) for reason in reasons}

    @cached_property
    def glued_word(self) -> str | None:
        """A word of the message that hides a handle from Datadog, or None."""
        values = self.assets.variables.values()
        known = {one for value in values for one in handles(str(value))}
        found = (glued(text, known) for text in self.rendered.values())
        return next(filter(None, found), None)

    @cached_property
    def notified(self) -> dict[frozenset[str], tuple[str, ...]]:
        """The handles that the message notifies, by the flags that hold.

        No flags stand for a status that the message does not ask for. {} if the message is
        unreadable or hides a handle: other rules report that.
        """
        rendered = {} if self.glued_word else self.rendered
        return {reason: handles(text) for reason, text in rendered.items()}

    @cached_property
    def refusals(self) -> list[EvaluatorRefusal]:
        """Why the evaluator refuses it, the texts apart from everything else."""
        return list(self._slo_refusals() if self.is_slo else self._monitor_refusals())

    def _monitor_refusals(self) -> Iterator[EvaluatorRefusal]:
        if isinstance(self.query, BurnRate | ErrorBudget):
            slo = self.assets.slos.get(self.query.slo)
            # What is wrong with the SLO is reported in its own file, once.
            if slo and Subject(slo, self.assets, is_slo=True).refusals:
                return
        if any(operand.refusals for operand in self.operands):
            return  # reported in its own file, once
        for name in ("", *_TEXTS):
            texts = {one: self.payload.get(one, "") if one == name else "" for one in _TEXTS}
            error = self._refused({"query": "", **self.payload, **texts})
            if error is not None:
                of_options = isinstance(error, BadMonitor) and not isinstance(error, BadOperands)
                place = name or ("options" if of_options else "query")
                yield f"payload.{place}", error
                if not name:
                    return

    def _slo_refusals(self) -> Iterator[EvaluatorRefusal]:
        targets = dicts(self.payload.get("thresholds"), "")
        for span in [one.get("timeframe", "30d") for _, one in targets] or ["30d"]:
            windows = '.long_window("1h").short_window("5m")'
            query = f'burn_rate("{self.definition.key}").over("{span}"){windows} > 1'
            error = self._refused({"type": "slo alert", "query": query})
            if error is not None:
                of_targets = isinstance(error, BadMonitor)
                yield "payload.thresholds" if of_targets else self.place, error

    def _refused(self, payload: dict[str, Any]) -> Exception | None:
        try:
            run_with_operands(payload, self.assets.monitor_payloads(), self.assets.slo_payloads())
        except (QuerySyntaxError, Unsupported, BadMonitor, TemplateError) as exc:
            return exc
        except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as exc:
            # The rule `shape` says where.
            return BadMonitor(f"a value has the wrong type: {exc}")
        return None


def _operands_of(monitor: dict[str, Any]) -> tuple[str, ...]:
    try:
        return operands_of(monitor)
    except QuerySyntaxError:
        return ()


def metric_signal(query: MetricQuery) -> Signal | None:
    """Return the signal a metric query is about; None where the catalogue has no such metric."""
    signal = CATALOGUE.get(query.metric)
    return signal if signal is not None and signal.kind in METRIC_KINDS else None


def _metric_queries(expression: Expression) -> list[MetricQuery]:
    match expression:
        case MetricQuery():
            return [expression]
        case Arithmetic(_, left, right):
            return [*_metric_queries(left), *_metric_queries(right)]
        case Function(_, arguments):
            inner = [one for one in arguments if not isinstance(one, str)]
            return [query for one in inner for query in _metric_queries(one)]
    return []

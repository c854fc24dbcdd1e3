"""An expression taken apart: its arithmetic, and the metric queries that it is about."""

from dataclasses import replace

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.arithmetic import Combined, Plain, QueryRef, ZeroFilled
from lightkeeper.alerting.query.syntax import Arithmetic, Expression, MetricQuery, Number


class Flattened:
    """What is left of an expression when only the evaluated parts are allowed.

    `queries` are without what is called on them, and `root` refers to them by their place;
    `modes` says how they are read: `gauge`, `count`, `rate`. Raises Unsupported for the rest.
    """

    def __init__(self, expression: Expression) -> None:
        self.queries: list[MetricQuery] = []
        self.by: tuple[str, ...] = ()
        self.modes: set[str] = set()
        self.default_zero = False
        self.interpolated = False
        self.root = self._plain(expression)

    def _plain(self, node: Expression) -> Plain:
        match node:
            case Number():
                return node
            case MetricQuery():
                return self._plain_query(node)
            case Arithmetic(operator, left, right):
                return Combined(operator, self._plain(left), self._plain(right))
        arguments = node.arguments
        if node.name == "default_zero" and len(arguments) == 1:
            self.default_zero = True
            inner = arguments[0]
            if not isinstance(inner, str):
                return ZeroFilled(self._plain(inner))
        raise Unsupported(f"{node.name}() is not supported: write + - * / or default_zero()")

    def _plain_query(self, query: MetricQuery) -> QueryRef:
        if query.aggregator not in ("avg", "sum", "min", "max", "count"):
            raise Unsupported(
                f"{query.aggregator or 'no'} space aggregator on {query.metric} is not supported: "
                "write avg, sum, min, max or count"
            )
        mode = "gauge"
        for call in query.calls:
            if call.name in ("as_count", "as_rate"):
                mode = call.name.removeprefix("as_")
            elif call.name != "fill" or call.arguments[:1] != ("null",):
                raise Unsupported(
                    f".{call.name}() is not supported, as its alignment is not documented: write "
                    ".as_count(), .as_rate() or .fill(null), or leave it out"
                )
        self.modes.add(mode)
        self.interpolated |= mode == "gauge" and not query.calls
        if self.queries and sorted(query.by) != sorted(self.queries[0].by):
            raise Unsupported(
                "queries grouped by different keys in one expression are not supported: write the "
                "same `by {…}` for all"
            )
        self.by = self.by or query.by
        plain = replace(query, by=self.by, calls=())
        self.queries.append(plain)
        return QueryRef(len(self.queries) - 1)

    def only_mode(self) -> str:
        """The one way in which its queries are read. Raises Unsupported if there are two."""
        if len(self.modes) != 1:
            what = (
                "both as_count() and gauges is not supported: write either"
                if self.modes
                else "no metric is not supported: write one"
            )
            raise Unsupported(f"an expression with {what}")
        (mode,) = self.modes
        return mode

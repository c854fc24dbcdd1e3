"""Reads the text of a monitor's query: a scanner and a recursive descent."""

import re
from functools import lru_cache

from lightkeeper.alerting.query import conditions
from lightkeeper.alerting.query.scanner import Reader
from lightkeeper.alerting.query.syntax import (
    UNIT_SECONDS,
    All,
    AnyOf,
    Arithmetic,
    BurnRate,
    Comparator,
    ErrorBudget,
    Everything,
    Expression,
    Function,
    MethodCall,
    MetricAlert,
    MetricQuery,
    Not,
    Number,
    OtherAlert,
    Query,
    QueryScope,
    QuerySyntaxError,
    ServiceCheckAlert,
    Tag,
    Window,
)

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_WORD = r"[A-Za-z_]\w*"
_METRIC = r"[A-Za-z]\w*(?:\.\w+)*"
_WINDOW = r"(last|current|next)_(\d+)(mo|m|h|d|w)\b"
_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_ARGUMENT = rf"(?:{_WORD}\s*=\s*)?(?:{_STRING}|[^,()\"'\s]+)"
_PLAIN = rf"(?:{_WORD}\s*=\s*)?(?:{_STRING}|[\w.%-]+)(?=\s*[,)])"
# Not / at the start: `a / b` is a division. Tag values hold nearly anything else.
_TAG = r"[A-Za-z0-9_$@*][^\s,(){}!]*"
_COMPARATOR = r"<=|>=|==|!=|<|>"
_LIST = re.compile(r"\s(?:IN|in)\s*\([^()]*\)")
_SYMBOL = re.compile(r"[,!]")
_OPERATOR = re.compile(r"(?<![^\s(),!])(?:AND|OR|NOT|IN|and|or|not|in)(?=[\s(!])")


@lru_cache(maxsize=1_024)  # the same few queries are read by each rule, test and drill
def parse(text: str) -> Query:
    """Read a monitor's query. Raises QuerySyntaxError with the position and what was expected."""
    reader = Reader(text)
    if reader.sees(r"[\"']"):
        query: Query = _service_check(reader)
    elif reader.sees(conditions.BEGINS):
        query = conditions.composite(reader)
    elif reader.sees(r"(burn_rate|error_budget)\s*\("):
        query = _slo_alert(reader)
    elif source := reader.maybe(r"([A-Za-z][\w-]*)\s*\(\s*[\"']"):
        query = _unread(reader, f"{source[1]}(…)")
    else:
        query = _metric_alert(reader)
    reader.end()
    return query


@lru_cache(maxsize=1_024)  # without it `dashboards check` takes 10 % longer
def parse_expression(text: str) -> Expression:
    """Read a query without window and threshold, as an SLO's numerator is one."""
    reader = Reader(text)
    expression = _sum(reader)
    reader.end()
    return expression


def _metric_alert(reader: Reader) -> MetricAlert:
    aggregator = reader.take(_WORD, "a time aggregator such as avg")[0]
    reader.take(r"\(", "`(`")
    change = None
    if reader.sees(_WORD + r"\s*\("):
        outer, aggregator = aggregator, reader.take(_WORD, "a time aggregator")[0]
        reader.take(r"\(", "`(`")
        window = _window(reader)
        reader.take(r"\)", "`)` after the window")
        reader.take(r",", "`,` and how long ago to compare with")
        reader.take(r"\w+", "how long ago, such as 5m_ago")
        change = outer
    else:
        window = _window(reader)
    reader.take(r"\)", "`)` after the window")
    reader.take(r":", "`:` and a metric query")
    expression = _sum(reader)
    comparator = Comparator(reader.take(_COMPARATOR, "a comparator and the threshold")[0])
    threshold = None if reader.maybe(r"threshold\b") else _number(reader, "the threshold")
    late_by = _by(reader) if reader.sees(r"by\b") else ()
    return MetricAlert(
        aggregator, window, expression, comparator, threshold, change, bool(late_by)
    )


def _unread(reader: Reader, kind: str) -> OtherAlert:
    reader.take(r"(?s).*", "a query")
    return OtherAlert(kind)


def _window(reader: Reader) -> Window:
    found = reader.take(_WINDOW, "a window such as last_5m")
    return Window(found[1], int(found[2]), found[3])


def _number(reader: Reader, what: str) -> float:
    return float(reader.take(_NUMBER, f"{what}, a number")[0])


def _sum(reader: Reader) -> Expression:
    left = _product(reader)
    while found := reader.operator(r"[+-]"):
        left = Arithmetic(found[0], left, _product(reader))
    return left


def _product(reader: Reader) -> Expression:
    left = _factor(reader)
    while found := reader.operator(r"[*/]"):
        left = Arithmetic(found[0], left, _factor(reader))
    return left


def _factor(reader: Reader) -> Expression:
    if found := reader.maybe(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"):
        return Number(float(found[0]))
    if reader.maybe(r"-"):
        with reader.inner():
            return Arithmetic("-", Number(0.0), _factor(reader))
    if reader.maybe(r"\("):
        with reader.inner():
            inner = _sum(reader)
        reader.take(r"\)", "`)`")
        return inner
    if found := reader.maybe(rf"({_WORD})\s*\("):
        with reader.inner():
            return _function(reader, found[1])
    return _metric(reader)


def _function(reader: Reader, name: str) -> Function:
    arguments: list[Expression | str] = []
    while not reader.maybe(r"\)"):
        if arguments:
            reader.take(r",", f"`,` or `)` in {name}(…)")
        plain = reader.maybe(_PLAIN)
        arguments.append(_unquoted(plain[0]) if plain else _sum(reader))
    return Function(name, tuple(arguments))


def _metric(reader: Reader) -> MetricQuery:
    aggregator = reader.maybe(r"([a-z][\w.]*?)\s*:\s*(?=[A-Za-z])")
    name = reader.take(_METRIC, "a metric query such as avg:system.load.1{*}")[0]
    reader.take(r"\{", f"`{{` and the scope of {name}")
    scope = _written_one_way(reader)
    reader.take(r"\}", "`}` after the scope")
    by = _by(reader) if reader.sees(r"by\b") else ()
    return MetricQuery(aggregator[1] if aggregator else None, name, scope, by, _calls(reader))


def _by(reader: Reader) -> tuple[str, ...]:
    reader.take(r"by\b", "`by`")
    reader.take(r"\{", "`{` and the keys to group by")
    keys = [reader.take(r"[^\s,{}]+", "a tag key")[0]]
    while reader.maybe(r","):
        keys.append(reader.take(r"[^\s,{}]+", "a tag key")[0])
    reader.take(r"\}", "`}` after the keys to group by")
    return tuple(keys)


def _written_one_way(reader: Reader) -> QueryScope:
    """Read a whole scope: Datadog takes symbols or words in it, and not both."""
    begin = reader.at
    scope = _scope(reader)
    text = _LIST.sub(" IN ", reader.text[begin : reader.at])
    symbol, word = _SYMBOL.search(text), _OPERATOR.search(text)
    if symbol and word:
        raise QuerySyntaxError(
            f"query: `{symbol[0]}` stands beside {word[0]} in one scope, which Datadog refuses: "
            f"write AND for each `,` and NOT for each `!`, in `{reader.text}`"
        )
    return scope


def _scope(reader: Reader) -> QueryScope:
    parts = [_either(reader)]
    while reader.maybe(r","):
        parts.append(_either(reader))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _either(reader: Reader) -> QueryScope:
    parts = [_both(reader)]
    while reader.maybe(r"(?:OR|or)\b"):
        parts.append(_both(reader))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _both(reader: Reader) -> QueryScope:
    parts = [_single(reader)]
    while reader.maybe(r"(?:AND|and)\b"):
        parts.append(_single(reader))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _single(reader: Reader) -> QueryScope:
    if reader.maybe(r"!|(?:NOT|not)\b(?!\s*:)"):
        with reader.inner():
            return Not(_single(reader))
    if reader.maybe(r"\("):
        with reader.inner():
            inner = _scope(reader)
        reader.take(r"\)", "`)` in the scope")
        return inner
    if reader.maybe(r"\*(?=\s*[,)}]|\s+(?:AND|OR|and|or)\b)"):
        return Everything()
    if found := reader.maybe(r"([^\s,(){}!:]+)\s+((?:NOT|not)\s+)?(?:IN|in)\s*\("):
        options = AnyOf(tuple(Tag(f"{found[1]}:{value}".lower()) for value in _values(reader)))
        return Not(options) if found[2] else options
    key = reader.take(_TAG, "a tag such as env:prod, or *")[0]
    # Datadog takes a space behind the colon: `pod_name: web-*`.
    value = reader.take(_TAG, f"a value of {key}")[0] if key.endswith(":") else ""
    return Tag((key + value).lower())


def _values(reader: Reader) -> list[str]:
    values = [reader.take(r"[^\s,(){}]+", "a tag value")[0]]
    while reader.maybe(r","):
        values.append(reader.take(r"[^\s,(){}]+", "a tag value")[0])
    reader.take(r"\)", "`)` after the tag values")
    return values


def _calls(reader: Reader) -> tuple[MethodCall, ...]:
    calls = []
    while found := reader.maybe(rf"\.\s*({_WORD})\s*\("):
        calls.append(MethodCall(found[1], _arguments(reader, found[1])))
    return tuple(calls)


def _arguments(reader: Reader, name: str) -> tuple[str, ...]:
    arguments: list[str] = []
    while not reader.maybe(r"\)"):
        if arguments:
            reader.take(r",", f"`,` or `)` in {name}(…)")
        arguments.append(_unquoted(reader.take(_ARGUMENT, f"an argument of {name}(…)")[0]))
    return tuple(arguments)


def _unquoted(text: str) -> str:
    if text[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _service_check(reader: Reader) -> ServiceCheckAlert:
    name = _unquoted(reader.take(_STRING, "the quoted name of a service check")[0])
    calls = {call.name: call.arguments for call in _calls(reader)}
    counting = next((word for word in calls if word.endswith("_by_status")), None)
    if counting is None:
        raise reader.fault(".count_by_status()")
    for word in ("over", "last") if "over" in calls else ("last",):
        if not calls.get(word):
            raise QuerySyntaxError(f"query: expected .{word}(…) with a value in `{reader.text}`")
    if not calls["last"][0].isdecimal():
        raise QuerySyntaxError(f"query: expected a number in .last(…) in `{reader.text}`")
    tags = {
        word: tuple(tag.lower() for tag in calls.get(word, ())) for word in ("over", "exclude")
    }
    by = tuple(key.strip() for word in calls.get("by", ()) for key in word.split(","))
    return ServiceCheckAlert(
        name, tags["over"], tags["exclude"], by, int(calls["last"][0]), counting
    )


def _slo_alert(reader: Reader) -> BurnRate | ErrorBudget:
    kind = reader.take(r"(\w+)\s*\(", "burn_rate(…) or error_budget(…)")[1]
    (slo, *_) = _arguments(reader, kind) or ("",)
    spans = {call.name: call.arguments for call in _calls(reader)}
    comparator = Comparator(reader.take(_COMPARATOR, "a comparator and the threshold")[0])
    threshold = _number(reader, "the threshold")
    over = _span(reader, spans, "over")
    if kind == "error_budget":
        return ErrorBudget(slo, over, comparator, threshold)
    long, short = (_span(reader, spans, name) for name in ("long_window", "short_window"))
    return BurnRate(slo, over, long, short, comparator, threshold)


def _span(reader: Reader, calls: dict[str, tuple[str, ...]], name: str) -> Window:
    text = (calls.get(name) or ("",))[0]
    found = re.fullmatch(rf"(\d+)({'|'.join(UNIT_SECONDS)})", text)
    if found is None:
        raise QuerySyntaxError(f'query: expected .{name}("…") such as "1h" in `{reader.text}`')
    return Window("last", int(found[1]), found[2])

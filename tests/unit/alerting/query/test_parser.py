"""Monitor queries: what is read from them, and what is said of wrong ones."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.query.conditions import written
from lightkeeper.alerting.query.parser import parse, parse_expression
from lightkeeper.alerting.query.scopes import matches
from lightkeeper.alerting.query.syntax import (
    All,
    AnyOf,
    Arithmetic,
    BurnRate,
    Comparator,
    Composite,
    ErrorBudget,
    Everything,
    Function,
    Inverse,
    Joined,
    MethodCall,
    MetricAlert,
    MetricQuery,
    Not,
    Number,
    Operand,
    OtherAlert,
    QuerySyntaxError,
    ServiceCheckAlert,
    Tag,
    Window,
)

LINES = (Path(__file__).parents[3] / "support" / "queries.txt").read_text().splitlines()
PUBLISHED = [line for line in LINES if line and not line.startswith("#")]


def scope(text: str):
    """Return the scope of a query."""
    query = parse_expression(f"avg:m{{{text}}}")
    assert isinstance(query, MetricQuery)
    return query.scope


@pytest.mark.parametrize("text", PUBLISHED)
def test_what_others_published_is_read(text):
    """Every published query has a record of its own kind."""
    assert type(parse(text)) in (
        {BurnRate, ErrorBudget, OtherAlert}
        if '("' in text and text[0].isalpha()
        else {MetricAlert, ServiceCheckAlert, Composite, OtherAlert}
    )


def test_a_metric_alert_is_read_whole():
    """Aggregators, window, metric, scope, groups, calls and threshold are all there."""
    expected = MetricAlert(
        "sum",
        Window("last", 15, "m"),
        MetricQuery("sum", "a.b_c", Tag("env:prod"), ("step", "host"), (MethodCall("as_count"),)),
        Comparator.AT_LEAST,
        -1.5,
    )

    assert expected == parse(
        "sum(last_15m):sum:a.b_c{env:Prod} by {step, host}.as_count()\n  >= -1.5"
    )


def test_products_bind_before_sums_and_from_the_left():
    """Arithmetic is read as it is written in school."""
    assert Arithmetic(
        "-",
        Arithmetic("/", Arithmetic("*", Number(2.0), Number(3.0)), Number(4.0)),
        Arithmetic("*", Number(5.0), Arithmetic("+", Number(6.0), Number(7.0))),
    ) == parse_expression("2 * 3 / 4 - 5 * (6 + 7)")


def test_a_function_keeps_queries_and_plain_arguments_apart():
    """What is a query inside a function is read as one; strings and settings are kept."""
    query = MetricQuery("avg", "m", Everything())

    assert Function("f", (query, "basic", "2", "interval=20")) == parse_expression(
        "f(avg:m{*}, 'basic', 2, interval=20)"
    )


def test_a_change_alert_keeps_the_function_that_compares():
    """The outer function stands beside the inner aggregator."""
    alert = parse("pct_change(avg(last_5m),1h_ago):avg:m{*} > 20")

    assert isinstance(alert, MetricAlert)
    assert "pct_change" == alert.change
    assert "avg" == alert.aggregator


def test_slo_alerts_are_read():
    """Burn rates have three windows, error budgets one."""
    assert BurnRate(
        "abc",
        Window("last", 30, "d"),
        Window("last", 1, "h"),
        Window("last", 5, "m"),
        Comparator.ABOVE,
        14.4,
    ) == parse('burn_rate("abc").over("30d").long_window("1h").short_window("5m") > 14.4')
    assert ErrorBudget("abc", Window("last", 7, "d"), Comparator.AT_LEAST, 75.0) == parse(
        'error_budget("abc").over("7d") >= 75'
    )


def test_a_service_check_is_read():
    """Tags, exclusions, groups and the number of runs are all there."""
    assert ServiceCheckAlert(
        "a.up", ("env:prod", "role:db"), ("host:x",), ("host", "port"), 4, "count_by_status"
    ) == parse(
        '"a.up".over("env:prod","role:db").exclude("host:x").by("host","port").last(4)'
        ".count_by_status()"
    )


def test_a_service_check_without_over_is_about_every_tag():
    """Datadog's own provider publishes one."""
    assert ServiceCheckAlert("a.up", (), (), ("host",), 2, "count_by_status") == parse(
        '"a.up".by("host").last(2).count_by_status()'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", Everything()),
        ("a:b", Tag("a:b")),
        ("A:B", Tag("a:b")),
        ("!a:b", Not(Tag("a:b"))),
        ("a:b,c:d", All((Tag("a:b"), Tag("c:d")))),
        ("a:b AND NOT c:d", All((Tag("a:b"), Not(Tag("c:d"))))),
        ("a:b or c:d and e:f", AnyOf((Tag("a:b"), All((Tag("c:d"), Tag("e:f")))))),
        ("(a:b OR c:d) AND e:f", All((AnyOf((Tag("a:b"), Tag("c:d"))), Tag("e:f")))),
        ("a IN (b, c)", AnyOf((Tag("a:b"), Tag("a:c")))),
        ("a NOT IN (b,c)", Not(AnyOf((Tag("a:b"), Tag("a:c"))))),
        ("!device:/dev/loop*", Not(Tag("device:/dev/loop*"))),
        ("pod_name: web-*", Tag("pod_name:web-*")),
        ("order:1,notes:2", All((Tag("order:1"), Tag("notes:2")))),
    ],
)
def test_scopes_are_read(text, expected):
    """Symbols and words say the same; tags are lower case, as Datadog keeps them."""
    assert expected == scope(text)


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        ("*", {"a:b"}, None),
        ("a:b", {"a:b", "c:d"}, {"a:bb"}),
        ("a:b*", {"a:bcd"}, {"a:cb"}),
        ("a:*b", {"a:cb"}, {"a:bc"}),
        ("!a:b", {"a:c"}, {"a:b"}),
        ("a:b,c:d", {"a:b", "c:d"}, {"a:b"}),
        ("a:b OR c:d", {"c:d"}, {"a:d"}),
        ("a:[x]*", {"a:[x]y"}, {"a:xy"}),
    ],
)
def test_scopes_take_in_what_they_say(text, taken, left):
    """A scope matches the tags it names, and no others."""
    assert matches(scope(text), frozenset(taken))
    assert left is None or not matches(scope(text), frozenset(left))


TAGS = st.sampled_from(["a:1", "a:2", "b:1", "b:2"])


@given(first=TAGS, second=TAGS, tags=st.frozensets(TAGS))
def test_not_in_is_not_or(first, second, tags):
    """De Morgan holds: neither one nor the other is not both."""
    assert matches(scope(f"NOT ({first} OR {second})"), tags) == matches(
        scope(f"!{first},!{second}"), tags
    )


@given(
    st.integers(1, 999),
    st.sampled_from(["avg", "sum", "min", "max"]),
    st.sampled_from(list(Comparator)),
    st.decimals(-1000, 1000, places=3),
)
def test_every_alert_of_the_basic_form_is_read_back(minutes, aggregator, comparator, threshold):
    """What is written into a query comes out of it."""
    alert = parse(f"{aggregator}(last_{minutes}m):{aggregator}:m{{*}} {comparator} {threshold}")

    assert isinstance(alert, MetricAlert)
    assert (aggregator, minutes * 60) == (alert.aggregator, alert.window.seconds)
    assert (comparator, float(threshold)) == (alert.comparator, alert.threshold)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 1, "a time aggregator"),
        ("avg(last_5m)avg:m{*} > 1", 13, "`:`"),
        ("avg(5m):avg:m{*} > 1", 5, "a window"),
        ("avg(last_5m):avg:m > 1", 20, "`{`"),
        ("avg(last_5m):avg:m{} > 1", 20, "a tag"),
        ("avg(last_5m):avg:m{a:b > 1", 24, "`}`"),
        ("avg(last_5m):avg:m{*}", 22, "a comparator"),
        ("avg(last_5m):avg:m{*} => 1", 23, "a comparator"),
        ("avg(last_5m):avg:m{*} > x", 25, "the threshold"),
        ("avg(last_5m):avg:m{*} > 1 oops", 27, "the end"),
        ("avg(last_5m):avg:m{*} by {} > 1", 27, "a tag key"),
        ("avg(last_5m):(avg:m{*} > 1", 24, "`)`"),
        ('"x".over("*").last(2)', 22, ".count_by_status()"),
    ],
)
def test_a_wrong_query_is_named_with_its_place(text, position, expected):
    """The message says where reading stopped and what should stand there."""
    with pytest.raises(QuerySyntaxError, match=re.escape(expected)) as caught:
        parse(text)

    assert f"at position {position}, " in str(caught.value)
    assert 1 == caught.value.exit_status


@pytest.mark.parametrize(
    "text",
    [
        '"x".over().last(2).count_by_status()',
        '"x".over("*").count_by_status()',
        '"x".over("*").last("two").count_by_status()',
        'burn_rate("x").over("30d").long_window("1h") > 2',
    ],
)
def test_a_missing_call_is_named(text):
    """A check or an SLO alert without one of its parts is refused."""
    with pytest.raises(QuerySyntaxError, match="expected"):
        parse(text)


@given(st.text(alphabet="avg(last_5m):{}*> 1'\".,!&|by-", max_size=40))
def test_nothing_else_is_raised_on_nonsense(text):
    """Whatever is handed in, the answer is a query or a QuerySyntaxError."""
    try:
        parse(text)
    except QuerySyntaxError:
        return


@pytest.mark.parametrize(
    ("text", "symbol", "word"),
    [
        ("a:1,b:1 OR b:2", ",", "OR"),
        ("a:1,(b:1 or b:2)", ",", "or"),
        ("(a:1,b:1) AND c:1", ",", "AND"),
        ("a:1,b IN (1,2)", ",", "IN"),
        ("a:1,NOT b:1", ",", "NOT"),
        ("a:1 AND !b:1", "!", "AND"),
        ("!b NOT IN (1)", "!", "NOT"),
    ],
)
def test_symbols_and_words_do_not_stand_in_one_scope(text, symbol, word):
    """Datadog refuses that; the message names both, and the words to write."""
    with pytest.raises(QuerySyntaxError) as caught:
        scope(text)

    assert f"`{symbol}` stands beside {word} in one scope" in str(caught.value)
    assert "write AND for each `,` and NOT for each `!`" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a IN (b,c)", "a NOT IN (b,c)", "a:1,order:2,in:3", "a:or,b:not"]
)
def test_lists_of_values_and_words_inside_tags_are_no_mixture(text):
    """A comma between values is no symbol, and a tag may be called `in`."""
    assert scope(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a-b && c", Joined("&&", (Operand("a-b"), Operand("c")))),
        ("a||b", Joined("||", (Operand("a"), Operand("b")))),
        ("!a", Inverse(Operand("a"))),
        ("( ! (a) )", Inverse(Operand("a"))),
        ("12 && !34", Joined("&&", (Operand("12"), Inverse(Operand("34"))))),
        (
            "a && (b || !c)\n && d",
            Joined(
                "&&",
                (Operand("a"), Joined("||", (Operand("b"), Inverse(Operand("c")))), Operand("d")),
            ),
        ),
        ("burn-rate", Operand("burn-rate")),
    ],
)
def test_composites_are_read(text, expected):
    """Operands by key, ! before, && or || between, and parentheses; written as it was read."""
    found = parse(text)

    assert Composite(expected) == found
    assert found == parse(written(expected))


def test_a_composite_names_its_operands_once():
    """In the order of the query."""
    found = parse("c && (a || !c) && b")

    assert isinstance(found, Composite)
    assert ("c", "a", "b") == found.operands


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("a &&", 5, "the key of a monitor"),
        ("a & b", 3, "&&, || or the end"),
        ("&& a", 1, "the key of a monitor"),
        ("!", 2, "the key of a monitor"),
        ("(a && b", 8, "&&, || or `)`"),
        ("a && b)", 7, "&&, || or the end"),
        ("a b && c", 3, "&&, || or the end"),
        ("a and b", 3, "&&, || or the end"),
        ("(a) OR b", 5, "&&, || or the end"),
        ("a && !", 7, "the key of a monitor"),
    ],
)
def test_a_wrong_composite_is_named_with_its_place(text, position, expected):
    """The message says where reading stopped and what should stand there."""
    with pytest.raises(QuerySyntaxError, match=re.escape(expected)) as caught:
        parse(text)

    assert f"at position {position}, " in str(caught.value)


@pytest.mark.parametrize("text", ["a && b || c", "a || b && !c", "a && (b || c && d)"])
def test_both_operators_need_parentheses(text):
    """Datadog reads it, and does not say which goes first."""
    with pytest.raises(QuerySyntaxError, match="write parentheses"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "!" * 9000 + "a",
        "(" * 9000 + "a && b" + ")" * 9000,
        f"avg(last_5m):{'(' * 9000}avg:m{{*}}{')' * 9000} > 1",
        f"avg(last_5m):{'-' * 9000}avg:m{{*}} > 1",
        f"avg(last_5m):{'abs(' * 9000}avg:m{{*}}{')' * 9000} > 1",
        f"avg(last_5m):avg:m{{{'!' * 9000}a:b}} > 1",
        f"avg(last_5m):avg:m{{{'(' * 9000}a:b{')' * 9000}}} > 1",
    ],
)
def test_what_nests_too_deeply_is_refused(text):
    """With its place, and not as a defect of ours."""
    with pytest.raises(QuerySyntaxError, match="no more than 50 levels inside one another"):
        parse(text)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
def test_a_sum_may_be_long_and_not_endless(operator):
    """Its arithmetic is walked term by term, which Python allows for a thousand or so."""
    long, endless = (f" {operator} ".join(["avg:m{*}"] * terms) for terms in (101, 9000))
    parse_expression(long)

    with pytest.raises(QuerySyntaxError, match="no more than 100 operators"):
        parse_expression(endless)

"""`{{eval "…"}}`, `{{local_time …}}` and `{{urlencode "…"}}`, as Datadog documents them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_rig import Watched

from lightkeeper.alerting.errors import TemplateError, Unsupported
from lightkeeper.alerting.evaluate.formula import Formula
from lightkeeper.alerting.evaluate.message import Template

QUERY = "max(last_1m):max:g{*} by {step} > 5"
VALUES = {"value": 12.345, "big": 7200.0, "count": 3, "epoch": 1_700_000_000_000, "word": "x"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("int(value)", "12"),
        ("trunc(value)", "12"),
        ("floor(value)", "12"),
        ("ceil(value)", "13"),
        ("round(value)", "12"),
        ("round(value, 2)", "12.35"),
        ("round(12.376, 2)", "12.38"),
        ("round(2.5)", "3"),
        ("dec(value)", "0.345"),
        ("float(count)", "3.0"),
        ("abs(0 - value)", "12.345"),
        ("sgn(0-value)", "-1"),
        ("sgn(0)", "0"),
        ("to_bool(count - 2)", "true"),
        ("to_bool(0)", "false"),
        ("exp(0)", "1.0"),
        ("log10(100)", "2.0"),
        ("sin(0) + cosh(0) + atan2(0, 1)", "1.0"),
        ("count+1-2*3/4", "2.5"),
        ("(count + 1) * 2", "8"),
        ("2 ^ 3 ^ 2", "512.0"),
        ("-count + 5", "2"),
        ("count % 2", "1"),
        ("epoch-15*60*1000", "1699999100000"),
        ("int(big / 3600)", "2"),
        ("round(value * 100 / count, 1)", "411.5"),
        ("int(epoch / 3600000 % 24)", "22"),
        ("int( value )", "12"),
    ],
)
def test_an_expression_is_computed(expression, expected):
    """Whole numbers stay whole, so that links take them; rounding gives a person's number."""
    assert expected == Formula(expression).text(VALUES)


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "value % 0",
        "log10(0)",
        "asin(2)",
        "10 ^ 400",
        "*".join(["9" * 15] * 30) + " ^ 30",
        "to_bool(2)",
        "missing + 1",
        "word",
    ],
)
def test_what_has_no_result_is_empty(expression):
    """No variable without a value, and no number that there is not, ends a notification."""
    assert "" == Formula(expression).text(VALUES)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('{{eval "int(value"}}', TemplateError, "`,` or `)` in int(…)"),
        ('{{eval "value +"}}', TemplateError, "a variable, a number, a function or `(`"),
        ('{{eval "value 2"}}', TemplateError, "an operator or the end at position 7"),
        ('{{eval ""}}', TemplateError, "a variable"),
        ('{{eval "' + "(" * 200 + '"}}', TemplateError, "no more than 50 levels"),
        ('{{eval "1' + "+1" * 300 + '"}}', TemplateError, "holds 601 characters: write 500"),
        ("{{#is_alert}}" * 51 + "{{/is_alert}}" * 51, TemplateError, "more than 50 blocks"),
        ('{{eval "round(1, 2, 3)"}}', TemplateError, "round() in {{eval}} takes 1 or 2 values"),
        ('{{eval "int(nothing)"}}', TemplateError, "{{nothing}} stays empty here"),
        ('{{eval "step.name + 1"}}', TemplateError, "computes with numbers, not with step.name"),
        ('{{eval "first_triggered_at - 1"}}', TemplateError, "computes with numbers"),
        ('{{eval "humanize_bytes(value)"}}', Unsupported, "humanize_bytes() in {{eval}} is not"),
        ('{{eval "lower(value)"}}', Unsupported, "write one of abs, int, trunc"),
        ("{{eval 'int(value)'}}", Unsupported, "is not supported"),
        ("{{eval int(value)}}", Unsupported, "is not supported"),
        ("{{int value}}", Unsupported, "is not supported"),
        ("{{local_time 'value' 'UTC'}}", TemplateError, "value is no time"),
        ("{{local_time 'last_triggered_at' 'Mars/X'}}", TemplateError, "Mars/X is no time zone"),
        ("{{local_time last_triggered_at UTC}}", Unsupported, "is not supported"),
        ('{{urlencode "host.name"}}', TemplateError, "{{host.name}} stays empty here"),
        ('{{#is_match (eval "value") }}x{{/is_match}}', None, ""),
        ('{{#is_match (eval "value*") "1"}}x{{/is_match}}', TemplateError, "a variable"),
    ],
)
def test_what_datadog_does_not_document_is_refused(text, error, said):
    """Both in a message and in a title, with what to write."""
    for place in ("message", "name"):
        if error is None:
            Watched(QUERY, **{place: text})
            continue
        with pytest.raises(error) as caught:
            Watched(QUERY, **{place: text})
        assert said in str(caught.value)


def test_a_message_shows_numbers_times_and_links():
    """Numbers are those of the notification, not of what was shown of them."""
    text = (
        '{{eval "int(value)"}} of {{eval "round(threshold)"}} at {{step.name}} for '
        '{{eval "int(triggered_duration_sec/60)"}} min since '
        "{{local_time 'first_triggered_at' 'America/New_York'}} "
        'https://x.test/?from={{eval "last_triggered_at_epoch-60*1000"}}&q={{urlencode "step"}} '
        '{{eval "round(value * 10000)"}} {{eval "value / 2"}}'
    )
    watched = Watched(QUERY, message=text, renotify_interval=10)
    sent = [one.message for one in watched.gauges(*[6.00049] * 11, tags=("step:a/b c",))]

    link = "https://x.test/?from=0&q=a%2Fb%20c 60005 3.0"
    assert [
        f"6 of 5 at a/b c for 0 min since 1969-12-31 19:01:00-05:00 {link}",
        f"6 of 5 at a/b c for 10 min since 1969-12-31 19:01:00-05:00 {link}",
    ] == sent


def test_a_condition_may_compute():
    """Datadog routes by the hour of the day in this way."""
    text = (
        '{{#is_exact_match (eval "int(last_triggered_at_epoch / 3600000 % 24)") "0" "1"}}@night'
        "{{else}}@day{{/is_exact_match}}"
    )
    watched = Watched("max(last_1m):max:g{*} > 5", message=text)
    night = watched.gauges(6, 1)
    watched.pass_minutes(9 * 60)
    day = watched.gauges(6)

    assert [("@night",), ("@night",), ("@day",)] == [one.who for one in (*night, *day)]


def test_comments_end_at_the_first_braces():
    """Datadog documents them with dashes at the end, and without."""
    assert "abc" == Template("a{{!-- @x }}b{{!-- @y --}}c").render(frozenset(), {})


@given(st.text(alphabet="int(value)round+-*/%^.,0123 []\"'", max_size=40))
def test_nothing_else_is_raised_on_nonsense(expression):
    """Whatever is evaluated, it is computed or refused."""
    try:
        Formula(expression).text(VALUES)
    except (TemplateError, Unsupported):
        return

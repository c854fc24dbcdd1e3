"""Messages of monitors: conditionals, variables and whom they notify."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_rig import Watched, payload

from lightkeeper.alerting.errors import TemplateError, Unsupported
from lightkeeper.alerting.evaluate.message import FLAGS, Template, glued, handles
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun

QUERY = "max(last_1m):max:g{*} by {step,a.b} > 5"
TAGS = ("step:sign", "a.b:c")


def messages(message, *values, **options):
    """Return the messages and handles when a group has these values, minute by minute."""
    watched = Watched(QUERY, message=message, **options)
    return [(one.message, one.who) for one in watched.gauges(*values, tags=TAGS)]


@pytest.mark.parametrize(
    ("flag", "shown"),
    [
        ("is_alert", "alert alert renotify"),
        ("is_warning", "warn warn"),
        ("is_no_data", "nodata"),
        ("is_renotify", "renotify"),
        ("is_alert_to_warning", "warn"),
        ("is_recovery", "ok ok ok"),
        ("is_alert_recovery", "ok"),
        ("is_warning_recovery", "ok"),
        ("is_no_data_recovery", "ok"),
        ("is_unknown", ""),
    ],
)
def test_conditionals_show_what_happened(flag, shown):
    """Each conditional shows its text in the notifications it is meant for, and no others."""
    watched = Watched(
        "max(last_1m):max:g{*} > 5",
        message=f"{{{{#{flag}}}}}yes{{{{/{flag}}}}}{{{{^{flag}}}}}no{{{{/{flag}}}}}",
        thresholds={"warning": 3},
        on_missing_data="show_and_notify_no_data",
        renotify_interval=2,
        renotify_statuses=["alert"],
    )
    names = {"alert": "alert", "warn": "warn", "no data": "nodata", "recovery": "ok"}

    # alert, recovery · warn, recovery · no data, recovery · alert, renotified, to warning
    notifications = watched.gauges(1, 6, 1, 4, 1, None, 1, 6, 6, 6, 4)

    assert shown.split() == [
        names.get(one.why, "renotify") for one in notifications if one.message == "yes"
    ]
    assert all(one.message in ("yes", "no") for one in notifications)


def test_values_are_filled_in():
    """Numbers, the comparator, times and the tags of the group are in the text."""
    text = (
        "{{value}} {{comparator}} {{ threshold }} {{warn_threshold}} {{step.name}} {{step}} "
        "{{[a.b].name}} {{{a.b.name}}} {{first_triggered_at}} {{last_triggered_at_epoch}} "
        "{{triggered_duration_sec}}"
    )

    notifications = messages(text, 4, 6.12345, thresholds={"critical": 5, "warning": 3})

    assert "6.123 > 5.0 3.0 sign sign c c 1970-01-01 00:01:00 UTC 120000 60" == notifications[1][0]


def test_blocks_nest_and_have_an_else():
    """Conditionals stand inside one another; else is for when they do not hold."""
    text = (
        "{{#is_alert}}{{#is_match 'step.name' 'si'}}signing{{else}}other{{/is_match}}"
        "{{else}}fine{{/is_alert}}"
    )

    assert ["signing", "fine"] == [text for text, _ in messages(text, 6, 1)]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('is_match "step.name" "ig"', True),
        ('is_match "step.name" "x" "gn"', True),
        ('is_match "step" "sign"', True),
        ('is_match "step.name" "x"', False),
        ('is_match "step.name" ""', True),
        ('is_match "[a.b].name" "c"', True),
        ('is_exact_match "step.name" "sig"', False),
        ('is_exact_match "step.name" "sign"', True),
        ('is_exact_match "value" "6.00"', True),
        ("is_priority 'P2'", True),
        ("is_priority 'P1'", False),
    ],
)
def test_matches(condition, holds):
    """is_match finds parts, is_exact_match the whole or the same number."""
    name = condition.split()[0]
    text = f"{{{{#{condition}}}}}yes{{{{/{name}}}}}"

    assert [("yes" if holds else "", ())] == messages(text, 6, priority=2)


def test_an_empty_string_matches_any_value():
    """is_match with "" does not hold where the variable is empty."""
    text = "{{#is_match 'value' ''}}a value{{else}}none{{/is_match}}"

    assert ["a value", "none"] == [
        text for text, _ in messages(text, 6, None, on_missing_data="show_and_notify_no_data")
    ]


def test_a_message_for_alerts_alone_notifies_no_handle_of_missing_data():
    """The no-data notification of such a message is empty and names no one."""
    notifications = messages(
        "{{#is_alert}}@pagerduty-x{{/is_alert}}",
        6,
        None,
        on_missing_data="show_and_notify_no_data",
    )

    assert [("@pagerduty-x", ("@pagerduty-x",)), ("", ())] == notifications


def test_handles_may_be_built_from_tags():
    """A handle is found in the rendered text."""
    assert ("@slack-sign",) == messages("@slack-{{step.name}} look", 6)[0][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call @oncall.", ("@oncall",)),
        ("@a @b @a", ("@a", "@b")),
        ("(@slack-Team-#alerts)", ("@slack-Team-#alerts",)),
        ("@jane.doe@va.gov, now", ("@jane.doe@va.gov",)),
        ("jane.doe@va.gov @", ()),
        ("@webhook-x\n@opsgenie-y:", ("@webhook-x", "@opsgenie-y")),
    ],
)
def test_handles(text, expected):
    """The handles in a text, each once; an address without @ in front is none."""
    assert expected == handles(text)


def test_comments_are_not_sent():
    """A comment is for the monitor's page alone."""
    assert "ab" == Template("a{{!-- @handle --}}b").render(frozenset(), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{#is_alert}}x", "never closed"),
        ("x{{/is_alert}}", "where nothing is open"),
        ("{{#is_alert}}x{{/is_warning}}", "where is_alert is open"),
        ("{{#is_alert}}{{else}}{{else}}{{/is_alert}}", "two"),
        ("{{#is_alerting}}x{{/is_alerting}}", "Datadog has no"),
        ("{{host.name}}", "stays empty"),
        ("{{#is_match 'host.name' 'x'}}x{{/is_match}}", "stays empty"),
        ("{{#is_match}}x{{/is_match}}", "lacks"),
    ],
)
def test_a_broken_message_is_refused(text, message):
    """Blocks have to be closed and names have to be filled, in titles too."""
    with pytest.raises(TemplateError, match=message):
        MonitorRun(payload(QUERY, message=text))
    with pytest.raises(TemplateError, match=message):
        MonitorRun(payload(QUERY, name=text))


@pytest.mark.parametrize("text", ["{{length value}}", "{{{{raw}}}}x{{{{/raw}}}}", "{{}}"])
def test_helpers_that_are_not_supported_are_refused(text):
    """Nothing is rendered otherwise than Datadog would."""
    with pytest.raises(Unsupported, match="not supported"):
        Template(text)


@given(st.sampled_from(sorted(FLAGS)), st.frozensets(st.sampled_from(sorted(FLAGS))))
def test_a_block_and_its_negation_share_all_cases(flag, flags):
    """Exactly one of {{#x}} and {{^x}} is shown."""
    text = f"{{{{#{flag}}}}}a{{{{/{flag}}}}}{{{{^{flag}}}}}b{{{{/{flag}}}}}"

    assert ("a" if flag in flags else "b") == Template(text).render(flags, {})


@given(st.text(alphabet="{}#^/is_alert else\"'", max_size=40))
def test_nothing_else_is_raised_on_nonsense(text):
    """Whatever a message holds, it is rendered or refused."""
    try:
        Template(text).render(frozenset(), {})
    except (TemplateError, Unsupported):
        return


def test_a_message_may_say_where_it_recovers():
    """Datadog fills in the thresholds of recovery, and leaves out what is not set."""
    text = "{{alert_recovery_threshold}} {{warn_recovery_threshold}} {{ok_threshold}}"
    limits = {"critical": 5, "critical_recovery": 4, "warning": 3, "warning_recovery": 2}

    shown = [message.split() for message, _ in messages(text, 6, thresholds=limits)]
    bare = [message.split() for message, _ in messages(text, 6)]

    assert [[4.0, 2.0]] == [[float(one) for one in words] for words in shown]
    assert [[]] == bare


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("low@slack-x", "low@slack-x"),
        ("low.@slack-x now", "low.@slack-x"),
        ("see https://x.test/#a@slack-x", "https://x.test/#a@slack-x"),
        ("@slack-xlook", "@slack-xlook"),
        ("@slack-x@pagerduty-y", "@slack-x@pagerduty-y"),
        ("@slack-x,@pagerduty-y", "@slack-x,@pagerduty-y"),
        ("low@teams-other", "low@teams-other"),
        ("low@jane@va.gov", "low@jane@va.gov"),
        ("**@slack-x**", "**@slack-x**"),
        ("@slack-x: (@pagerduty-y), '@slack-x'.", None),
        ("@slack-x-low @slack-x_low", "@slack-x_low"),
        ("@jane@va.gov", None),
        ("write to jane.doe@va.gov, or https://a@b.test/c, at 5 @ night", None),
    ],
)
def test_a_handle_that_is_glued_to_a_word_is_found(text, word):
    """Datadog sees none of these; addresses, links and handles that stand apart are no fault."""
    assert word == glued(text, {"@slack-x", "@pagerduty-y"})

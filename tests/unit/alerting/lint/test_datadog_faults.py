"""What Datadog refuses, or what breaks paging there, is found, with its key and a remedy."""

import definition_files
import pytest
from definition_files import ALL, CHECK, FAILED, FIRST, GOOD, MISSING, STUCK, VALUE, put

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.lint.monitor_rules import lint
from lightkeeper.telemetry.tags import DOCUMENT_TYPES

OPTIONS, QUERY, MESSAGE = "payload.options", "payload.query", "payload.message"
NUMERATOR, DENOMINATOR = "payload.query.numerator", "payload.query.denominator"
TARGETS, AGAIN = "payload.thresholds", "payload.target_threshold"
SHARE, FAIL, STAY = "slos/share.json", "failed.json", "stuck.json"
BAD = GOOD.replace("good", "bad")
OTHER_BAD = BAD.replace("efolder", "outcome")
ALONE = STUCK.replace(" by {step}", "")
BY_TWO = STUCK.replace("by {step}", "by {step,document_type}")
UNGROUPED = CHECK.replace('.by("env")', "")
OUTCOMES = "env:${env},outcome:failed"
MONTH, WEEK = {"timeframe": "30d", "target": 99}, {"timeframe": "7d", "target": 95}
AGAIN_SAID = "{{#is_renotify}} It lasts.{{/is_renotify}}"
MATCHED = '{{#is_match "step.name" "none"}}odd{{/is_match}}'


def scoped(scope):
    """The query of failures, with another scope."""
    return FAILED.replace(OUTCOMES, scope)


def good(scope):
    """A count of an SLO's metric, with another scope."""
    return ALL.replace("}.as", f" AND ({scope})}}.as")


def problems(folder, file, changes):
    """All that is found after these changes in one file, as (place, rule, remedy)."""
    files = definition_files.definitions()
    for path, value in changes.items():
        put(files[file], path, value)
    found = lint(load(definition_files.write(folder, files)))
    return [(one.path, one.rule, one.remedy) for one in found]


def options(**given):
    """Changes to the options."""
    return {f"{OPTIONS}.{name}": value for name, value in given.items()}


def message(file, old, new):
    """A change to the message."""
    return {MESSAGE: definition_files.definitions()[file]["payload"]["message"].replace(old, new)}


ASSETS = "payload.assets"
ASSET = {"category": "runbook", "name": "Runbook", "url": "${runbook_url}#failed"}
NOTEBOOK = {"url": "/notebook/1", "resource_type": "notebook", "resource_key": "1"}


def beside(**given):
    """A link beside the message, which is the runbook's unless said otherwise."""
    return {ASSETS: [ASSET | given]}


FAULTS = [
    # Numbers that Datadog does not take.
    (FAIL, options(timeout_h=-1), "timeout_h", "limits", "-1 is not taken: write 0 to 24"),
    (FAIL, options(timeout_h=25), "timeout_h", "limits", "write 0 to 24"),
    ("polling.json", options(timeout_h=48), "timeout_h", "limits", "write 0 to 24"),
    (FAIL, options(new_group_delay=-60), "new_group_delay", "limits", "write 0 to 86400"),
    (FAIL, options(new_host_delay=-1), "new_host_delay", "limits", "write 0 to 86400"),
    (FAIL, options(new_group_delay=10_000_000), "new_group_delay", "limits", "write 0 to 86400"),
    (FAIL, options(new_group_delay=86_401), "new_group_delay", "limits", "may never alert"),
    (STAY, options(new_host_delay=172_800), "new_host_delay", "limits", "write 0 to 86400"),
    (FAIL, options(renotify_interval=-5), "renotify_interval", "limits", "write 0 or more"),
    # Windows.
    *(
        (FAIL, {QUERY: FAILED.replace("last_5m", f"last_{span}")}, QUERY, "window", remedy)
        for span, remedy in {
            "0m": "write last_5m or longer",
            "1m": "write last_5m or longer",
            "43801m": "write last_730h or less",
            "731h": "write last_730h or less",
            "31d": "write last_730h or less",
            "5w": "write last_730h or less",
            "2mo": "write last_730h or less",
        }.items()
    ),
    (FAIL, {QUERY: FAILED.replace("5m", "30s")}, QUERY, "query", "a window such as last_5m"),
    (
        "burn.json",
        {QUERY: definition_files.BURN.replace("30m", "0m")},
        OPTIONS,
        "options",
        "the short one shorter, and a minute or more",
    ),
    # Symbols and words in one scope.
    *(
        (
            FAIL,
            {QUERY: scoped(scope)},
            QUERY,
            "query",
            "write AND for each `,` and NOT for each `!`",
        )
        for scope in (
            "env:${env},outcome:failed OR outcome:recovered",
            "env:${env},(outcome:failed or outcome:recovered)",
            "env:${env},outcome IN (failed,recovered)",
            "env:${env},NOT outcome:done",
            "env:${env} AND !outcome:done",
            "env:${env} AND outcome NOT IN (done) AND !step:none",
        )
    ),
    (SHARE, {NUMERATOR: GOOD.replace(",", ",NOT ")}, QUERY, "query", "write AND for each `,`"),
    # Groups.
    (FAIL, options(notify_by=["step"]), "notify_by", "grouping", "all keys of the query"),
    ("polling.json", options(notify_by=["env"]), "notify_by", "grouping", "all keys of the query"),
    (
        STAY,
        {QUERY: BY_TWO, **options(notify_by=["document_type", "step"])},
        "notify_by",
        "grouping",
        "leave it out, or name fewer",
    ),
    (STAY, {QUERY: ALONE, **options(notify_by=["*"])}, "notify_by", "grouping", "leave it out"),
    (STAY, {QUERY: ALONE, **options(notify_by=["step"])}, OPTIONS, "options", "notify_by: "),
    *(
        (file, {**query, **options(notify_by=[])}, "notify_by", "grouping", "it names no key")
        for file, query in (
            (FAIL, {}),
            (STAY, {QUERY: BY_TWO}),
            (STAY, {QUERY: ALONE}),
            ("polling.json", {}),
            ("burn.json", {}),
        )
    ),
    ("burn.json", options(notify_by=["*"]), "notify_by", "grouping", "leave it out"),
    *(
        (file, {**query, **options(new_group_delay=60)}, "new_group_delay", "grouping", "leave it")
        for file, query in (
            (STAY, {QUERY: ALONE}),
            ("polling.json", {QUERY: UNGROUPED}),
            ("burn.json", {}),
        )
    ),
    # Reminders that are never sent.
    *(
        (
            file,
            options(renotify_interval=60, renotify_statuses=["alert", "no data"], **missing),
            "renotify_statuses",
            "renotify",
            "leave out no data",
        )
        for file, missing in (
            (FAIL, {}),
            (STAY, {"on_missing_data": "show_no_data"}),
            (STAY, {"on_missing_data": "resolve"}),
            ("polling.json", {}),
        )
    ),
    (
        STAY,
        options(renotify_interval=60, renotify_statuses=["warn"]),
        "renotify_statuses",
        "renotify",
        "leave out warn",
    ),
    (
        "burn.json",
        options(renotify_interval=60),
        "renotify_interval",
        "renotify",
        "an SLO alert sends no reminders: leave it out",
    ),
    *(
        (file, {**asked, **message(file, value, value + text)}, MESSAGE, "renotify", words)
        for file, value, asked, words in (
            ("burn.json", "{{value}}", {}, "an SLO alert sends no reminders"),
            (FAIL, VALUE, {}, "there is no renotify_interval"),
            ("polling.json", "{{value}}", {}, "{{#is_renotify}} is never sent: take it out"),
            (STAY, "{{value}}", options(renotify_interval=0), "is never sent"),
        )
        for text in (
            AGAIN_SAID,
            "{{#is_alert}}{{#is_renotify}}a{{else}}b{{/is_renotify}}{{/is_alert}}",
            "{{^is_renotify}}a{{else}}b{{/is_renotify}}",
        )
    ),
    # SLOs whose targets contradict each other, or leave no budget.
    (SHARE, {"payload.timeframe": "7d"}, "payload.timeframe", "targets", "write 30d, as it says"),
    (
        SHARE,
        {AGAIN: 99.9},
        AGAIN,
        "targets",
        "99.9 contradicts `thresholds`: write 99, as it says",
    ),
    (
        SHARE,
        {TARGETS: [MONTH, WEEK], "payload.timeframe": "7d", AGAIN: 99},
        AGAIN,
        "targets",
        "write 95, as it says",
    ),
    (SHARE, {TARGETS: [MONTH, MONTH]}, f"{TARGETS}[1]", "targets", "30d has a target already"),
    (SHARE, {TARGETS: [MONTH | {"warning": 98}]}, f"{TARGETS}[0].warning", "targets", "above the"),
    *(
        (SHARE, {TARGETS: [MONTH | {"target": target}]}, f"{TARGETS}[0].target", "targets", words)
        for target, words in (
            (99.99999, "99.99999 has more than three decimal places"),
            (99.9999, "write 99.999"),
            (98.5001, "which Datadog does not allow"),
            (99.12345678, "write 99.123"),
        )
    ),
    (
        SHARE,
        {TARGETS: [MONTH, WEEK | {"warning": 99.99995}]},
        f"{TARGETS}[1].warning",
        "targets",
        "write 99.999",
    ),
    (
        SHARE,
        {TARGETS: [MONTH | {"warning": 99.5}], "payload.warning_threshold": 99.50001},
        "payload.warning_threshold",
        "targets",
        "99.5",
    ),
    *(
        (
            SHARE,
            {TARGETS: [MONTH | {"target": target}]},
            TARGETS,
            "options",
            "above 0 and below 100",
        )
        for target in (100, 100.0, 120, 0, -1)
    ),
    *(
        (
            SHARE,
            {place: f"{GOOD if place is NUMERATOR else ALL} {by}"},
            place,
            "numerator",
            "alone",
        )
        for place in (NUMERATOR, DENOMINATOR)
        for by in ("* 2", "/ 1", "+ (1 * 0)")
    ),
    (SHARE, {NUMERATOR: f"{ALL} * 1", DENOMINATOR: GOOD}, NUMERATOR, "numerator", "`*` and `/`"),
    # An SLO that counts the wrong way round.
    *(
        (SHARE, {NUMERATOR: part, DENOMINATOR: every}, NUMERATOR, "numerator", remedy)
        for part, every, remedy in (
            (ALL, GOOD, "or both the other way round"),
            (ALL, ALL, "write the good ones alone"),
            (BAD, GOOD, "a narrower scope of the same metric"),
            (f"{GOOD} + {BAD}", GOOD, "a narrower scope of the same metric"),
            (ALL, f"{ALL} - {BAD}", "a narrower scope of the same metric"),
            (GOOD, f"{ALL} - {GOOD}", "a narrower scope of the same metric"),
            (GOOD, ALL.replace("efolder", "outcome"), "a narrower scope of the same metric"),
            (f"{ALL} + {OTHER_BAD}", ALL, "a narrower scope of the same metric"),
            # It is all of it, however it is written.
            (f"{GOOD} + {BAD}", ALL, "100 % for ever"),
            (f"{BAD} + {GOOD}", f"{GOOD} + {BAD}", "100 % for ever"),
            (f"({ALL} - {BAD}) + {BAD}", ALL, "100 % for ever"),
            (good("result:*"), ALL, "100 % for ever"),
            (good("result:good OR result:bad"), ALL, "100 % for ever"),
            (good("result IN (bad,good)"), ALL, "100 % for ever"),
            (good("NOT result:typed*"), ALL, "100 % for ever"),
            (good("(document_type:form_* OR NOT document_type:form_*)"), ALL, "100 % for ever"),
            (good("result:good"), good("NOT result:bad"), "100 % for ever"),
            (
                " + ".join(good(f"document_type:{one}") for one in DOCUMENT_TYPES),
                ALL,
                "100 % for ever",
            ),
            # It is nothing, or less.
            (f"{GOOD} - {GOOD}", ALL, "0 % for ever"),
            (good("result:good AND result:bad"), ALL, "0 % for ever"),
            (good("result"), ALL, "0 % for ever"),
            (f"{GOOD} - {ALL}", ALL, "takes away more"),
            (f"0 - {BAD}", ALL, "takes away more"),
            (f"-{BAD}", ALL, "takes away more"),
            (f"{GOOD} - {BAD}", ALL, "takes away more"),
            (f"{ALL} - {OTHER_BAD}", ALL, "takes away more of lightkeeper.slo.outcome"),
            (f"{ALL} - {BAD} - {BAD}", ALL, "takes away more"),
            # It is no count of events.
            (f"{GOOD} + 1", ALL, "1 counts nothing"),
            (f"0.5 + {GOOD}", ALL, "0.5 counts nothing"),
            (f"{GOOD} - (2 - {BAD})", ALL, "2 counts nothing"),
        )
    ),
    (
        SHARE,
        {
            NUMERATOR: good(
                " AND ".join(
                    f"({' OR '.join(f'{key}:{one}' for one in range(80))})"
                    for key in ("service", "version")
                )
            )
        },
        NUMERATOR,
        "numerator",
        "name fewer tags",
    ),
    *(
        (SHARE, {DENOMINATOR: every}, DENOMINATOR, "numerator", remedy)
        for every, remedy in (
            (f"{ALL} + 1", "1 counts nothing"),
            (f"{ALL} - {BAD} - {OTHER_BAD}", "takes away more"),
        )
    ),
    *(
        (SHARE, {NUMERATOR: part}, QUERY, "supported", f"{name}() is not supported")
        for name, part in (
            ("abs", f"abs({GOOD})"),
            ("clamp_max", f"clamp_max({GOOD}, 1)"),
            (".rollup", f"{GOOD}.rollup(sum, 60)"),
        )
    ),
    # Links that lead nowhere.
    (FAIL, message(FAIL, "now", "[now](README.md#x)"), MESSAGE, "link", "README.md#x is relative"),
    (FAIL, message(FAIL, "now", "[a](/dashboard/x)"), MESSAGE, "link", "write https://…"),
    (
        FAIL,
        {"payload.assets": [{"category": "runbook", "name": "It", "url": "monitors/README.md"}]},
        "payload.assets[0].url",
        "link",
        "monitors/README.md is relative",
    ),
    *(
        (FAIL, message(FAIL, "now", text), MESSAGE, "link", f"the link to {target} is relative")
        for text, target in (
            ('<a href="/x">it</a>', "/x"),
            ("<A HREF='wiki/x'>it</A>", "wiki/x"),
            ('<a class="b" href=/x?y=1 >it</a>', "/x?y=1"),
            ("<img src='../x.png'>", "../x.png"),
            ('<a href="#failed">it</a>', "#failed"),
            ("[it](</wiki/x> 'The wiki')", "/wiki/x"),
            ("[it](//wiki.test/x)", "//wiki.test/x"),
            ("[it]({{#is_alert}}/wiki/x{{/is_alert}})", "/wiki/x"),
            ("[it][1]\n\n[1]: /wiki/x", "/wiki/x"),
            ("see /wiki/x.", "/wiki/x"),
            ("Wiki: /wiki", "/wiki"),
            ("\n/wiki\n", "/wiki"),
            ("\n- /dashboard/abc?tpl_var_env=x\n", "/dashboard/abc?tpl_var_env=x"),
            ("(/wiki/x)", "/wiki/x"),
            ("{{#is_alert}}/wiki/x{{/is_alert}}", "/wiki/x"),
            ("look into ../wiki/x", "../wiki/x"),
            ("read monitors/README.md#failed", "monitors/README.md#failed"),
        )
    ),
    (
        SHARE,
        {"payload.description": "${runbook_url}#share, and /wiki/x"},
        "payload.description",
        "link",
        "the link to /wiki/x is relative: write https://…, or in backquotes what is no link",
    ),
    # Links beside the message.
    *(
        (FAIL, beside(**asset), f"{ASSETS}[0]{place}", rule, words)
        for asset, place, rule, words in (
            ({"category": "dashboard"}, ".category", "shape", "is unknown: write"),
            ({"url": 5}, ".url", "shape", "has the wrong type"),
            ({"name": " "}, ".name", "assets", "give it a name"),
            ({"url": "${runbook_url}#stuck"}, ".url", "assets", "write ${runbook_url}#failed"),
            ({"url": "https://x.test/{{step.name}}"}, "", "assets", "fills in no {{…}} here"),
            (NOTEBOOK | {"url": "https://x.test/1"}, ".url", "assets", "Datadog's own notebook"),
            (NOTEBOOK | {"resource_key": ""}, ".resource_key", "assets", "write both"),
        )
    ),
    (
        FAIL,
        {ASSETS: [ASSET, {**ASSET, "name": "Again"}]},
        f"{ASSETS}[1].url",
        "assets",
        "leave out one of the two",
    ),
    (FAIL, {ASSETS: [{"category": "runbook", "name": "It"}]}, f"{ASSETS}[0]", "shape", "'url' is"),
    # Handles that no one sees.
    *(
        (FAIL, message(FAIL, old, new), MESSAGE, "handle", "write a space before the handle")
        for old, new in (
            ("{{step.name}} ${pager}", "{{step.name}}${pager}"),
            ("now ${channel}", "now${channel}"),
            ("now ${channel}", "now.${channel}"),
            ("${channel} ", "${channel}look "),
            ("now ", f"{MATCHED}"),
            ("now", "now@slack-typed"),
            ("now", "now@jane@va.gov"),
        )
    ),
    # Numbers, times and links that Datadog does not fill in.
    *(
        (FAIL, message(FAIL, VALUE, helper), MESSAGE, rule, words)
        for helper, rule, words in (
            ('{{eval "int(values)"}}', "variables", "{{values}} stays empty here"),
            ('{{eval "int(value"}}', "variables", "`,` or `)` in int(…)"),
            ('{{eval "humanize_bytes(value)"}}', "supported", "write one of abs, int"),
            ("{{int value}}", "supported", "write the name of a variable"),
            ("{{local_time 'last_triggered_at' 'Mars'}}", "variables", "no time zone"),
            ('{{eval "int(value)"}}${channel}', "handle", "write a space before the handle"),
        )
    ),
    # The pager where missing data are, and are not, notified of.
    (FAIL, message(FAIL, "now", MISSING), MESSAGE, "pager", "missing data do not notify here"),
    (
        FAIL,
        message(FAIL, "now", MISSING) | options(on_missing_data="show_no_data"),
        MESSAGE,
        "pager",
        "take ${pager} out of it",
    ),
    (
        FAIL,
        options(on_missing_data="show_and_notify_no_data"),
        MESSAGE,
        "pager",
        "missing data notify here: write ${pager} into {{#is_alert}} and {{#is_no_data}}",
    ),
    (
        FAIL,
        message(FAIL, "now", '{{#is_match "step.name" "none"}}${pager}{{/is_match}}'),
        MESSAGE,
        "pager",
        "write ${pager} into {{#is_alert}}, and nowhere else",
    ),
]


@pytest.mark.parametrize(("file", "changes", "place", "rule", "words"), FAULTS)
def test_a_fault_is_named_with_its_key_and_remedy(tmp_path, file, changes, place, rule, words):
    """One rule finds it, at the key that is wrong, and says what to write."""
    found = problems(tmp_path / "m", file, changes)

    place = place if "payload" in place else f"{OPTIONS}.{place}"
    assert {(place, rule)} == {(path, name) for path, name, _ in found}
    assert all(words in remedy for *_, remedy in found)


NOTIFYING = {"on_missing_data": "show_and_notify_no_data"}
SOUND = [
    (FAIL, options(timeout_h=0)),
    (FAIL, options(timeout_h=24)),
    (FAIL, options(new_group_delay=0)),
    (FAIL, {QUERY: FAILED.replace("last_5m", "last_730h")}),
    (FAIL, {QUERY: FAILED.replace("last_5m", "last_1mo")}),
    (FAIL, {QUERY: scoped("env:${env} AND (outcome:failed OR outcome:recovered)")}),
    (FAIL, {QUERY: scoped("env:${env} AND outcome IN (failed,recovered)")}),
    (FAIL, {QUERY: scoped("env:${env},!outcome:done")}),
    (STAY, {QUERY: BY_TWO, **options(notify_by=["step"])}),
    (STAY, options(notify_by=["*"])),
    (STAY, options(renotify_interval=60, renotify_statuses=["alert", "no data"], **NOTIFYING)),
    ("burn.json", options(renotify_interval=0)),
    ("burn.json", message("burn.json", "{{value}}", "{{value}}{{^is_renotify}}a{{/is_renotify}}")),
    (STAY, options(renotify_interval=60) | message(STAY, "{{value}}", "{{value}}" + AGAIN_SAID)),
    (STAY, options(new_group_delay=86_400)),
    (SHARE, {"payload.timeframe": "30d", AGAIN: 99.0}),
    (SHARE, {TARGETS: [MONTH, WEEK], "payload.timeframe": "7d", AGAIN: 95}),
    (SHARE, {TARGETS: [MONTH | {"warning": 99.5}], "payload.warning_threshold": 99.5}),
    *((SHARE, {TARGETS: [MONTH | {"target": target}]}) for target in (99.999, 99.9, 99.0, 98.125)),
    (SHARE, {NUMERATOR: f"{ALL} - {BAD}"}),
    (SHARE, {DENOMINATOR: f"{GOOD} + {BAD}"}),
    (SHARE, {NUMERATOR: good("NOT result:bad")}),
    (SHARE, {NUMERATOR: good("result:good OR document_type:form_*")}),
    (SHARE, {NUMERATOR: good("result:g*"), DENOMINATOR: good("result:*")}),
    (SHARE, {NUMERATOR: f"{good('result:good AND document_type:form_0781')} + 0"}),
    (SHARE, {NUMERATOR: f"default_zero({GOOD})", DENOMINATOR: f"default_zero({ALL})"}),
    (SHARE, {NUMERATOR: GOOD, DENOMINATOR: f"{ALL} + {OTHER_BAD}"}),
    (SHARE, {NUMERATOR: f"{GOOD} + {OTHER_BAD}", DENOMINATOR: f"{ALL} + {OTHER_BAD}"}),
    (SHARE, {NUMERATOR: GOOD.replace(",", " AND "), DENOMINATOR: f"{BAD} + {GOOD} + {ALL}"}),
    (FAIL, message(FAIL, "now", "[now](${runbook_url}#failed)")),
    (FAIL, message(FAIL, "now", "(${channel}), or jane.doe@va.gov, or https://x@y.test/z")),
    *(
        (STAY, message(STAY, "{{value}}", text))
        for text in (
            "<a href='https://x.test/y'>it</a>",
            '<a title="x" href="https://x.test/y">it</a>',
            "[it](<https://x.test/a/b> 'The wiki')",
            '[it][1]\n\n[1]: https://x.test/a/b "It"',
            "`/wiki/x`, `GET /v0/uploads`, and ```\n/wiki/x\n```",
            "look into /etc/lightkeeper/env and /var/log",
            "and/or 4 /min, {{value}}/{{threshold}}, {{value}} /h, 11/30, / and n/a",
            "HTTPS://x.test/wiki/README.md, ftp://x.test/a/b",
        )
    ),
    (FAIL, beside()),
    (FAIL, beside(**NOTEBOOK)),
    (FAIL, {ASSETS: [ASSET, {**ASSET, "name": "Board", "url": "https://x.test/dashboard/1"}]}),
    (FAIL, message(FAIL, "now", MISSING) | options(**NOTIFYING)),
    *(
        (FAIL, message(FAIL, VALUE, helper))
        for helper in (
            '{{eval "int(value)"}} of {{eval "round(threshold/7, 1)"}}',
            "since {{first_triggered_at}}, {{local_time 'first_triggered_at' 'Asia/Tokyo'}}",
            '[it](https://x.test/?to={{last_triggered_at_epoch}}&q={{urlencode "step.name"}})',
            '{{#is_match (eval "int(value)") "7"}}seven{{/is_match}}',
        )
    ),
    ("polling.json", {QUERY: CHECK.replace('.over("env:${env}")', "")}),
    ("polling.json", {QUERY: UNGROUPED.replace('.over("env:${env}")', "")}),
    *(
        (file, message(file, "{{value}}", f"{{{{{name}}}}}"))
        for file in (STAY, "polling.json", "burn.json")
        for name in ("ok_threshold", "alert_recovery_threshold", "warn_recovery_threshold")
    ),
]


@pytest.mark.parametrize(("file", "changes"), SOUND)
def test_what_datadog_takes_is_no_fault(tmp_path, file, changes):
    """These are right, and no rule reports them."""
    assert [] == problems(tmp_path / "m", file, changes)


@pytest.mark.parametrize("notifies", [True, False])
def test_a_check_pages_for_missing_data_where_they_notify(tmp_path, notifies):
    """A service check says so in an option of its own."""
    pages = {"pages": "On-call.", **options(notify_no_data=notifies)}
    alert = FIRST + "{{#is_alert}}${pager}{{/is_alert}}"
    both, one = (
        problems(
            tmp_path / name, "polling.json", pages | message("polling.json", "{{value}}", text)
        )
        for name, text in (("both", alert + MISSING), ("one", alert))
    )

    right, wrong = (both, one) if notifies else (one, both)
    assert [] == right
    assert [(MESSAGE, "pager")] == [(path, rule) for path, rule, _ in wrong]

"""What an on-call reads at night: the first command, numbers for people, links to that time."""

import json
import re
from pathlib import Path

import definition_files
import pytest
from definition_files import FIRST, STUCK, put

from lightkeeper.alerting.files.definitions import PAGERS, Urgency, load
from lightkeeper.alerting.lint.monitor_rules import lint
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.commands.named import complaint

ROOT = Path(__file__).parents[4]
MESSAGE = "payload.message"
WAITS = "min(last_5m):max:lightkeeper.intake.newest_age{env:${env}} > 0"
HALF = WAITS.replace(" > ", " / 3600 > ")
SUM = f"{WAITS[:-4]} + max:lightkeeper.outbox.age{{env:${{env}}}} > 0"
BEFORE = {Urgency.PAGER: "act_now", Urgency.PAGER_LOW: "may_wait", Urgency.CHANNEL: "first"}
"""The variable that stands before the first command: how urgent it is."""
PAGE = "{{#is_alert}}%s ${pager}{{/is_alert}} ${channel} " + FIRST + "${runbook_url}#"


def found(tmp_path, files, runbook=lambda text: text, **variables):
    """Return rule and remedy of all that is found, with that runbook and those variables."""
    folder = definition_files.write(tmp_path / "m", files)
    path = folder / "README.md"
    path.write_text(runbook(path.read_text()))
    path = folder / "variables.json"
    given = {**definition_files.VARIABLES, **variables}
    path.write_text(json.dumps({name: one for name, one in given.items() if one is not None}))
    return [(one.rule, one.remedy) for one in lint(load(folder), complaint)]


def page(said, query=WAITS):
    """Return a set in which one more monitor pages, and says that."""
    none = {"critical": 0, "critical_recovery": 0}
    common = {"on_missing_data": "default", "require_full_window": False, "thresholds": none}
    made = definition_files.monitor("own", query, PAGE % said, "On-call.", **common)
    return {**definition_files.definitions(), "own.json": made}


@pytest.mark.parametrize(
    ("said", "query"),
    [
        ('{{eval "round(value / 3600)"}} h', WAITS),
        ('{{eval "round(value / 3600, 1)"}} h, above {{eval "int(threshold / 60)"}} min', WAITS),
        ('{{eval "int(value)"}} h', HALF),
        ('{{eval "ceil(triggered_duration_sec / 60)"}} min', WAITS),
        ('{{eval "round(value * 100)"}} %', STUCK.replace(" by {step}", "")),
        ('{{#is_exact_match "value" "1"}}one{{else}}some{{/is_exact_match}}', WAITS),
        ('{{eval "first_triggered_at_epoch-triggered_duration_sec*1000"}}', WAITS),
        ("{{first_triggered_at}} {{first_triggered_at_epoch}} {{comparator}}", WAITS),
    ],
)
def test_numbers_for_people_are_no_fault(tmp_path, said, query):
    """Whole numbers, one digit behind the point, hours and minutes, and times are."""
    assert [] == found(tmp_path, page(said, query))


@pytest.mark.parametrize(
    ("said", "query", "words"),
    [
        ("{{value}}", HALF, '{{value}} is shown as 1.0: write {{eval "int(value)"}}'),
        ("{{value}} s", WAITS, '{{value}} is in seconds: write {{eval "round(value / 3600)"}} h'),
        ("above {{threshold}} h", HALF, "{{threshold}} is shown as 1.0"),
        ("{{triggered_duration_sec}} s", HALF, "{{triggered_duration_sec}} is in seconds"),
        ('{{eval "int(value)"}} s', WAITS, "{{value}} is in seconds"),
        ('{{eval "int(value)"}} s', SUM, "{{value}} is in seconds"),
        ('{{eval "int(threshold)"}} s', WAITS, "{{threshold}} is in seconds"),
        ('{{eval "value / 3600"}} h', WAITS, "shows a number as 27.435: write int(…)"),
        ('{{eval "round(value, 2)"}} h', HALF, "write int(…) or round(…, 1) around it"),
    ],
)
def test_a_number_for_programs_is_named_with_its_remedy(tmp_path, said, query, words):
    """Decimals that say nothing, and seconds that must be divided to be understood."""
    ((rule, remedy),) = found(tmp_path, page(said, query))

    assert ("page-numbers", True) == (rule, words in remedy)


def test_seconds_of_an_operand_are_seconds_in_a_composite_too(tmp_path):
    """`b.value` has the unit of the second operand; `a.value` counts documents."""
    files = page("now")
    files["own.json"]["payload"]["query"] = WAITS
    both = definition_files.monitor("both", "base && own", PAGE % "%s", "On-call.")
    said = '{{eval "int(a.value)"}}, {{eval "int(b.value)"}}'
    put(both, MESSAGE, both["payload"]["message"] % said)
    files |= {"base.json": definition_files.composites()["base.json"], "both.json": both}

    ((rule, remedy),) = found(tmp_path, files)

    assert ("page-numbers", True) == (rule, "{{b.value}} is in seconds" in remedy)


def test_a_monitor_for_the_channel_may_show_numbers_as_it_likes(tmp_path):
    """No one reads it at night: only pages must be understood at once."""
    files = page("{{value}} s")
    put(files["own.json"], "pages", "No page.")
    message = files["own.json"]["payload"]["message"]
    put(files["own.json"], MESSAGE, message.replace(" ${pager}", "").replace(FIRST, ""))

    assert [] == found(tmp_path, files)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("`lightkeeper check`", "`lightkeeper status`", "write **First.** `lightkeeper check`"),
        ("**First.** `lightkeeper check`\n", "", "write **First.** `lightkeeper check`"),
        ("it pages `pager`", "it pages", "name `pager` under **May wait.**, and why"),
        ("it pages `pager`", "`channel`", "name `pager` under **May wait.**, and why"),
    ],
)
def test_the_section_of_a_page_agrees_with_its_message(tmp_path, old, new, words):
    """Its first line has the same command, and May wait the urgency."""
    before, section = "## failed\n", definition_files.SECTION

    ((rule, remedy),) = found(
        tmp_path,
        definition_files.definitions(),
        lambda text: text.replace(before + section, before + section.replace(old, new)),
    )

    assert ("page", True) == (rule, words in remedy)


@pytest.mark.parametrize("pager", ["pager", "pager_low"])
def test_a_page_without_a_command_is_named(tmp_path, pager):
    """By day as at night."""
    files = page("now")
    message = files["own.json"]["payload"]["message"].replace("`", "").replace("pager", pager)
    put(files["own.json"], MESSAGE, message)
    put(files["own.json"], "pages", "On-call." if pager == "pager" else "In working hours.")

    ((rule, remedy),) = found(tmp_path, files)

    assert ("page", True) == (rule, "write the first one to run between backticks" in remedy)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("tpl_var_env=${env}&", "", "board"),
        ("tpl_var_env=${env}", "tpl_var_env=other", "board"),
        ("from_ts=1&to_ts=2 ", " ", "board"),
        ("datadog.test/dashboard/1", "other.test/dashboard/1", "board"),
        ("/event/explorer", "/event/stream", "events"),
        ("=env%3A${env}&from_ts=1", "=env%3A${env}", "events"),
    ],
)
def test_a_link_leads_to_the_time_and_env_of_the_page(tmp_path, old, new, what):
    """Another env, no time, or another place is no help at night."""
    links = definition_files.VARIABLES["links"]
    assert old in links

    problems = found(tmp_path, definition_files.definitions(), links=links.replace(old, new))

    assert [("page-links", True)] == [
        (rule, f"it links no {what}" in remedy) for rule, remedy in problems
    ]


def test_without_an_address_of_datadog_no_link_is_asked_for(tmp_path):
    """Who does not say where the board is cannot link it."""
    files = definition_files.definitions()

    assert [] == found(tmp_path, files, datadog_url=None, links="there")


def test_a_folder_without_first_commands_is_held_to_nothing_of_it(tmp_path):
    """Who has pages of an own kind keeps them, whatever they say, link and count."""
    files = page("{{value}} s")
    for one in files.values():
        if "message" in one["payload"]:
            put(one, MESSAGE, one["payload"]["message"].replace(FIRST, ""))

    problems = found(tmp_path, files, lambda text: text.replace("**First.**", ""), first=None)

    assert [] == problems


SHOWS_NO_GROUP = ("group-names", "it is grouped by step: say which by {{step.name}}")


@pytest.mark.parametrize(
    ("query", "said", "expected"),
    [
        (STUCK, "many", [SHOWS_NO_GROUP]),
        (STUCK, "many at https://x.test?{{step.name}}", [SHOWS_NO_GROUP]),
        (STUCK, "many{{#is_no_data}} at {{step.name}}{{/is_no_data}}", [SHOWS_NO_GROUP]),
        (STUCK, "many at {{step}}", []),
        (STUCK, '{{#is_match "step.name" "none"}}{{/is_match}}many at {{step.name}}', []),
        (STUCK.replace("{env:${env}}", "{env:${env},step:none}"), "many", []),
        (STUCK.replace("{step}", "{env}"), "many", []),
        (STUCK.replace(" by {step}", ""), "many", []),
        (
            STUCK.replace("{step}", "{document_type,step}"),
            "many at {{step.name}}",
            [
                (
                    "group-names",
                    "it is grouped by document_type: say which by {{document_type.name}}",
                )
            ],
        ),
    ],
)
def test_a_page_says_of_which_group_it_is(tmp_path, query, said, expected):
    """Each key with several values stands in an alert's text: two alerts do not look alike."""
    assert expected == found(tmp_path, page(said, query))


@pytest.mark.parametrize(
    ("keys", "said", "rules"),
    [
        (["step"], "many", ["group-names"]),
        (["document_type"], "many of {{document_type.name}}", []),
        (["*"], "many", []),
    ],
)
def test_only_keys_by_which_it_notifies_need_be_named(tmp_path, keys, said, rules):
    """What `notify_by` folds into one notification has no name there."""
    files = page(said, STUCK.replace("{step}", "{document_type,step}"))
    put(files["own.json"], "payload.options.notify_by", keys)

    assert rules == [rule for rule, _ in found(tmp_path, files)]


def test_a_name_says_the_group_where_datadog_does_not(tmp_path):
    """With `include_tags` false nothing stands before the name, in the channel neither."""
    files = definition_files.definitions()
    put(files["stuck.json"], "payload.options.include_tags", False)
    assert [SHOWS_NO_GROUP] == found(tmp_path, files)

    put(files["stuck.json"], "payload.name", "It is stuck at {{step.name}}")
    assert [] == found(tmp_path / "named", files)


def test_links_of_a_group_are_those_that_variables_have_for_its_key(tmp_path):
    """Where there is `links_at_step`, `${links}` would open the board of every step."""
    links = definition_files.VARIABLES["links"]
    at_step = {"links_at_step": links + '&tpl_var_step={{urlencode "step.name"}}'}
    files = definition_files.definitions()

    ((rule, remedy),) = found(tmp_path, files, **at_step)
    assert ("group-names", True) == (rule, "write ${links_at_step} instead of ${links}" in remedy)
    message = files["failed.json"]["payload"]["message"]
    put(files["failed.json"], MESSAGE, message.replace("${links}", "${links_at_step}"))
    assert [] == found(tmp_path / "at", files, **at_step)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("now, `lightkeeper lst`", "`lightkeeper lst`: there is no command 'lst': did you mean"),
        ("`lightkeeper list --step`", "`lightkeeper list --step`: "),
        ("\n```\n$ lightkeeper lst\n```\n", "`lightkeeper lst`: there is no command"),
        ("\n```sh\nls\nlightkeeper maintenance ad\n```\n", "there is no command 'ad'"),
        ("`lightkeeper list --document-type {{step.name}} --condition stuk`", "'stuk' is not one"),
    ],
)
def test_a_command_in_a_message_that_is_not_understood_is_named(tmp_path, said, words):
    """Of any folder, in a line or in a block of code."""
    files = definition_files.definitions()
    message = files["failed.json"]["payload"]["message"]
    put(files["failed.json"], MESSAGE, message.replace("${links}", "${links} " + said))

    ((rule, remedy),) = found(tmp_path, files)

    assert ("command", True) == (rule, words in remedy)


def test_a_command_in_the_runbook_that_is_not_understood_is_named(tmp_path):
    """In the section of the monitor that leads there; other programs are not ours to judge."""
    wrong = definition_files.SECTION.replace("This.", "`lightkeeper shw ID`, `lightkeeperd x`.")
    section = "## burn\n" + definition_files.SECTION

    ((rule, remedy),) = found(
        tmp_path,
        definition_files.definitions(),
        lambda text: text.replace(section, "## burn\n" + wrong),
    )

    assert ("command", True) == (rule, "`lightkeeper shw ID`: there is no command" in remedy)


def test_every_message_shipped_says_what_to_run_and_where_to_look():
    """Not pages alone: all that notify name the runbook, the board at that time and the events."""
    assets = load(ROOT / "monitors")
    notifying = [one for one in assets.monitors.values() if "${channel}" in str(one.written)]

    assert 25 < len(notifying)
    for one in notifying:
        message, beside = one.written["message"], one.written["assets"]
        by_step = "by {step}" in one.payload["query"] or "{{step.name}}" in message
        assert re.search(rf"\$\{{{BEFORE[one.urgency]}\}} `[^`]+`", message), one.key
        assert f"Runbook: ${{runbook_url}}#{one.key}\n" in message, one.key
        assert f"${{links{'_at_step' * by_step}}}\n" in message, one.key
        assert [f"${{runbook_url}}#{one.key}"] == [link["url"] for link in beside], one.key


def test_no_message_shipped_shows_a_bare_number():
    """Operands and the channel too: what is rounded nowhere is shown as 1.0."""
    assets = load(ROOT / "monitors")
    bare = re.compile(r"\{\{(?:[a-j]\.)?value\}\}|\{\{\w*threshold\}\}|\{\{\w+_burn_rate\}\}")

    assert [] == [key for key, one in assets.monitors.items() if bare.search(str(one.payload))]


def test_every_section_says_how_urgent_its_monitor_is_and_begins_with_the_command():
    """The channel's sections too."""
    assets = load(ROOT / "monitors")
    for key, one in assets.monitors.items():
        if one.runbook != key:
            continue
        (section,) = re.findall(rf"^## {key}\n((?:(?!##? ).*\n)+)", assets.runbook, re.MULTILINE)
        (command,) = re.findall(
            rf"\$\{{{BEFORE[one.urgency]}\}} (`[^`]+`)", one.written["message"]
        )[:1]
        _, why = section.split("**May wait.**")

        in_capitals = re.sub(r"\{\{(\w+)\.name\}\}", lambda name: name[1].upper(), command)
        assert section.startswith(f"**First.** {in_capitals}\n"), key
        assert f"`{one.urgency}`" in why, key
        others = PAGERS if one.urgency is Urgency.CHANNEL else ()
        assert not any(f"so it pages `{other}`" in why for other in others), key


def test_the_links_shipped_name_boards_and_their_variables():
    """Each `tpl_var_` is a variable of the board that its link opens."""
    given = json.loads((ROOT / "monitors" / "variables.json").read_text())
    links = f"{given['links']} {given['links_at_step']}"
    opened = re.findall(r"/dashboard/\$\{(\w+)\}\?(\S+)", links)

    assert ["overview_id", "documents_id"] == [name for name, _ in opened]
    for name, options in opened:
        board = json.loads((ROOT / "dashboards" / f"{given[name]}.json").read_text())
        known = {one["name"] for one in board["payload"]["template_variables"]}
        assert set(re.findall(r"tpl_var_(\w+)=", options)) <= known


def test_each_shipped_reminder_says_that_it_is_one():
    """On-call can tell a reminder from the first page, for each status of which it reminds."""
    flags = {"alert": "is_alert", "warn": "is_warning", "no data": "is_no_data"}
    assets = load(ROOT / "monitors")
    monitors = assets.monitors.values()
    reminding = [one for one in monitors if "renotify_interval" in one.payload["options"]]
    said = {
        (one.key, status, again): "This is a reminder" in text
        for one in reminding
        for status in one.payload["options"]["renotify_statuses"]
        for again in (True, False)
        for text in [
            Subject(one, assets, is_slo=False).rendered[
                frozenset({flags[status]} | ({"is_renotify"} if again else set()))
            ]
        ]
    }

    assert reminding
    assert {place: place[2] for place in said} == said

"""What the lint rules say of composites, and of the monitors that they name."""

import definition_files
import pytest
from definition_files import PAGING, STUCK, monitor, put

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.lint.monitor_rules import lint

QUERY, OPTIONS, MESSAGE = "payload.query", "payload.options", "payload.message"
PAGE = definition_files.EXPLAINED


def base(key, **options):
    """One more monitor without a recipient."""
    made = definition_files.composites()["base.json"]
    put(made, "payload.message", made["payload"]["message"].replace("#base", f"#{key}"))
    made["payload"]["options"] |= options
    return made | {"key": key, "runbook": key}


def definitions():
    """The faultless set, with a composite that pages where no base monitor explains it."""
    return definition_files.definitions() | definition_files.composites()


def problems(folder, files):
    """All that is found, as (file, place, rule, remedy)."""
    found = lint(load(definition_files.write(folder, files)))
    names = [one.file.removeprefix(f"{folder}/") for one in found]
    return [(name, *one[1:]) for name, one in zip(names, found, strict=True)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {QUERY: "!(base || polling)", MESSAGE: PAGE.replace("step", "env") + "page"},
        {QUERY: "(stuck && !base) || (failed && !base)"},
        {QUERY: "base && burn", MESSAGE: PAGE.replace("{{step.name}}", "{{b.status}}") + "page"},
        {f"{OPTIONS}.renotify_interval": 60, f"{OPTIONS}.renotify_statuses": ["alert"]},
        {f"{OPTIONS}.notify_no_data": False, f"{OPTIONS}.include_tags": True},
        {"pages": "No page.", MESSAGE: "${channel} ${runbook_url}#page"},
    ],
)
def test_what_datadog_takes_is_no_fault(tmp_path, changes):
    """The base monitor has no recipient, and the composite pages as any monitor does."""
    files = definitions()
    for path, value in changes.items():
        put(files["page.json"], path, value)

    assert [] == problems(tmp_path / "m", files)


def test_missing_data_page_where_operand_and_composite_notify_of_them(tmp_path):
    """Then the pager belongs into that block, too."""
    files = definitions() | {"base.json": base("base", on_missing_data="show_and_notify_no_data")}
    page = files["page.json"]
    put(page, f"{OPTIONS}.notify_no_data", True)
    put(
        page,
        MESSAGE,
        PAGE.replace("${channel}", definition_files.MISSING + " ${channel}") + "page",
    )
    assert [] == problems(tmp_path / "both", files)

    put(page, MESSAGE, PAGE + "page")

    assert [("page.json", MESSAGE, "pager")] == [
        one[:3] for one in problems(tmp_path / "one", files)
    ]


FAULTS = [
    # What it names.
    ({QUERY: "stuck && stuk"}, QUERY, "operands", "there is no monitor stuk"),
    ({QUERY: "stuck && share"}, QUERY, "operands", "there is no monitor share"),
    ({QUERY: "stuck && page"}, QUERY, "operands", "page is a composite"),
    ({QUERY: "stuck && other"}, QUERY, "operands", "other is a composite"),
    (
        {QUERY: "stuck && polling"},
        QUERY,
        "operands",
        "stuck is grouped by step and polling by env",
    ),
    ({QUERY: "123 && 456"}, QUERY, "supported", "name monitors by key"),
    ({QUERY: "!stuck"}, QUERY, "supported", "name two or more"),
    ({QUERY: "stuck && base ||"}, QUERY, "query", "write parentheses"),
    ({QUERY: "stuck and base"}, QUERY, "query", "at position 7"),
    ({"payload.type": "query alert"}, OPTIONS, "options", "does not go with the query"),
    # Options that belong to its operands.
    *(
        ({f"{OPTIONS}.{name}": value}, OPTIONS, "options", f"a composite takes no {name}")
        for name, value in {
            "thresholds": {"critical": 1},
            "on_missing_data": "default",
            "no_data_timeframe": 10,
            "timeout_h": 1,
            "notify_by": ["step"],
            "new_group_delay": 60,
        }.items()
    ),
    (
        {
            f"{OPTIONS}.notify_no_data": True,
            MESSAGE: PAGE.replace("${channel}", f"${{channel}} {definition_files.MISSING}")
            + "page",
        },
        OPTIONS,
        "options",
        "none of its monitors can have no data",
    ),
    ({f"{OPTIONS}.renotify_statuses": ["alert"]}, OPTIONS, "options", "need a renotify_interval"),
    (
        {f"{OPTIONS}.renotify_interval": 60, f"{OPTIONS}.renotify_statuses": ["no data"]},
        f"{OPTIONS}.renotify_statuses",
        "renotify",
        "leave out no data",
    ),
    (
        {f"{OPTIONS}.renotify_interval": 60, f"{OPTIONS}.renotify_statuses": ["warn"]},
        f"{OPTIONS}.renotify_statuses",
        "renotify",
        "leave out warn",
    ),
    # Its message.
    ({MESSAGE: PAGE.replace("a.value", "value") + "page"}, MESSAGE, "variables", "stays empty"),
    ({MESSAGE: PAGE.replace("a.value", "d.value") + "page"}, MESSAGE, "variables", "stays empty"),
    ({MESSAGE: PAGE.replace("step", "word") + "page"}, MESSAGE, "variables", "stays empty"),
    ({MESSAGE: PAGE.replace("${channel}", "") + "page"}, MESSAGE, "channel", "write ${channel}"),
    ({MESSAGE: f"${{pager}} {PAGE}page"}, MESSAGE, "pager", "into {{#is_alert}}, and nowhere"),
    (
        {MESSAGE: PAGE.replace("${channel}", f"${{channel}} {definition_files.MISSING}") + "page"},
        MESSAGE,
        "pager",
        "missing data do not notify here",
    ),
    ({"pages": "No page."}, MESSAGE, "pager", "leave out ${pager}"),
]


@pytest.mark.parametrize(("changes", "place", "rule", "words"), FAULTS)
def test_a_fault_of_a_composite_is_named(tmp_path, changes, place, rule, words):
    """One rule finds it, in its file, at the place that is wrong, and says what to write."""
    other = monitor("other", "base || failed", PAGE, "On-call.")
    files = definitions() | {"other.json": other}
    for path, value in changes.items():
        put(files["page.json"], path, value)

    found = problems(tmp_path / "m", files)

    assert [("page.json", place, rule)] == [one[:3] for one in found]
    assert words in found[0][3]


def test_more_than_ten_are_too_many(tmp_path):
    """Ten are taken, and eleven are not."""
    files = definitions() | {f"m{n}.json": base(f"m{n}") for n in range(9)}
    put(files["page.json"], QUERY, f"stuck && base && {' && '.join(f'm{n}' for n in range(8))}")
    put(files["m8.json"], MESSAGE, "${channel} ${runbook_url}#m8")
    assert [] == problems(tmp_path / "ten", files)

    files["page.json"]["payload"]["query"] += " && m8"

    ((*place, remedy),) = problems(tmp_path / "eleven", files)
    assert ["page.json", QUERY, "operands"] == place
    assert "it names 11 monitors, and Datadog takes 10" in remedy


def test_a_monitor_that_no_composite_names_has_to_notify(tmp_path):
    """No recipient would ever hear of it."""
    files = definitions()
    put(files["page.json"], QUERY, "stuck && !failed")

    ((*place, remedy),) = problems(tmp_path / "m", files)

    assert ["base.json", MESSAGE, "channel"] == place
    assert "it has no recipient, and no composite names it" in remedy


def test_a_composite_has_to_notify(tmp_path):
    """It is named by none."""
    files = definitions()
    put(files["page.json"], "pages", "No page.")
    put(files["page.json"], MESSAGE, "${runbook_url}#page")

    assert [("page.json", MESSAGE, "channel")] == [
        one[:3] for one in problems(tmp_path / "m", files)
    ]


def test_an_operand_that_notifies_some_has_to_notify_the_channel(tmp_path):
    """To have no recipient is one thing, to page behind the channel's back another."""
    files = definitions()
    put(files["base.json"], "pages", "On-call.")
    put(
        files["base.json"], MESSAGE, PAGING.replace("${channel}", "").replace("step", "a") + "base"
    )
    put(files["base.json"], QUERY, STUCK)
    put(files["base.json"], MESSAGE, PAGING.replace("${channel}", "") + "base")

    assert [("base.json", MESSAGE, "channel")] == [
        one[:3] for one in problems(tmp_path / "m", files)
    ]


def test_a_fault_of_an_operand_is_reported_once(tmp_path):
    """In the operand's own file, and not in each composite that names it."""
    files = definitions()
    put(
        files["base.json"],
        QUERY,
        files["base.json"]["payload"]["query"].replace("sum:", "ewma_3:"),
    )

    assert [("base.json", QUERY, "supported")] == [
        one[:3] for one in problems(tmp_path / "m", files)
    ]


def test_a_monitor_that_notifies_nobody_shares_the_section_of_its_composite(tmp_path):
    """On-call never comes from it; where it notifies the channel, it has a section of its own."""
    files = definitions()
    put(files["base.json"], "runbook", "page")
    put(files["base.json"], MESSAGE, "{{value}}")
    speaking = definitions()
    put(speaking["base.json"], "runbook", "page")
    put(speaking["base.json"], MESSAGE, "{{value}} ${channel} ${runbook_url}#page")

    assert [] == problems(tmp_path / "quiet", files)
    assert [("base.json", "runbook", "runbook")] == [
        place[:3] for place in problems(tmp_path / "speaking", speaking)
    ]

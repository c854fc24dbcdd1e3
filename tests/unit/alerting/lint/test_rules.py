"""A lint rule is found by its name: one file each, registered in one place."""

import inspect
from pathlib import Path

import pytest

from lightkeeper.alerting import lint
from lightkeeper.alerting.lint import dashboard_rules, monitor_rules

FOLDER = Path(lint.__path__[0])
REGISTERED = [("monitors", monitor_rules.RULES), ("dashboards", dashboard_rules.RULES)]


@pytest.mark.parametrize(("kind", "rules"), REGISTERED)
def test_each_file_is_one_registered_rule_of_its_name(kind, rules):
    """The rule `no-data` of monitors is lint/monitors/no_data.py, and no file is forgotten."""
    files = {path.stem for path in (FOLDER / kind).glob("*.py")} - {"__init__"}

    assert files == {name.replace("-", "_") for name in rules}


@pytest.mark.parametrize(
    "check",
    [check for _, rules in REGISTERED for check in rules.values()],
    ids=lambda check: check.__module__,
)
def test_each_rule_says_what_is_wrong_and_what_to_write(check):
    """The docstring of its file has a sentence for the one and a paragraph for the other."""
    doc = inspect.getdoc(inspect.getmodule(check)) or ""
    wrong, _, remedy = doc.partition("\n\n")

    assert wrong.endswith(".")
    assert remedy

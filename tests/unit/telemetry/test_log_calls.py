"""How the code logs: each call is checked where it is written."""

import ast
import re

import pytest
from package_sources import MODULES, tree

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
# An id needs a label: the two that may be logged name what they belong to.
BARE_IDS = re.compile(r"(^|_)ids?$")
LABELLED = re.compile(r"^(first_)?(lighthouse_request|form_526_submission)_ids?$")


def calls(module: ast.Module) -> list[ast.Call]:
    """Return the calls of `log.info` and its like."""
    return [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


def offences(logged: list[ast.Call]) -> list[str]:
    """Return how these calls break the rules."""
    found = []
    for call in logged:
        names = [constant.value for constant in ast.walk(call.args[0]) if _is_text(constant)]
        if len(call.args) != 1 or not names:
            found.append(f"line {call.lineno}: one event name, and fields")
        found += [
            f"line {call.lineno}: {name!r} is no dotted name"
            for name in names
            if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name)
        ]
        found += [
            f"line {call.lineno}: {word.arg} does not say whose id it is"
            for word in call.keywords
            if word.arg and BARE_IDS.search(word.arg) and not LABELLED.match(word.arg)
        ]
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_a_line_is_one_dotted_name_and_fields():
    """Every log call names its event with dots, puts all else in fields, and labels its ids."""
    logged = {module: calls(tree(module)) for module in MODULES}

    assert 10 < sum(map(len, logged.values()))
    found = {module: offences(called) for module, called in logged.items()}
    assert {} == {module: said for module, said in found.items() if said}


@pytest.mark.parametrize(
    "call",
    [
        'log.info("Something happened")',
        'log.info(f"polled {count}")',
        'log.info("poll.done", "more")',
        'log.warning("poll.done", id=7)',
        'log.warning("poll.done", document_id=7)',
        "log.error(message)",
    ],
)
def test_wrong_calls_are_found(call):
    """Prose, positional arguments and ids without a label are found."""
    assert offences(calls(ast.parse(call)))

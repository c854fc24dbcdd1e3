"""How long a module and a function may grow; `lint-imports` holds who may import whom."""

import ast
import re
from collections import Counter

import pytest
from package_sources import MODULES, text, tree

MODULE_LINES = 320
FUNCTION_LINES = 50


def offences(source: str, tree: ast.Module) -> list[str]:
    """Return what is too long in a module."""
    functions = [
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(node.name, node.end_lineno - node.lineno + 1) for node in functions]
    found = [f"{name}: {lines} lines" for name, lines in lengths if lines > FUNCTION_LINES]
    lines = len(source.splitlines())
    return found + ([f"{lines} lines"] if lines > MODULE_LINES else [])


def test_each_module_keeps_the_rules():
    """Each module and each of its functions stays short."""
    found = {module: offences(text(module), tree(module)) for module in MODULES}

    assert len(found) > 300
    assert {} == {module: said for module, said in found.items() if said}


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("\n" * 321, "321 lines"),
        ("def f():" + "\n 1" * 50, "f: 51 lines"),
    ],
)
def test_the_rules_bite(source, offence):
    """What is too long is found."""
    assert [offence] == offences(source, ast.parse(source))


def test_each_class_name_is_used_once():
    """A class name means one thing in the whole package, with or without an underscore."""
    names = Counter(
        node.name.removeprefix("_")
        for module in MODULES
        for node in tree(module).body
        if isinstance(node, ast.ClassDef)
    )

    assert {} == {name: count for name, count in names.items() if count > 1}


def test_transitions_are_written_in_one_place():
    """There, their ids are drawn under the lock that keeps them in the order of commits."""
    writes = re.compile(r"INTO transitions|Transition\.(create|insert|bulk)|Transition\(")

    assert ["store/at_commit.py"] == [
        module
        for module in MODULES
        if writes.search(text(module).replace("class Transition(", ""))
    ]

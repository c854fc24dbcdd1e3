"""Where tests and their helpers lie."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from package_sources import MODULES, PACKAGE, tree

TESTS = Path(__file__).parents[1]
LAYERS = {"unit", "integration", "system", "endurance", "benchmarks", "monitors", "support"}


def with_limits(tree: ast.Module) -> list[ast.FunctionDef]:
    """Tests of a module that call `patience.at_most`, also by a helper or constant beside them."""
    given = [(_given(node), set(_read(node)), node) for node in tree.body]
    limits = {"at_most"} if any("patience" in names for names, _, _ in given) else set()
    while more := {one for names, read, _ in given if read & limits for one in names} - limits:
        limits |= more
    return [
        node
        for names, _, node in given
        if isinstance(node, ast.FunctionDef)
        and limits.intersection(names)
        and node.name.startswith("test_")
    ]


def _given(node: ast.stmt) -> list[str]:
    """The names that a statement of a module gives."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [one.id for one in node.targets if isinstance(one, ast.Name)]
        case ast.ImportFrom():
            return [str(node.module)]
        case ast.Import():
            return [one.name for one in node.names]
    return []


def _read(node: ast.AST) -> Iterator[str]:
    """The names, attributes and fixtures that a statement uses."""
    for one in ast.walk(node):
        match one:
            case ast.Name(ctx=ast.Load()):
                yield one.id
            case ast.Attribute():
                yield one.attr
            case ast.arg():
                yield one.arg


def classes(trees: Iterable[ast.Module]) -> Counter[str]:
    """How often each public name of a class is given in these modules."""
    names = (node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    return Counter(name for name in names if not name.startswith("_"))


def test_every_test_has_a_layer():
    """No folder stands beside the layers, and no test outside of them."""
    folders = {path.name for path in TESTS.iterdir() if path.is_dir()}

    assert LAYERS == {name for name in folders if not name.startswith(("_", "."))}
    assert [] == list(TESTS.glob("test_*.py"))


def test_unit_and_integration_mirror_the_rooms():
    """Each of their folders is a room of the package."""
    found = [
        path.relative_to(TESTS / layer)
        for layer in ("unit", "integration")
        for path in (TESTS / layer).rglob("*")
        if any(path.glob("test_*.py"))
    ]

    assert [] == [str(room) for room in found if not (PACKAGE / room).is_dir()]


def test_helpers_lie_in_support_alone():
    """In the layers of tests there are tests, and what pytest reads of a folder."""
    found = [
        path
        for layer in ("unit", "integration", "system", "endurance")
        for path in (TESTS / layer).rglob("*.py")
    ]

    assert {"conftest.py"} == {p.name for p in found if not p.name.startswith("test_")}


def test_a_helper_has_a_name_of_its_own():
    """No class of support/ is called like another there, or like one of the package."""
    helpers = (TESTS / "support").rglob("*.py")
    support = classes(ast.parse(path.read_text()) for path in helpers)
    package = classes(map(tree, MODULES))

    assert [] == [name for name, count in support.items() if count + package[name] > 1]


def test_a_promise_of_speed_is_marked():
    """Else `make bench` would not hold it."""
    unmarked = [
        f"{path.name}: {test.name}"
        for path in TESTS.rglob("test_*.py")
        for test in with_limits(ast.parse(path.read_text()))
        if not any("mark.speed" in ast.unparse(one) for one in test.decorator_list)
    ]

    assert [] == unmarked


@pytest.mark.parametrize(
    "source",
    [
        "def test_it():\n    assert took < at_most(1)",
        "def test_it():\n    assert took < SLACK\nSLACK = at_most(1)",
        "def test_it():\n    _soon()\ndef _soon():\n    assert took < at_most(1)",
        "def test_it(soon):\n    soon()\ndef soon():\n    return at_most(1)",
    ],
)
def test_each_way_to_promise_is_found(source):
    """In the test, by a constant, by a helper and by a fixture."""
    assert ["test_it"] == [
        one.name for one in with_limits(ast.parse("import patience\n" + source))
    ]
    assert [] == with_limits(ast.parse(source))

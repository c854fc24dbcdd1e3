"""Where tests and their helpers lie."""

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from package_sources import MODULES, PACKAGE, tree

TESTS = Path(__file__).parents[1]
LAYERS = {"unit", "integration", "system", "endurance", "benchmarks", "monitors", "support"}


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

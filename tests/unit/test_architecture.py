"""How long a module and a function may grow; `lint-imports` holds who may import whom."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from package_sources import MODULES, text, tree

MODULE_LINES = 320
FUNCTION_LINES = 50
TYPE_NAME = re.compile(r"_?[A-Z]\w*[a-z]\w*")  # others are constants, or a bare `T`


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


def types(tree: ast.Module) -> Iterator[str]:
    """Yield the names of a module's classes, aliases of types and type variables."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if TYPE_NAME.fullmatch(name):
                    yield name


def test_each_name_of_a_type_is_used_once():
    """It means one thing in the whole package, with or without an underscore."""
    names = Counter(name.removeprefix("_") for module in MODULES for name in types(tree(module)))

    assert {"Document", "Instant", "Linted"} <= names.keys()  # a class, an alias, a variable
    assert {} == {name: count for name, count in names.items() if count > 1}


def test_transitions_are_written_in_one_place():
    """There, their ids are drawn under the lock that keeps them in the order of commits."""
    writes = re.compile(r"INTO transitions|Transition\.(create|insert|bulk)|Transition\(")

    assert ["store/at_commit.py"] == [
        module
        for module in MODULES
        if writes.search(text(module).replace("class Transition(", ""))
    ]

"""The package's modules as text and as syntax trees, each read once in a process."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "daemon" / "lightkeeper"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def text(module: str) -> str:
    """Return the source of a module, named by its path within the package."""
    return (PACKAGE / module).read_text()


@cache
def tree(module: str) -> ast.Module:
    """Return the module as Python reads it."""
    return ast.parse(text(module))

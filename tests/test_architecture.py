"""Who may import whom, and how long a module and a function may grow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "daemon" / "lightkeeper"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

# A unit is a module or a package directly below lightkeeper. Of ours it may import itself and what
# stands here. `model` holds the words and the base of all errors, so nearly all may import it.
CORE = {
    *(
        "asks",
        "cadence",
        "catalogue",
        "cycle",
        "emit",
        "intake",
        "interpret",
        "lighthouse",
        "logs",
    ),
    *("health", "logs", "model", "ports", "reading", "report", "settings", "signals", "store"),
    *("journal", "judging", "standing", "systemd", "tracing", "words"),
}
ANYTHING_BUT_CLI = CORE | {
    *(
        "assets",
        "assets_cli",
        "backup_cli",
        "sandbox_cli",
        "casework",
        "casework_cli",
        "dashboards_cli",
        "drill_cli",
        "checks",
        "demo",
        "drills",
        "parts",
        "people",
        "handing_in",
        "ports",
        "sandbox",
        "service",
    ),
    "settings_file",
    "single_pass",
    "views",
}
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"cli"},
    "asks": {"model"},
    "assets": {"catalogue", "model", "signals"},
    "assets_cli": {"assets"},
    "backup_cli": {"settings", "store"},
    "cadence": {"model"},
    "casework": {"handing_in", "interpret", "model", "store"},
    "casework_cli": {"casework", "handing_in", "model", "settings", "store"},
    "catalogue": {"signals"},
    "checks": {"lighthouse", "model", "parts", "settings", "store"},
    "cli": ANYTHING_BUT_CLI,
    "cycle": {"asks", "cadence", "interpret", "model", "ports"},
    "dashboards_cli": {"assets"},
    "demo": ANYTHING_BUT_CLI,
    "drill_cli": {"assets", "drills"},
    "drills": ANYTHING_BUT_CLI,
    "emit": {"catalogue", "signals"},
    "handing_in": {"intake", "model", "store"},
    "health": {"cycle", "emit", "model", "ports", "standing"},
    "intake": {"model", "store"},
    "interpret": {"judging", "model", "reading"},
    "journal": set(),
    "judging": {"model"},
    "lighthouse": {"model"},
    "logs": {"journal", "model"},
    "model": set(),
    # Builds what the commands, the demo and the drills run: it knows the parts, nobody of them it.
    "ports": {"model"},
    "parts": CORE | {"service", "single_pass"},
    "people": {"intake", "model", "store"},
    "reading": {"model"},
    "report": {"emit", "model", "signals", "standing", "store", "words"},
    "sandbox": set(),
    "sandbox_cli": {"sandbox"},
    "service": CORE,
    "settings": {"model"},
    "settings_file": {"settings"},
    "signals": set(),
    "single_pass": {"cycle", "health", "model", "report", "service"},
    "standing": {"model", "store"},
    "store": {"model"},
    "systemd": set(),
    "tracing": {"model"},
    "views": {"model", "people", "store"},
    "words": {"signals"},
}

# The units where a library is at home; one that is not listed may be used anywhere.
HTTP_CLIENTS = {"assets", "drills", "lighthouse", "people", "sandbox"}
HOMES = {
    "datadog": {"emit"},
    "jsonschema": {"assets"},
    "ddtrace": {"tracing"},
    "peewee": {"store"},
    "playhouse": {"store"},
    "psycopg": {"store"},
    "requests": HTTP_CLIENTS,
    "schedule": {"service"},
    "urllib3": HTTP_CLIENTS,
    "yaml": {"assets"},
}

MODULE_LINES = 320
FUNCTION_LINES = 50


def offences(module: Path, source: str) -> list[str]:
    """Return what a module, named by its path below the package, does against the rules."""
    tree = ast.parse(source)
    unit = module.parts[0].removesuffix(".py")
    found = [f"imports {name}" for name in imports(module, tree) if not may_import(unit, name)]
    functions = [
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(node.name, node.end_lineno - node.lineno + 1) for node in functions]
    found += [f"{name}: {lines} lines" for name, lines in lengths if lines > FUNCTION_LINES]
    lines = len(source.splitlines())
    return found + ([f"{lines} lines"] if lines > MODULE_LINES else [])


def imports(module: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the absolute dotted name of all that is imported, inside functions too."""
    package = ("lightkeeper", *module.parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def may_import(unit: str, name: str) -> bool:
    """Tell whether the tables allow it."""
    top, *below = name.split(".")
    if top != "lightkeeper":
        return unit in HOMES.get(top, {unit})
    is_unit = bool(below) and below[0] in MAY_IMPORT  # else a name of lightkeeper/__init__.py
    return not is_unit or below[0] in MAY_IMPORT[unit] | {unit}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_keeps_the_rules(module):
    """Each module has a place in the table, imports only what that allows, and stays short."""
    assert module.parts[0].removesuffix(".py") in MAY_IMPORT, (
        "new here: give it a line in MAY_IMPORT"
    )

    assert [] == offences(module, (PACKAGE / module).read_text())


@pytest.mark.parametrize(
    ("module", "source", "offence"),
    [
        ("interpret.py", "import lightkeeper.store", "imports lightkeeper.store"),
        ("interpret.py", "from lightkeeper import store", "imports lightkeeper.store"),
        ("store/schema.py", "from ..intake import track", "imports lightkeeper.intake.track"),
        ("service.py", "def f():\n import lightkeeper.cli", "imports lightkeeper.cli"),
        (
            "sandbox/agent.py",
            "from lightkeeper.model import Step",
            "imports lightkeeper.model.Step",
        ),
        ("report.py", "from peewee import fn", "imports peewee.fn"),
        ("model.py", "\n" * 321, "321 lines"),
        ("model.py", "def f():" + "\n 1" * 50, "f: 51 lines"),
    ],
)
def test_the_rules_bite(module, source, offence):
    """What the rules forbid is found in every spelling."""
    assert [offence] == offences(Path(module), source)

"""One word for each concept: a word that was replaced does not come back."""

import ast
import re
from pathlib import Path

from package_sources import MODULES, text, tree

ROOT = Path(__file__).parents[2]
PROSE = [
    path
    for folder in (".", "daemon", "monitors", "dashboards", "systemd")
    for path in sorted((ROOT / folder).glob("*"))
    if path.suffix in {".md", ".json", ".service", ".timer", ".example"}
]
REPLACED = {
    r"(?<!by )hand(s|ed|ing)? (?!over |to )(\w+ ){0,2}in": "track",
    r"(take|takes|took|taken) (it |them |a document )?up|taking up": "acknowledge",
    r"ask(s|ed)? Lighthouse about": "poll",
    r"mend(s|ed|ing)?": "fix",
    r"news": "change, or the name of what is new",
    r"tells? Datadog|told to Datadog|told (for|no more)": "publish",
    r"go(es|ing)? on with": "continue with, or reconfigure",
    r"nobody|whoever|anybody|somebody": "the actor: on-call, staff, the daemon, Lighthouse",
    r"watchers?": "daemon",
}
IN_NAMES = {"told", "tell", "news", "mend", "watcher", "nobody", "whoever"}
ALLOWED_NAMES = {"tell", "told_apart"}
"""`tell` is of Python's own files; to tell two things apart publishes nothing."""


def _found(content: str) -> list[str]:
    return [
        f"{found[0]}: write {word}"
        for replaced, word in REPLACED.items()
        for found in re.finditer(rf"\b({replaced})\b", content, re.IGNORECASE)
    ]


def _names(module: ast.Module) -> set[str]:
    fields = ("name", "id", "arg", "attr")
    return {
        name
        for node in ast.walk(module)
        for name in (getattr(node, field, None) for field in fields)
        if isinstance(name, str)
    }


def test_no_page_or_definition_has_a_replaced_word():
    """Docs, monitors, boards and units use the words of the map."""
    assert [] == [f"{path.name}: {said}" for path in PROSE for said in _found(path.read_text())]


def test_no_module_has_a_replaced_word():
    """Names, messages and comments of the package use the words of the map."""
    assert [] == [f"{module}: {said}" for module in MODULES for said in _found(text(module))]


def test_no_name_has_a_replaced_word():
    """No function, class, variable or module is named by a replaced word."""
    names = {name for module in MODULES for name in _names(tree(module))} | {
        Path(module).stem for module in MODULES
    }

    assert [] == sorted(
        name
        for name in names - ALLOWED_NAMES
        if IN_NAMES & set(name.lower().split("_")) or "hand_in" in name.lower()
    )

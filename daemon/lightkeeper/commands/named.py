"""The commands that pages and the runbook name: whether they are understood as they stand."""

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import click

_OURS: Final = re.compile(
    r"(?:sudo\s+(?:-\w+\s+\S+\s+)*)?(?:python\S*\s+-m\s+|\S*/)?lightkeeper\b(?!\S)(.*)", re.DOTALL
)
_FILLED_IN: Final = re.compile(r"\{\{[^}]*\}\}|<\w[^<>|]*>")
_STANDS_FOR_A_VALUE: Final = re.compile(r"[A-Z][A-Z_]*|…|\.\.\.")
_STRING: Final = "2026-11-23"  # a time, too
_SHELL: Final = "|;&<>"


def complaint(text: str) -> str | None:
    """What is wrong with this command of ours; None where it is right, or another program's.

    A word in capitals or between < and >, and what a message fills in such as `{{step.name}}`,
    stands for a value. A command alone may be named without its arguments.
    """
    from lightkeeper.commands.main import main

    ours = _OURS.fullmatch(text.strip())
    if ours is None:
        return None
    try:
        words = _words(ours[1])
    except ValueError:
        return "a quotation mark is not closed: close it"
    entry: click.Command = main
    while words and isinstance(entry, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in entry.commands:
            near = get_close_matches(name, entry.commands, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]!r}?" if near else "see lightkeeper --help"
            return f"there is no command {name!r}: {meant}"
        entry = entry.commands[name]
    return _complaint_of(entry, words) if words else None


def _words(arguments: str) -> list[str]:
    """The words up to what the shell does with the output."""
    lexer = shlex.shlex(_FILLED_IN.sub("VALUE", arguments), posix=True, punctuation_chars=_SHELL)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = list(lexer)
    ends = (at for at, word in enumerate(words) if set(word) <= set(_SHELL))
    return words[: next(ends, None)]


def _complaint_of(entry: click.Command, words: Sequence[str]) -> str | None:
    from lightkeeper.casework.filters import WrongFilter, instant_of

    try:
        context = entry.make_context(entry.name, _with_values(entry, words))
        for name, value in context.params.items():
            if name.endswith(("_since", "_until")) and value is not None:
                instant_of(f"--{name.replace('_', '-')}", str(value), 0, 0)
    except (click.UsageError, WrongFilter) as exc:
        return exc.format_message() if isinstance(exc, click.UsageError) else str(exc)
    except click.exceptions.Exit:  # --help is answered at once
        pass
    return None


def _with_values(entry: click.Command, words: Sequence[str]) -> list[str]:
    """The words, with a value of the right kind for each that stands for one."""
    options = {name: one for one in entry.params for name in (*one.opts, *one.secondary_opts)}
    arguments = [one for one in entry.params if isinstance(one, click.Argument)]
    found: list[str] = []
    option: click.Parameter | None = None
    for written in words:
        name, sign, value = written.rpartition("=")
        if not (sign and name in options):
            name, sign, value = "", "", written
        parameter = options.get(name) or option or next(iter(arguments), None)
        if parameter is not None and _STANDS_FOR_A_VALUE.fullmatch(value):
            value = _value(parameter.type)
        found.append(name + sign + value)
        option = options.get(written)
    return found


def _value(kind: object) -> str:
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    return "7" if isinstance(kind, click.types.IntParamType) else _STRING

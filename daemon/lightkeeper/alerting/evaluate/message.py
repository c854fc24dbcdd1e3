"""Monitor messages: Datadog's conditionals and variables, and whom the text notifies."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightkeeper.alerting.errors import TemplateError
from lightkeeper.alerting.evaluate.filled import Filled, Variable, read_filled
from lightkeeper.alerting.evaluate.formula import Filling

FLAGS: Final = frozenset(
    {
        *("is_alert", "is_warning", "is_no_data", "is_unknown", "is_renotify"),
        *("is_recovery", "is_alert_recovery", "is_warning_recovery", "is_no_data_recovery"),
        "is_alert_to_warning",
    }
)
OF_NUMBERS: Final = frozenset(
    {
        *("value", "threshold", "warn_threshold", "comparator"),
        *("alert_recovery_threshold", "warn_recovery_threshold", "ok_threshold"),
    }
)
"""What monitors that compare numbers fill in, whether or not they have that one."""
VARIABLES: Final = frozenset(
    {
        "triggered_duration_sec",
        *("first_triggered_at", "first_triggered_at_epoch"),
        *("last_triggered_at", "last_triggered_at_epoch"),
    }
)
"""What every monitor fills in."""
_DEEPEST: Final = 50
_MATCHES: Final = ("is_match", "is_exact_match", "is_priority")
_MARK = re.compile(
    r"\{\{!--.*?\}\}|\{\{\{\{.*?\}\}\}\}|\{\{\{(.*?)\}\}\}|\{\{(.*?)\}\}", re.DOTALL
)
_WORDS = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_EVALUATED = re.compile(r"\s*\(\s*(eval\s+\"[^\"]*\")\s*\)")
_HANDLE = re.compile(r"(?<![\w@.])@[^\s@,;!?()\[\]{}<>\"']+(?:@[^\s@,;!?()\[\]{}<>\"']+)?")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PUNCTUATION: Final = ".,:;!?()\"'"


@dataclass(frozen=True, slots=True)
class _Block:
    name: str
    compared: Filled
    options: tuple[str, ...]
    negated: bool
    body: "_Nodes"
    otherwise: "_Nodes"


_Nodes: TypeAlias = tuple["str | Filled | _Block", ...]


class Template:
    """A message, checked once and rendered for every notification.

    `variables` are the names it may use besides Datadog's own; None leaves names unchecked. Raises
    TemplateError for other names, which Datadog would leave empty, and Unsupported for helpers
    that are not documented.
    """

    def __init__(self, text: str, variables: frozenset[str] | None = frozenset()) -> None:
        self._known = None if variables is None else VARIABLES | variables
        self._used: set[str] = set()
        self._asked: set[str] = set()
        self._shown: list[Filled] = []
        self._open = 0
        self._marks = list(_MARK.finditer(text))
        self._text = text
        self._at = 0
        self._nodes, closed = self._read("")
        if closed:
            raise TemplateError(f"message: {{{{{closed}}}}} closes nothing")

    def render(
        self, flags: frozenset[str], values: Mapping[str, Filling], priority: str = ""
    ) -> str:
        """Return the text for one notification; names without a value are empty.

        A flag `is_match` or `is_exact_match` shows each such block, whatever it compares.
        """
        return _render(self._nodes, flags, {**values, "priority": priority})

    @property
    def names(self) -> frozenset[str]:
        """The variables that it uses."""
        return frozenset(self._used)

    @property
    def asked(self) -> frozenset[str]:
        """The names of its blocks of which some text is shown only where that holds."""
        return frozenset(self._asked)

    @property
    def shown(self) -> tuple[Filled, ...]:
        """What it fills in, in order; not what it only compares."""
        return tuple(self._shown)

    def _read(self, opened: str) -> tuple[_Nodes, str]:
        """Read up to what closes the opened block; return that too (`else` or `/name`)."""
        nodes: list[str | Filled | _Block] = []
        while self._marks:
            mark = self._marks.pop(0)
            nodes.append(self._text[self._at : mark.start()])
            self._at = mark.end()
            if mark[0].startswith("{{!--"):
                continue
            inside = (mark[1] or mark[2] or "").strip()
            if inside == "else" or inside.startswith("/"):
                if inside not in ("else", f"/{opened}"):
                    raise TemplateError(
                        f"message: {{{{{inside}}}}} where {opened or 'nothing'} is open"
                    )
                return tuple(nodes), inside
            if inside[:1] in ("#", "^"):
                nodes.append(self._block(inside))
            else:
                self._shown.append(read_filled(inside, self._name))
                nodes.append(self._shown[-1])
        if opened:
            raise TemplateError(f"message: {{{{#{opened}}}}} is never closed")
        nodes.append(self._text[self._at :])
        return tuple(nodes), ""

    def _block(self, inside: str) -> _Block:
        name, compared, options = self._condition(inside)
        self._open += 1
        if self._open > _DEEPEST:
            raise TemplateError(f"message: more than {_DEEPEST} blocks stand inside one another")
        body, closed = self._read(name)
        otherwise: _Nodes = ()
        if closed == "else":
            otherwise, closed = self._read(name)
            if closed == "else":
                raise TemplateError(f"message: {name} has two {{{{else}}}}")
        self._open -= 1
        if inside[0] == "#" or otherwise:
            self._asked.add(name)
        return _Block(name, compared, options, inside[0] == "^", body, otherwise)

    def _condition(self, inside: str) -> tuple[str, Filled, tuple[str, ...]]:
        """Read the name of a block, what it compares, and with what."""
        name, behind = [*inside[1:].split(None, 1), "", ""][:2]
        if name not in FLAGS and name not in _MATCHES:
            raise TemplateError(f"message: Datadog has no {{{{{inside[0]}{name}}}}}")
        if evaluated := _EVALUATED.match(behind):
            given, behind = evaluated[1], behind[evaluated.end() :]
        words = [next(filter(None, word), "") for word in _WORDS.findall(behind)]
        if name in _MATCHES and not words and not evaluated:
            raise TemplateError(f"message: {{{{{inside}}}}} lacks what to match")
        if name not in ("is_match", "is_exact_match"):
            return name, Variable("priority"), tuple(words)
        compared = read_filled(given if evaluated else words.pop(0), self._name)
        return name, compared, tuple(words)

    def _name(self, given: str) -> str:
        name = given.replace("[", "").replace("]", "")
        if self._known is not None and name not in self._known:
            known = ", ".join(sorted(self._known))
            raise TemplateError(f"message: {{{{{given}}}}} stays empty here; there are {known}")
        self._used.add(name)
        return name


def handles(text: str) -> tuple[str, ...]:
    """Return whom a rendered message notifies, each once, in order."""
    found = (match[0].rstrip(".:") for match in _HANDLE.finditer(text))
    return tuple(dict.fromkeys(handle for handle in found if handle != "@"))


def glued(text: str, known: Collection[str]) -> str | None:
    """Return the first word in which a handle is hidden from Datadog, or None.

    A handle needs a space before it, and nothing of a word behind it. `known` handles are found
    anywhere in a word, others behind its first letter unless it is an e-mail address or a link.
    """
    for word in (one.strip(_PUNCTUATION) for one in text.split() if re.search(r"@\w", one)):
        behind = (one in word[1:] for one in known)
        before = (re.match(rf"{re.escape(one)}\w", word) for one in known)
        hidden = word[0] != "@" and "://" not in word and not _ADDRESS.fullmatch(word)
        if word not in known and (hidden or any(behind) or any(before)):
            return word
    return None


def _render(nodes: _Nodes, flags: frozenset[str], values: Mapping[str, Filling]) -> str:
    parts = []
    for node in nodes:
        match node:
            case str():
                parts.append(node)
            case _Block():
                holds = _holds(node, flags, values) is not node.negated
                parts.append(_render(node.body if holds else node.otherwise, flags, values))
            case _:
                parts.append(node.text(values))
    return "".join(parts)


def _holds(block: _Block, flags: frozenset[str], values: Mapping[str, Filling]) -> bool:
    if block.name == "is_priority":
        return values["priority"] == block.options[0]
    if block.name not in _MATCHES or block.name in flags:
        return block.name in flags
    value, options = block.compared.text(values), block.options
    if block.name == "is_exact_match":
        return any(_same(value, option) for option in options)
    # An empty string matches any value that is not empty.
    return any(option in value if option else bool(value) for option in options)


def _same(left: str, right: str) -> bool:
    try:
        return float(left) == float(right)
    except ValueError:
        return left == right

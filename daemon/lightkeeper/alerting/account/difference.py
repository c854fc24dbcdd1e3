"""What differs between two objects, field by field."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = object()
_SHORT: Final = 70
_LONGEST: Final = 160


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, such as `options.thresholds.critical`: what the account has, and shall have.

    Either may be ABSENT.
    """

    path: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        """For programs: what is absent is left out."""
        both = (("before", self.before), ("after", self.after))
        return {"path": self.path, **{name: one for name, one in both if one is not ABSENT}}

    def lines(self, default: Any = None) -> Iterator[str]:
        """For people: one line, or the lines of a long text or members of a long list that differ.

        `default` is what the server makes of an absent field.
        """
        if isinstance(self.before, str) and isinstance(self.after, str):
            old, new = self.before.splitlines(), self.after.splitlines()
            if max(len(old), len(new)) > 1 or max(map(len, (self.before, self.after))) > _SHORT:
                yield f"{self.path}:"
                for line in difflib.ndiff(old, new):
                    if line[0] in "+-":
                        yield f"  {line}"
                return
        shown = [_shown(one, default) for one in (self.before, self.after)]
        if isinstance(self.before, list) and isinstance(self.after, list):
            gone = [f"  - {_shown(one, None)}" for one in self.before if one not in self.after]
            new = [f"  + {_shown(one, None)}" for one in self.after if one not in self.before]
            if (gone or new) and max(map(len, shown)) > _LONGEST:
                yield f"{self.path}:"
                yield from gone + new
                return
        yield f"{self.path}: {' -> '.join(shown)}"


def difference(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """Each field in which `after` differs from `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*after, *before]):
            inner = f"{path}.{name}" if path else name
            yield from difference(before.get(name, ABSENT), after.get(name, ABSENT), inner)
    elif _of_objects(before) and _of_objects(after):
        yield from _between_lists(before, after, path)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield FieldChange(path, before, after)


def _between_lists(before: list[Any], after: list[Any], path: str) -> Iterator[FieldChange]:
    """What differs between two lists of objects, each beside the one of the same name.

    A place is that of `after`, or of `before` where the object is gone.
    """
    names = [name_of(one) for one in before], [name_of(one) for one in after]
    matcher = difflib.SequenceMatcher(None, *names, autojunk=False)
    for tag, begin, end, start, stop in matcher.get_opcodes():
        pairs = min(end - begin, stop - start) if tag != "insert" else 0
        for at in range(pairs):
            yield from difference(before[begin + at], after[start + at], f"{path}[{start + at}]")
        for at in range(begin + pairs, end):
            yield FieldChange(f"{path}[{at}]", before[at], ABSENT)
        for at in range(start + pairs, stop):
            yield FieldChange(f"{path}[{at}]", ABSENT, after[at])


def name_of(one: dict[str, Any]) -> str:
    """What tells an object from the others of its list, whatever else of it changes."""
    inner = one.get("definition")
    inner = inner if isinstance(inner, dict) else one
    words = (inner.get(word) for word in ("type", "title", "name", "timeframe", "formula"))
    return json.dumps([word for word in words if isinstance(word, str)])


def _of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _shown(value: Any, default: Any) -> str:
    if value is ABSENT:
        return "(none)" if default in (None, "", []) else f"(default {json.dumps(default)})"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

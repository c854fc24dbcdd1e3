"""Which series a scope takes in, which group of a query they belong to, which scope is wider."""

import fnmatch
import itertools
from typing import TypeAlias

from lightkeeper.alerting.query.syntax import All, AnyOf, Everything, Not, Scope, Tag

Group: TypeAlias = tuple[str, ...]
"""The tags of one group, `key:value` in the order of the query's `by`; empty for all together."""


def matches(scope: Scope, tags: frozenset[str]) -> bool:
    """Tell whether a scope takes in what has these tags."""
    match scope:
        case Everything():
            return True
        case Tag(text):
            if "*" in text:
                # [ is no wildcard at Datadog, ? neither.
                pattern = text.replace("[", "[[]").replace("?", "[?]")
                return any(fnmatch.fnmatchcase(tag, pattern) for tag in tags)
            return text in tags
        case All(scopes):
            return all(matches(one, tags) for one in scopes)
        case AnyOf(scopes):
            return any(matches(one, tags) for one in scopes)
    return not matches(scope.scope, tags)


def groups_of(tags: frozenset[str], by: tuple[str, ...]) -> list[Group]:
    """The groups that tags belong to; none where a key is missing."""
    values = [sorted(tag for tag in tags if tag.startswith(f"{key}:")) for key in by]
    return list(itertools.product(*values))


def implies(narrow: Scope, wide: Scope) -> bool:
    """Tell whether all that one scope takes in, the other takes in too, as far as can be proved.

    A series has one value of each tag here, as those of the catalogue have.
    """
    if narrow == wide or isinstance(wide, Everything):
        return True
    if isinstance(narrow, AnyOf):
        return all(implies(one, wide) for one in narrow.scopes)
    if isinstance(wide, All):
        return all(implies(narrow, one) for one in wide.scopes)
    if isinstance(narrow, All) and any(implies(one, wide) for one in narrow.scopes):
        return True
    if isinstance(wide, AnyOf):
        return any(implies(narrow, one) for one in wide.scopes)
    match narrow, wide:
        case Tag(one), Tag():
            return "*" not in one and matches(wide, frozenset({one}))
        case Not(inner), Not(outer):
            return implies(outer, inner)
        case Tag(one), Not(Tag(other)):
            keys = {text.partition(":")[0] for text in (one, other)}
            return len(keys) == 1 and "*" not in one + other and one != other
    return False

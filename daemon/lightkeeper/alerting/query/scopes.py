"""Which series a scope takes in, and which group of a query they belong to."""

import fnmatch
import itertools
from typing import TypeAlias

from lightkeeper.alerting.query.syntax import All, AnyOf, Everything, Scope, Tag

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

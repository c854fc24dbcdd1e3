"""Which series a scope takes in, which group of a query they belong to, what scopes tell apart."""

import fnmatch
import itertools
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Final, TypeAlias

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.query.syntax import All, AnyOf, Everything, Not, QueryScope, Tag

Group: TypeAlias = tuple[str, ...]
"""The tags of one group, `key:value` in the order of the query's `by`; empty for all together."""
_OTHER: Final = "\0"
"""A value that no scope names."""
_MOST_KINDS: Final = 5_000


def matches(scope: QueryScope, tags: frozenset[str]) -> bool:
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


def told_apart(
    scopes: Iterable[QueryScope], known: Mapping[str, tuple[str, ...]]
) -> Iterator[frozenset[str]]:
    """Yield the tags of one series of each kind that the scopes tell apart, at least once.

    `known` holds the values of those keys that have no others. A series has one value of each key
    here, as those of the catalogue have. Raises Unsupported where there are too many kinds.
    """
    named = dict.fromkeys(text for scope in scopes for text in tags_in(scope))
    kinds = []
    for key in dict.fromkeys(text.partition(":")[0] for text in named):
        texts = [text for text in named if text.partition(":")[0] == key]
        values = known.get(key) or (_OTHER, *(text.partition(":")[2] for text in texts))
        # What a wildcard stands for may be nothing.
        tags = [f"{key}:{value.replace('*', '')}" for value in values]
        alike = {
            tuple(matches(Tag(text), frozenset({tag})) for text in texts): tag for tag in tags
        }
        kinds.append(alike.values())
    if prod(map(len, kinds)) > _MOST_KINDS:
        raise Unsupported(
            f"the scopes tell apart over {_MOST_KINDS} kinds of series: name fewer tags"
        )
    yield from map(frozenset, itertools.product(*kinds))


def tags_in(scope: QueryScope) -> Iterator[str]:
    """Each tag that a scope names, also where it excludes it."""
    match scope:
        case Tag(text):
            yield text
        case Not(inner):
            yield from tags_in(inner)
        case All(scopes) | AnyOf(scopes):
            for one in scopes:
                yield from tags_in(one)

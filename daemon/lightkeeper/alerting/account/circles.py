"""Which links to dashboards Terraform can fill in: those that do not lead back to their monitor.

A message names a dashboard by its id, and a dashboard its monitors and SLOs by theirs: Terraform
makes what is named first, and takes no two objects of which each needs the other.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Dependencies = Mapping[str, set[str]]
"""Of each resource's address those that it names."""

_REFERENCE: Final = re.compile(r"(?<!\$)\$\{([\w-]+\.[\w-]+)\.id\}")


def references(value: Any) -> set[str]:
    """The addresses of the resources whose ids stand in a value, however deep."""
    return {one for text in texts(value) for one in _REFERENCE.findall(text)}


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts(one)


def leads_to(start: str, end: str, needs: Dependencies) -> bool:
    """Tell whether a resource needs another, itself or through those that it names."""
    todo, seen = [start], {start}
    while todo:
        for one in needs.get(todo.pop(), set()) - seen:
            if one == end:
                return True
            seen.add(one)
            todo.append(one)
    return start == end

"""What the endurance tests share."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs a time limit of its own: begun late, it would run on alone.

    `--no-loadscope-reorder` keeps this order. A worker holds two tests, and runs the second when
    the first has ended: so there should be no more long ones than workers.
    """
    items.sort(key=lambda item: -_own_limit(item))


def _own_limit(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return mark.args[0] if mark else 0.0

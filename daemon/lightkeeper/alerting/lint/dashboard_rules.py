"""The lint rules of dashboards, by name; the rule `grid` is lint/dashboards/grid.py."""

from itertools import chain
from typing import Final

from lightkeeper.alerting.errors import Problem
from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.dashboards import (
    about,
    alias,
    display,
    events,
    grid,
    group,
    kind,
    metric,
    overview,
    query,
    reference,
    request,
    shape,
    streams,
    tag,
    team,
    template,
    title,
    width,
)
from lightkeeper.alerting.lint.rules import by_name, problems

RULES: Final = by_name(
    shape.check,
    team.check,
    query.check,
    metric.check,
    kind.check,
    tag.check,
    template.check,
    reference.check,
    group.check,
    about.check,
    overview.check,
    streams.check,
    events.check,
    grid.check,
    width.check,
    title.check,
    request.check,
    alias.check,
    display.check,
)
"""Every rule by its name, in the order in which they report."""


def lint(boards: dict[str, Dashboard]) -> list[Problem]:
    """Return every problem, file by file, silences that silence nothing included."""
    found = (problems(board.definition, board, RULES) for board in boards.values())
    return list(chain.from_iterable(found))

"""The lint rules of monitors and SLOs, by name; the rule `window` is lint/monitors/window.py."""

from itertools import chain
from typing import Final

from lightkeeper.alerting.errors import Problem
from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.alerting.lint.monitors import (
    assets,
    channel,
    command,
    env,
    group_names,
    grouping,
    handle,
    kind,
    limits,
    link,
    metric,
    no_data,
    numerator,
    operands,
    options,
    page,
    page_links,
    page_numbers,
    pager,
    planned,
    query,
    recovery,
    renotify,
    runbook,
    shape,
    supported,
    tag,
    tags,
    targets,
    thresholds,
    typed_threshold,
    variables,
    window,
)
from lightkeeper.alerting.lint.rules import by_name, problems
from lightkeeper.alerting.lint.subject import Complaint, Subject, unread

RULES: Final = by_name(
    shape.check,
    metric.check,
    kind.check,
    tag.check,
    env.check,
    window.check,
    thresholds.check,
    recovery.check,
    no_data.check,
    tags.check,
    query.check,
    supported.check,
    operands.check,
    options.check,
    limits.check,
    grouping.check,
    planned.check,
    renotify.check,
    targets.check,
    numerator.check,
    variables.check,
    handle.check,
    channel.check,
    pager.check,
    typed_threshold.check,
    page.check,
    page_numbers.check,
    page_links.check,
    group_names.check,
    command.check,
    runbook.check,
    link.check,
    assets.check,
)
"""Every rule by its name, in the order in which they report."""


def lint(assets: Assets, complaint: Complaint = unread) -> list[Problem]:
    """Return every problem, file by file, silences that silence nothing included.

    `complaint` says what is wrong with a command line, or None.
    """
    monitors, slos = assets.monitors.values(), assets.slos.values()
    subjects = [Subject(one, assets, False, complaint) for one in monitors]
    subjects += [Subject(one, assets, True, complaint) for one in slos]
    found = (problems(subject.definition, subject, RULES) for subject in subjects)
    return list(chain.from_iterable(found))

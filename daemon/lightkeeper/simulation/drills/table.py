"""The results of drills as a table, for a terminal and for monitors/drills.md."""

from collections.abc import Iterable
from typing import Final

from rich.table import Table

from lightkeeper.alerting.files.definitions import Urgency
from lightkeeper.simulation.drills.run import Fired, Result

HEAD: Final = ("fault", "what happens", *Urgency)


def markdown(results: Iterable[Result]) -> str:
    """A row for each drill: what fired, after how long, and when it was over."""
    cells = [HEAD, ("---",) * len(HEAD), *map(row, results)]
    return "\n".join(f"| {' | '.join(each)} |" for each in cells)


def terminal(results: Iterable[Result]) -> Table:
    """The same, each cell as wide as the terminal allows."""
    table = Table(*HEAD, show_lines=True)
    for result in results:
        table.add_row(*row(result))
    return table


def problems(results: Iterable[Result]) -> list[str]:
    """A line for each thing that was not as expected."""
    return [f"{result.name}: {problem}" for result in results for problem in result.problems]


def row(result: Result) -> tuple[str, ...]:
    """The cells of one drill: a column for each urgency."""
    by_urgency = ([_fired(one) for one in result.fired if one.urgency is each] for each in Urgency)
    return result.name, result.says, *("; ".join(fired) or "–" for fired in by_urgency)


def _fired(fired: Fired) -> str:
    times = sum(fired.times) + fired.early_count
    often = f" {times} times," if times > 1 else ""
    after = "too early" if fired.after is None else f"after {_span(fired.after)}"
    if fired.over_after is None:
        over = "never recovers"
    elif fired.over_after <= 0:
        over = "recovers before the end"
    else:
        over = f"recovers {_span(fired.over_after)} after the end"
    reminders = f", {fired.reminder_count} x reminded" if fired.reminder_count else ""
    return f"{fired.monitor}:{often} {after}, {over}{reminders}"


def _span(minutes: float) -> str:
    whole = max(1, round(minutes))
    return f"{whole} min" if whole < 180 else f"{whole / 60:.1f} h"

"""The results of drills as a table, for a terminal and for the README alike."""

from collections.abc import Iterable

from lightkeeper.drills.run import Fired, Result

_HEAD = ("fault", "what happens", "pages on-call", "tells the channel", "as expected")


def table(results: Iterable[Result]) -> str:
    """A Markdown table, a row for each drill: what fired, after how long, and when it was over."""
    rows = [_HEAD, *map(_row, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], _line(["-" * width for width in widths], widths), *lines[1:]])


def problems(results: Iterable[Result]) -> list[str]:
    """A line for each thing that was not as expected."""
    return [f"{result.name}: {problem}" for result in results for problem in result.problems]


def _row(result: Result) -> tuple[str, ...]:
    paged = [_fired(one) for one in result.fired if one.pages]
    told = [_fired(one) for one in result.fired if not one.pages]
    return (
        result.name,
        result.says,
        "; ".join(paged) or "–",
        "; ".join(told) or "–",
        "yes" if result.ok else "NO",
    )


def _fired(fired: Fired) -> str:
    times = sum(fired.times) + fired.early_count
    often = f" {times} times," if times > 1 else ""
    after = "too early" if fired.after is None else f"after {_span(fired.after)}"
    if fired.over_after is None:
        over = "not over"
    elif fired.over_after <= 0:
        over = "over before the end"
    else:
        over = f"over {_span(fired.over_after)} after the end"
    reminders = f", {fired.reminder_count} reminders" if fired.reminder_count else ""
    return f"{fired.monitor}:{often} {after}, {over}{reminders}"


def _span(minutes: float) -> str:
    whole = max(1, round(minutes))
    return f"{whole} min" if whole < 180 else f"{whole / 60:.1f} h"


def _line(cells: Iterable[str], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"

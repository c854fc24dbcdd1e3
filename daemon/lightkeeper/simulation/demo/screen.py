"""How the demo looks: a moving screen of 80 x 24, or plain lines where there is no terminal."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, Protocol

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lightkeeper.alerting.files.definitions import Urgency
from lightkeeper.domain.document import (
    FAILED,
    PENDING,
    Condition,
    Document,
    DocumentType,
    Step,
)
from lightkeeper.domain.time import HOUR, SECOND
from lightkeeper.simulation.demo.board import Alert, Board

WIDTH: Final = 80
HEIGHT: Final = 24
INTRODUCTION: Final = "real: daemon, API, store, monitors; simulated: Lighthouse, Datadog, a day"
_STEPS: Final = (Step.NONE, Step.CLAIMS_EVIDENCE, Step.BENEFITS_GATEWAY_SERVICE)
_LAST_STEPS: Final = (Step.REMOVE_FILE_BINARY,)
_HEADS: Final = {
    Step.NONE: "no\nanswer",
    Step.CLAIMS_EVIDENCE: "CLAIMS_\nEVIDENCE",
    Step.BENEFITS_GATEWAY_SERVICE: "BENEFITS_\nGATEWAY_SERVICE",
    Step.REMOVE_FILE_BINARY: "REMOVE_\nFILE_BINARY",
}
_SHOWN_STEPS: Final[dict[str, str]] = {Step.NONE: "", Step.UNKNOWN: "(no step named)"}
_LATE: Final = frozenset({Condition.SLOW, Condition.STUCK, Condition.OVERDUE})
_STYLES: Final = {
    Condition.SLOW: "yellow",
    Condition.STUCK: "bold yellow",
    Condition.OVERDUE: "bold yellow",
    Condition.NOT_FOUND: "bold magenta",
}
_FAILED_STYLE: Final = "bold red"
_WHO_ACTS: Final = {
    Condition.NOT_IN_EFOLDER: "veteran must act",
    Condition.IN_EFOLDER: "staff must act",
    Condition.EFOLDER_UNKNOWN: "staff look first",
    Condition.NOT_FOUND: "staff look first",
}
_WOULD: Final = {
    Urgency.PAGER: "would page",
    Urgency.PAGER_LOW: "would page in working hours",
    Urgency.CHANNEL: "would notify the channel",
}
_URGENT_STYLES: Final = ("bold red", "red", "yellow")
_SUM_EVERY_SECONDS: Final = 2 * HOUR / SECOND


class View(Protocol):
    """Where the demo shows itself."""

    def show(self, board: Board) -> None: ...


class Screen:
    """A screen for a terminal; `update` shows the whole of it anew."""

    def __init__(self, update: Callable[[RenderableType], object]) -> None:
        self._update = update
        self._steps: list[str] = []

    def show(self, board: Board) -> None:
        """Show the board instead of the one before."""
        for level in board.totals:
            if level.lighthouse_status == PENDING and level.step not in self._steps:
                self._steps.append(level.step)
        self._update(drawn(board, self._steps))


class Lines:
    """Plain lines, for a pipe: each document and each alert once, and now and then the sum."""

    def __init__(self) -> None:
        self._shown: set[str] = set()
        self._sum_at = 0.0
        click.echo(INTRODUCTION)

    def show(self, board: Board) -> None:
        """Print what is new."""
        if board.at >= self._sum_at:
            self._sum_at = board.at + _SUM_EVERY_SECONDS
            self._print(board.at, sum_line(board))
        for document in board.troubles:
            cells = [cell for cell in trouble_cells(document, board.at)[:4] if cell]
            self._once(board.at, " ".join(cells))
        for alert in board.alerts:
            self._once(alert.at, f"{_WOULD[alert.urgency]}: {alert.monitor}")

    def _once(self, at: float, line: str) -> None:
        if line not in self._shown:
            self._shown.add(line)
            self._print(at, line)

    def _print(self, at: float, line: str) -> None:
        click.echo(f"{clock_time(at)}  {line}")


def drawn(board: Board, seen_steps: Iterable[str]) -> RenderableType:
    """The whole screen; each step of `seen_steps` has its column, whatever its name is."""
    return Group(
        Text(INTRODUCTION, style="italic"),
        Text.assemble((clock_time(board.at), "bold"), "  ", (sum_line(board), "bold")),
        _table(board, seen_steps),
        _troubles(board),
        *(
            _alerts(f"{would}:", style, [one for one in board.alerts if one.urgency is urgency])
            for (urgency, would), style in zip(_WOULD.items(), _URGENT_STYLES, strict=True)
        ),
    )


def sum_line(board: Board) -> str:
    """`tracked N = pending N + done N + failed N`"""
    counts = board.counts
    return (
        f"tracked {counts['tracked']} = pending {counts['pending']} "
        f"+ done {counts['done']} + failed {counts['failed']}"
    )


def clock_time(at: float) -> str:
    """The time of day."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def trouble_cells(document: Document, at: float) -> tuple[str, ...]:
    """What is wrong, at which step, of which type and id, and who acts or how long it waits."""
    condition = Condition(document.condition)
    word = FAILED if document.lighthouse_status == FAILED else condition.replace("_", " ")
    waits = f"waits for {(at - document.tracked_at / SECOND) / 3_600:.0f} h"
    acts = _WHO_ACTS.get(condition, "")
    if document.document_type == DocumentType.BDD_INSTRUCTIONS:  # VA's own paper
        acts = acts.replace("veteran", "staff")
    return (
        word,
        _SHOWN_STEPS.get(document.current_step, document.current_step),
        document.document_type,
        str(document.request_id),
        waits if condition in _LATE else acts,
    )


def _table(board: Board, seen_steps: Iterable[str]) -> RenderableType:
    unknown = [step for step in seen_steps if step not in (*_STEPS, *_LAST_STEPS)]
    steps = (*_STEPS, *unknown, *_LAST_STEPS)
    counts: Counter[tuple[str, str]] = Counter()
    for level in board.totals:
        pending = level.lighthouse_status == PENDING
        where = level.step if pending else level.lighthouse_status
        counts[level.document_type, where] += level.document_count
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    for _ in (*steps, "done", "failed"):
        table.add_column(justify="right")
    heads = [
        _HEADS[Step(step)] if step in _HEADS else step.replace("_", "_\n", 1) for step in steps
    ]
    table.add_row("\ndocument type", *heads, "\ndone", "\nfailed", style="dim")
    for kind in DocumentType:
        cells = [
            *(Text(f"{counts[kind, step]}", _pending_style(counts[kind, step])) for step in steps),
            Text(str(counts[kind, "done"]), "green"),
            Text(str(counts[kind, "failed"]), _FAILED_STYLE if counts[kind, "failed"] else "dim"),
        ]
        table.add_row(str(kind), *cells)
    return table


def _pending_style(count: int) -> str:
    return "cyan" if count else "dim"


def _troubles(board: Board) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    for document in board.troubles:
        cells = trouble_cells(document, board.at)
        table.add_row(*cells, style=_STYLES.get(Condition(document.condition), _FAILED_STYLE))
    return table


def _alerts(head: str, style: str, alerts: list[Alert]) -> RenderableType:
    """Each monitor, and how often it fired; dim where it is over. A row breaks between two."""
    text, column = Text(head), len(head)
    for alert in alerts:
        times = f" x{alert.times}" if alert.times > 1 else ""
        shown = f"  {alert.monitor}{times}"
        if column + len(shown) > WIDTH:
            text.append("\n")
            column = 0
        text.append(shown, "dim" if alert.is_over else style)
        column += len(shown)
    return text

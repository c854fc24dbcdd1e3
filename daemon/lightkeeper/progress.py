"""A progress bar where there is a terminal to show it on, and nothing where there is none."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lightkeeper.intake import Tally


@contextmanager
def intake_progress(
    lines: Iterable[bytes], file: Path
) -> Iterator[tuple[Iterable[bytes], Callable[[Tally], None]]]:
    """`lines`, and what to call with the tally after each batch, with a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lines, lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    size = file.stat().st_size if file.is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=size)
        read_bytes = 0

        def counted() -> Iterator[bytes]:
            nonlocal read_bytes
            for line in lines:
                read_bytes += len(line)
                yield line

        def stored(tally: Tally) -> None:
            words = f"{tally.new:,} tracked, {tally.known:,} known, {tally.refused:,} refused"
            bar.update(task, completed=read_bytes, description=words)

        yield counted(), stored

"""`make bench`: what one pass costs, beside a bare loop measured in the same run.

The bare loop keeps its connection alive, reads each answer with the standard library's json,
writes it back with one `executemany` a batch, and does nothing else. Both poll the same simulated
Lighthouse, which runs in a process of its own; both store into SQLite on disk in WAL mode.
Every figure is taken inside the measured process, after its imports.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import api

HERE = Path(__file__).parent
RUNS = 5
LINE = 2.0
"""How many times as long as the bare loop a pass may take."""


def main() -> int:
    """Measure and print all that the tables of README.md show; 1 where a promise is broken."""
    with tempfile.TemporaryDirectory(prefix="lightkeeper-bench-") as name:
        folder = Path(name)
        with simulations(folder, 200_000) as environment:
            compared = compare(folder, environment, 20_000)
            sizes = {
                documents: median(
                    [one(folder, environment, "pass", documents) for _ in range(runs)]
                )
                for documents, runs in ((5_000, RUNS), (20_000, RUNS), (200_000, 2))
            }
            done = median([one(folder, environment, "pass", 20_000, 1_000_000) for _ in range(3)])
            signals = {
                "publishing 10,000 transitions": one(folder, environment, "publishing", 10_000),
                "gauges, 5,000 pending of 1,000,000": one(
                    folder, environment, "gauges", 5_000, 995_000
                ),
                "gauges, 500,000 pending of 1,000,000": one(
                    folder, environment, "gauges", 500_000, 500_000
                ),
                "a minute of `run`, 5,000 pending": one(folder, environment, "steady", 5_000),
            }
            beside = api.measured(folder, environment)
    broken = report(compared, sizes, done, help_seconds())
    report_signals(signals)
    broken += api.report(*beside)
    for each in broken:
        print(f"a promise of speed does not hold: {each}", file=sys.stderr)
    return 1 if broken else 0


def compare(folder: Path, environment: dict[str, str], documents: int) -> list[dict[str, Any]]:
    """The pass, also without signals, and the bare loop in turn: a machine's mood hits all."""
    pairs = []
    for _ in range(RUNS):
        bare = one(folder, environment, "bare", documents)
        ours = one(folder, environment, "pass", documents)
        quiet = one(folder, environment, "quiet", documents)
        pairs.append({"bare": bare, "ours": ours, "quiet": quiet})
    return pairs


def one(
    folder: Path, environment: dict[str, str], what: str, documents: int, done: int = 0
) -> dict[str, float]:
    """One measured process over a fresh database of so many pending and done documents."""
    database = folder / "bench.db"
    command = [sys.executable, str(HERE / "measured.py"), what, str(database)]
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    fill = [*command[:2], "fill", str(database), str(documents), str(done)]
    subprocess.run(fill, env=environment, check=True)
    out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(out.stdout.splitlines()[-1])


@contextmanager
def simulations(folder: Path, documents: int) -> Iterator[dict[str, str]]:
    """Lighthouse and Agent in one process of their own; the environment that points at them."""
    command = [sys.executable, str(HERE / "measured.py"), "serve", str(folder), str(documents)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield os.environ | json.loads(server.stdout.readline())
        finally:
            server.terminate()


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def help_seconds() -> float:
    """Median wall time of `lightkeeper --help` as a whole process."""
    times = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "lightkeeper", "--help"], check=True, capture_output=True
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def report(
    compared: list[dict[str, Any]],
    sizes: dict[int, dict[str, float]],
    done: dict[str, float],
    help_time: float,
) -> list[str]:
    """Print the tables; returns what does not hold."""
    ours, quiet, bare = (
        median([pair[who] for pair in compared]) for who in ("ours", "quiet", "bare")
    )
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| 20,000 pending, one pass | wall s | CPU s | documents/s |")
    print("|---|---|---|---|")
    runs = (("bare loop", bare), ("signals off", quiet), ("lightkeeper", ours))
    for name, run in runs:
        print(f"| {name} | {run['wall']:.2f} | {run['cpu']:.2f} | {20_000 / run['wall']:,.0f} |")
    ratios = {
        name: [
            statistics.median(pair["ours"][what] / pair[other][what] for pair in compared)
            for what in ("wall", "cpu")
        ]
        for name, other in (("bare loop", "bare"), ("signals off", "quiet"))
    }
    for name, (wall, cpu) in ratios.items():
        print(f"| lightkeeper / {name}, run by run | {wall:.2f} | {cpu:.2f} | |")
    print("\n| one pass over | CPU us a document | wall us a document | peak memory MB |")
    print("|---|---|---|---|")
    rows = [(f"{size:,} pending", size, run) for size, run in sizes.items()]
    rows.append(("20,000 pending beside 1,000,000 done", 20_000, done))
    for name, size, run in rows:
        each_cpu, each_wall = (run[what] / size * 1e6 for what in ("cpu", "wall"))
        print(f"| {name} | {each_cpu:.1f} | {each_wall:.1f} | {run['peak_mb']:.0f} |")
    print(f"\n`lightkeeper --help`: {help_time:.2f} s")
    return [
        f"a pass takes {ratio:.2f} times the {clock} time of the bare loop, promised is {LINE}"
        for clock, ratio in zip(("wall", "processor"), ratios["bare loop"], strict=True)
        if ratio > LINE
    ]


def report_signals(runs: dict[str, dict[str, float]]) -> None:
    """Print what signals cost by themselves."""
    print("\n| signals | wall ms | CPU ms | peak memory MB |")
    print("|---|---|---|---|")
    for name, run in runs.items():
        wall, cpu = run["wall"] * 1e3, run["cpu"] * 1e3
        print(f"| {name} | {wall:,.0f} | {cpu:,.1f} | {run['peak_mb']:.0f} |")


if __name__ == "__main__":
    sys.exit(main())

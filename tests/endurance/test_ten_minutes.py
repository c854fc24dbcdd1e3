"""Ten minutes of `run` at a hundred times the real volume: what it holds on to stays the same."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import command_line
import matplotlib as mpl
import pytest
from store_summary import WORDS, json_lines, pending_and_unpublished, summary

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "lightkeeper"
from matplotlib import pyplot as plt  # noqa: E402  # after the choice above

SECONDS = 600
EVERY_SECONDS = 10
DOCUMENTS_A_DAY = 100 * 2_500
AT_ONCE = round(DOCUMENTS_A_DAY * EVERY_SECONDS / 86_400)
SETTLED_AFTER = 120
PLOT = os.environ.get("PLOT")
"""Where to put the picture, if it is wanted: `make endurance PLOT=file.svg`."""


class Sample(NamedTuple):
    """What the process and its store held at some second."""

    at: float
    memory_mb: float
    descriptors: int
    threads: int
    database_mb: float
    documents: int


def sample(began_at, pid, store, documents):
    """Look at the process and the pages of its store."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        pages, size = (
            database.execute(f"PRAGMA {each}").fetchone()[0]
            for each in ("page_count", "page_size")
        )
    return Sample(
        time.monotonic() - began_at,
        int(status["VmRSS"].split()[0]) / 1024,
        len(list((process / "fd").iterdir())),
        int(status["Threads"]),
        pages * size / 1e6,
        documents,
    )


def plot(samples, path):
    """Draw all over time, and the store over the documents in it."""
    minutes, documents = [each.at / 60 for each in samples], [each.documents for each in samples]
    shown = (
        ("memory_mb", "MB of memory", minutes),
        ("descriptors", "descriptors", minutes),
        ("threads", "threads", minutes),
        ("database_mb", "MB of database", documents),
    )
    figure, panels = plt.subplots(1, len(shown), figsize=(12, 2.6), layout="constrained")
    for panel, (name, title, along) in zip(panels, shown, strict=True):
        values = [getattr(each, name) for each in samples]
        panel.plot(along, values)
        panel.set(title=title, xlim=(0, None), ylim=(0, 1.3 * max(values)))
        panel.set(xlabel="minutes" if along is minutes else "documents")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def mean(values):
    """The mean of some numbers."""
    found = list(values)
    return sum(found) / len(found)


def growth(samples):
    """Bytes of database a document, from the first of these to the last."""
    first, last = samples[0], samples[-1]
    return (last.database_mb - first.database_mb) * 1e6 / (last.documents - first.documents)


@pytest.mark.timeout(SECONDS + 600)
def test_ten_minutes_at_a_hundred_times_the_volume_leave_no_trace(tmp_path):
    """Memory, descriptors and threads stay; the store grows by the same for each document."""
    store = tmp_path / "store.db"
    with (
        SimulatedLighthouse(rate_limit=60) as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent,
    ):
        env = command_line.environment(store, lighthouse, agent)
        with command_line.running(
            "run", env=env, prepared=False, stdout=None, stderr=None
        ) as process:
            command_line.until(store.exists)
            began_at, samples = time.monotonic(), []
            while (now := time.monotonic() - began_at) < SECONDS:
                story = "fails_bgs" if len(samples) % 9 == 4 else "success"
                ids = [*lighthouse.add_many(AT_ONCE - 1), lighthouse.add(story=story)]
                done = command_line.run("track", "-", env=env, input=json_lines(ids))
                assert (0, "") == (done.returncode, done.stderr)
                time.sleep(max(0.0, began_at + now + EVERY_SECONDS - time.monotonic()))
                count = (len(samples) + 1) * AT_ONCE
                samples.append(sample(began_at, process.pid, store, count))
            command_line.until(lambda: pending_and_unpublished(store) == (0, 0))
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait()

    by_id, rows, totals, _ = summary(store)
    settled = [each for each in samples if each.at > SETTLED_AFTER]
    half = len(settled) // 2
    if PLOT:
        plot(samples, PLOT)
    print(*settled[:: len(settled) // 6], sep="\n")
    assert {each: WORDS[word] for each, word in lighthouse.truth().items()} == by_id
    assert rows == totals["tracked"] == samples[-1].documents
    assert mean(s.memory_mb for s in settled[-12:]) < mean(s.memory_mb for s in settled[:12]) + 2
    for name in ("descriptors", "threads"):
        early, late = (
            {getattr(s, name) for s in part} for part in (settled[:half], settled[half:])
        )
        assert max(late) <= max(early), name
    assert growth(settled[half:]) < 1.1 * growth(settled[:half])

"""`make bench`: the API beside a daemon that polls, with callers in a process of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENTS = 100_000
CALLERS = 20
PROMISED_RATE = 1_000
RATE = 1_020
"""A little more is asked for, so that how late the last answer is does not decide."""
SECONDS = 15
TRACKED = 10_000
BATCH = 100
FIRST_ID = 1_000_000  # as measured.py has it
LIGHTKEEPER = (sys.executable, "-m", "lightkeeper")


def report(reads: dict[str, float], memory_mb: float, tracked: float) -> list[str]:
    """Print what was measured beside what is promised; returns what does not hold."""
    rate, p99 = reads["a_second"], reads["p99_ms"]
    reading = f"reads a second, {CALLERS} callers"
    tracking = f"s to track {TRACKED:,} in batches of {BATCH}"
    rows = (
        (reading, f"at least {PROMISED_RATE:,}", f"{rate:,.0f}", rate >= PROMISED_RATE),
        ("half of them within ms", "", f"{reads['p50_ms']:.1f}", True),
        ("99 of 100 within ms", "below 50", f"{p99:.1f}", p99 < 50),
        ("peak memory MB", "below 120", f"{memory_mb:.0f}", memory_mb < 120),
        (tracking, "below 5", f"{tracked:.1f}", tracked < 5),
    )
    print(
        f"\n| the API beside a daemon, {DOCUMENTS:,} documents on SQLite | promised | measured |"
    )
    print("|---|---|---|")
    for what, promised, measured, _ in rows:
        print(f"| {what} | {promised} | {measured} |")
    return [
        f"{what}: {measured}, promised is {promised}"
        for what, promised, measured, holds in rows
        if not holds
    ]


def measured(folder: Path, environment: dict[str, str]) -> tuple[dict[str, float], float, float]:
    """What readers found, the API's peak memory in MB, and the seconds that tracking took.

    `environment` points at a Lighthouse with that many documents, and an Agent.
    """
    database, address = folder / "api.db", folder / "web.sock"
    fill = [sys.executable, HERE / "measured.py", "fill", database, str(DOCUMENTS), "0"]
    subprocess.run(fill, env=environment, check=True)
    env = environment | {
        "LIGHTKEEPER_DATABASE_URL": f"sqlite:///{database}",
        "LIGHTKEEPER_API_TOKENS_FILE": str(folder / "tokens"),
        "LIGHTKEEPER_MAX_CALLS_PER_MINUTE": "60",  # as Lighthouse allows
    }
    scopes = ("--scope", "read", "--scope", "track")
    made = subprocess.run(
        [*LIGHTKEEPER, "token", "new", "bench", *scopes],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    bearer = made.stdout.strip()
    with running(env, "run"), running(env, "web", "--listen", f"unix:{address}") as web:
        web.stdout.readline()
        numbers = (CALLERS, RATE, SECONDS)
        path = "/v1/benefits-documents/{id}"
        reads = load(address, bearer, "read", *numbers, path, FIRST_ID, FIRST_ID + DOCUMENTS - 1)
        memory_kb = next(
            int(line.split()[1])
            for line in Path(f"/proc/{web.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        tracked = load(address, bearer, "track", TRACKED, BATCH, FIRST_ID + DOCUMENTS)
    return reads, memory_kb / 1_024, tracked["seconds"]


@contextmanager
def running(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until the end of the context."""
    command = [*LIGHTKEEPER, *arguments]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def load(address: Path, bearer: str, what: str, *numbers: object) -> dict[str, float]:
    """What callers in a process of their own found."""
    command = [sys.executable, HERE / "web_load.py", address, bearer, what, *map(str, numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)

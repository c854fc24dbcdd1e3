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
RATE = 1_000
SECONDS = 15
TRACKED = 10_000
BATCH = 100
FIRST_ID = 1_000_000  # as measured.py has it
LIGHTKEEPER = (sys.executable, "-m", "lightkeeper")


def report(reads: dict[str, float], memory_mb: float, tracked: float) -> None:
    """Print what was measured."""
    print(f"\n| the API beside a daemon, {DOCUMENTS:,} documents on SQLite | |")
    print("|---|---|")
    print(f"| reads a second, {CALLERS} callers, {RATE:,} asked for | {reads['a_second']:,.0f} |")
    print(f"| half of them within ms | {reads['p50_ms']:.1f} |")
    print(f"| 99 of 100 within ms | {reads['p99_ms']:.1f} |")
    print(f"| peak memory MB | {memory_mb:.0f} |")
    print(f"| s to track {TRACKED:,} in batches of {BATCH} | {tracked:.1f} |")


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

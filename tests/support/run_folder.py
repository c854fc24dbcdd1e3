"""One folder for all that a test run makes, and a process that clears up after the run.

However the run ends, also by SIGKILL, that process kills what the run left running and removes
the folder, and that of `in_memory`. What belongs to a run is known by the folder's path in its
environment (TMPDIR) or its command line, and by descent.

    python run_folder.py FOLDER RUN_PID [MAKE_PID]
"""

import os
import select
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
MEMORY = Path("/dev/shm")
ROOM_IN_MEMORY = 4_000_000_000
PATIENCE_SECONDS = 30.0
POLITE_SECONDS = 3.0  # PostgreSQL frees its shared memory itself if asked to end


def make() -> Path:
    """Make the folder, let it be the place of temporary files, and start the process beside."""
    folder = Path(tempfile.mkdtemp(prefix="lk-tests-"))
    folder.chmod(0o711)  # PostgreSQL gets there as another user
    watched = [os.getpid(), *([os.getppid()] if "MAKELEVEL" in os.environ else [])]
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-IS", __file__, str(folder), *map(str, watched)],
        {},
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)],
        setsid=True,  # Ctrl-C is not for it
    )
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # it is read once
    return folder


def name() -> str:
    """Return the name of this run's folder, for what lies outside of it (control groups)."""
    return Path(os.environ["TMPDIR"]).name


def in_memory() -> Path:
    """A folder for what is written much and need not last: in memory, where there is room."""
    try:
        there = os.statvfs(MEMORY)
        has_room = there.f_bavail * there.f_frsize > ROOM_IN_MEMORY
    except OSError:
        has_room = False
    folder = (MEMORY if has_room else Path(os.environ["TMPDIR"]).parent) / name()
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


def _wait(pids: list[int]) -> None:
    """Return when the first of these processes has ended."""
    with suppress(ProcessLookupError):
        ends = select.poll()
        for pid in pids:
            ends.register(os.pidfd_open(pid), select.POLLIN)
        ends.poll()


def _left(run: int, mark: bytes) -> dict[int, str]:
    """Return the processes of the run that still live: name by id."""
    parents, names, found = {}, {}, {run}
    for path in PROC.glob("[0-9]*"):
        with suppress(OSError):
            before, _, after = (path / "stat").read_text().rpartition(")")
            state, parent, *_ = after.split()
            if state == "Z":
                continue
            pid = int(path.name)
            parents[pid], names[pid] = int(parent), before.partition("(")[2]
            if any(mark in (path / each).read_bytes() for each in ("environ", "cmdline")):
                found.add(pid)
    count = 0
    while count < len(found):
        count = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return {pid: names[pid] for pid in found - {os.getpid()} if pid in names}


def _clear(folder: Path, run: int) -> None:
    began_at = time.monotonic()
    while left := _left(run, os.fsencode(folder)):
        took = time.monotonic() - began_at
        if took > PATIENCE_SECONDS:
            break
        for pid, process in left.items():
            is_polite = process.startswith("postgres") and took < POLITE_SECONDS
            with suppress(OSError):
                os.kill(pid, signal.SIGQUIT if is_polite else signal.SIGKILL)
        time.sleep(0.05)
    _remove(folder)
    _remove(MEMORY / folder.name)
    for group in Path("/sys/fs/cgroup").glob(f"**/{folder.name}-*"):
        for below in sorted((group, *group.rglob("*")), reverse=True):
            with suppress(OSError):
                below.rmdir()


def _remove(folder: Path) -> None:
    """Remove the folder, also what a test took the rights from; nothing beside it is changed."""
    for path, below, _ in os.walk(folder):
        for each in (Path(path) / name for name in below):
            if not each.is_symlink():
                with suppress(OSError):
                    each.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def main(folder: str, *pids: str) -> None:
    """Clear up once the run, or the `make` that started it, has ended."""
    _wait(list(map(int, pids)))
    _clear(Path(folder), int(pids[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A test run leaves no process and no file behind, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import command_line
import patience
import pytest
import run_folder

TESTS = Path(__file__).parents[1]
RUN = """
    import pathlib
    import subprocess
    import sys
    import time

    import pytest


    @pytest.mark.parametrize("number", range(2))
    def test_without_an_end(postgres_url, tmp_path, number):
        orphan = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]])"
        code = "import time; time.sleep(600)"
        subprocess.run([sys.executable, "-c", orphan, "-c", code], check=True)
        (pathlib.Path(__file__).parent / f"began-{number}").touch()
        subprocess.run([sys.executable, "-c", code])
"""


def processes(mark):
    """The command lines of all processes whose environment or command line holds this."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            said = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if any(mark in each for each in said):
            found.append(said[1].replace(b"\0", b" "))
    return found


@pytest.fixture
def temporary():
    """Where the run puts what it makes; PostgreSQL gets there as another user."""
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture
def started(tmp_path, temporary):
    """A function that starts a run with PostgreSQL and two workers, by `make` where asked for."""
    shutil.which("make") or pytest.skip("there is no make")
    (tmp_path / "test_run.py").write_text(textwrap.dedent(RUN))
    plugins = "-p conftest -p no:cacheprovider -p no:ddtrace"
    pytest_run = f"{sys.executable} -m pytest {plugins} --numprocesses 2 test_run.py"
    (tmp_path / "Makefile").write_text(f"test:\n\t{pytest_run}\n")
    imported = (TESTS, TESTS / "support", TESTS.parent / "daemon")
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, imported)),
        "TMPDIR": str(temporary),
    }
    running = []

    def start(by_make):
        command = ["make", "test"] if by_make else pytest_run.split()
        log = (tmp_path / "log").open("w")
        options = {"stdout": log, "stderr": subprocess.STDOUT, "start_new_session": True}
        # A shell ignores Ctrl-C for what it starts in the background, and children inherit that.
        options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        running.append(subprocess.Popen(command, cwd=tmp_path, env=env, **options))
        log.close()
        began = [tmp_path / f"began-{number}" for number in range(2)]
        command_line.until(lambda: all(map(Path.exists, began)) or running[0].poll() is not None)
        assert running[0].poll() is None, (tmp_path / "log").read_text()
        return running[0]

    yield start
    for each in running:
        each.kill()
        each.wait()


@pytest.mark.parametrize("ended", ["killed", "make killed", "interrupted", "interrupted twice"])
def test_a_run_that_ends_early_leaves_nothing(started, temporary, ended):
    """Workers, PostgreSQL, orphans and folders are gone within seconds of a kill or Ctrl-C."""
    mark = os.fsencode(temporary)
    run = started(by_make=ended == "make killed")
    assert 8 < len(processes(mark))
    assert [] != list(temporary.iterdir())

    if "interrupted" in ended:
        os.killpg(run.pid, signal.SIGINT)
        if "twice" in ended:
            os.killpg(run.pid, signal.SIGINT)
    else:
        run.kill()
    run.wait()

    command_line.until(lambda: not processes(mark))
    command_line.until(lambda: not list(temporary.iterdir()))


def test_what_lies_beside_the_folder_of_a_run_stays_as_it_is(tmp_path):
    """Neither the folder around it nor what a link in it leads to loses rights."""
    outside, kept = tmp_path / "outside", tmp_path / "kept"
    outside.mkdir(mode=0o755)
    kept.mkdir()
    folder = tmp_path / "run"
    folder.symlink_to(kept)  # which shutil.rmtree refuses
    (kept / "link").symlink_to(outside)
    (kept / "closed").mkdir(mode=0o000)
    tmp_path.chmod(0o755)
    ended = subprocess.Popen(["true"])

    command = [sys.executable, run_folder.__file__, folder, str(ended.pid)]
    done = subprocess.run(command, timeout=patience.SECONDS, check=False)
    ended.wait()

    assert 0 == done.returncode
    assert [0o755, 0o755] == [each.stat().st_mode & 0o777 for each in (tmp_path, outside)]

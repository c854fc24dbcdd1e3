"""Runs the real `lightkeeper` in a process of its own."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import patience
import prepared_command
import secret_leaks

COMMAND = (sys.executable, "-m", "lightkeeper")


def environment(database=None, lighthouse=None, agent=None, **more):
    """The environment of such a process: the settings given here and no others."""
    # TMPDIR: it is of this run; PYTHONPATH: what we import, it imports.
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    found["DD_DOGSTATSD_URL"] = agent.url if agent else "unix:///nonexistent/dsd.socket"
    if database is not None:
        found["LIGHTKEEPER_DATABASE_URL"] = f"sqlite:///{database}"
    if lighthouse is not None:
        found.update(lighthouse.environment())
    return found | more


def run(*arguments, env, within=None, prepared=True, **more):
    """Run `lightkeeper` with these arguments; fails on a traceback. Output is text.

    `within` is a shell script that finds the command in "$@". Where it makes no difference and
    is `prepared`, the process is one that has its imports done.
    """
    arguments = list(map(str, arguments))
    if within is None and prepared and prepared_command.can_run(env=env, **more):
        done = prepared_command.run(arguments, env, **more)
    else:
        done = subprocess.run(
            [*_shell(within), *COMMAND, *arguments],
            env=env,
            check=False,
            text=True,
            capture_output=True,
            **({"stdin": subprocess.DEVNULL} if "input" not in more else {}),
            **more,
        )
    assert "Traceback" not in done.stderr
    secret_leaks.refuse(done.stdout + done.stderr)
    return done


def complaint(done, status):
    """The one line that a command printed before it ended with this status."""
    assert (status, "") == (done.returncode, done.stdout), done.stderr
    assert 1 == done.stderr.count("\n")
    assert done.stderr.startswith("lightkeeper: ")
    return done.stderr.removeprefix("lightkeeper: ").rstrip("\n")


def start(
    *arguments,
    env,
    within=None,
    prepared=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    **more,
):
    """Start `lightkeeper` and let it run; a script around it has to `exec` it.

    Where it makes no difference and is `prepared`, the process is one that has its imports done.
    """
    arguments = list(map(str, arguments))
    if within is None and prepared and prepared_command.can_run(env=env, **more):
        with Path(os.devnull).open() as stdin:
            return prepared_command.Process(arguments, env, stdin, stdout, stderr, **more)
    command = [*_shell(within), *COMMAND, *arguments]
    return subprocess.Popen(command, env=env, text=True, stdout=stdout, stderr=stderr, **more)


def _shell(within):
    return () if within is None else ("bash", "-c", within, "bash")


@contextmanager
def running(*arguments, env, **more):
    """Start `lightkeeper`; it is killed when the context ends, if it has not ended by then."""
    process = start(*arguments, env=env, **more)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def until(condition, seconds=patience.SECONDS):
    """Wait until the condition holds; fail if it does not within these seconds."""
    looked_at = time.monotonic()
    give_up_at = looked_at + seconds
    while not condition():
        took = time.monotonic() - looked_at
        assert looked_at + took < give_up_at, "waited for in vain"
        time.sleep(min(max(0.01, 4 * took), 0.5))  # to look is work, most where a command looks
        looked_at = time.monotonic()

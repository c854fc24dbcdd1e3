"""Python in processes of its own: other users, kills and races that threads cannot show."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def child(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `code` with `arguments` as its `sys.argv[1:]`; it is killed when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line it prints; what it had to say on stderr where there is none."""
    return process.stdout.readline().rstrip("\n") or process.stderr.read()


def go(process: subprocess.Popen[str]) -> None:
    """End the wait of a child in `input()`."""
    process.stdin.write("\n")
    process.stdin.flush()


def outcomes(code: str, *arguments: tuple[str, ...]) -> list[str]:
    """Run one child for each tuple of arguments, all at the same time, and return all output.

    Each has to print a line once it is ready and then wait in `input()`.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(child(code, *each)) for each in arguments]
        for process in children:
            line(process)
        for process in children:
            go(process)
        return ["".join(process.communicate()) for process in children]

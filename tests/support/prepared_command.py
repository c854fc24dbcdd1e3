"""Runs `lightkeeper` in processes forked from one that has imported it.

The imports cost a short command most of its processor time, and the tests run hundreds. Such a
process has its own arguments, environment, folder and streams, and ends with its own status.

    python -P prepared_command.py SOCKET
"""

import atexit
import gc
import importlib
import os
import pickle
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

_AT_START = ("PYTHON", "LANG", "LC_", "TZ", "LD_", "FAKETIME")
"""What begins so in the environment is read when an interpreter starts."""
_MODULES = (
    "lightkeeper.commands.main",
    "lightkeeper.casework.listing",
    "lightkeeper.casework.lookup",
    "lightkeeper.service.self_check",
    "lightkeeper.service.wiring",
)
"""What the commands import, the last four when they need them."""
_PIPE_HOLDS = 65_536
_starting = threading.Lock()
_servers: dict[Path, subprocess.Popen[bytes]] = {}


def can_run(*, env, input="", cwd=None, **more):  # noqa: A002  # as subprocess.run has it
    """Whether such a process does the same as one with an interpreter of its own."""
    return not more and len(input.encode()) <= _PIPE_HOLDS and _read_at_start(env) == _inherited()


def run(arguments, env, input="", cwd=None, script=None):  # noqa: A002
    """Run `lightkeeper`, or a script, as `subprocess.run` would, with its output as text."""
    reader, writer = os.pipe()
    with (
        os.fdopen(reader, "rb") as stdin,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
    ):
        with os.fdopen(writer, "wb") as all_of_it:
            all_of_it.write(input.encode())
        process = Process(arguments, env, stdin, stdout, stderr, cwd=cwd, script=script)
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        for each in (stdout, stderr):
            each.seek(0)
        return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


class Process:
    """Such a process while it runs: what the tests need of `subprocess.Popen`, as it has it."""

    def __init__(self, arguments, env, stdin, stdout, stderr, *, cwd=None, script=None):
        self.args = arguments
        self.returncode = None
        self.stdin = None
        self._connection = socket.socket(socket.AF_UNIX)
        request = pickle.dumps((list(arguments), env, str(cwd or Path.cwd()), script))
        self._connection.connect(str(_server()))
        with ExitStack() as ours:
            self.stdout, out = _stream(stdout, 1, ours)
            self.stderr, err = _stream(stderr, 2, ours)
            streams = [stdin.fileno(), out, err]
            socket.send_fds(self._connection, [len(request).to_bytes(8)], streams)
        self._connection.sendall(request)
        self.pid = self._number()

    def communicate(self):
        """All that it still writes into its pipes, once it has ended."""
        with ThreadPoolExecutor(2) as readers:
            try:
                said = tuple(readers.map(_rest, (self.stdout, self.stderr)))
            except BaseException:
                self.kill()  # else the readers would be waited for, however long it runs
                raise
        self.wait()
        return said

    def poll(self):
        return self._ended(0)

    def wait(self, timeout=None):
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout):
        if self.returncode is None and select.select([self._connection], (), (), timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(self._number())
            self._connection.close()
        return self.returncode

    def _number(self):
        """The next line of what is said of it: its process id, and in the end its status."""
        line = b""
        while not line.endswith(b"\n"):
            line += self._connection.recv(1) or b"the server has ended\n"
        return int(line)


def _rest(pipe):
    if pipe is None:
        return None
    with pipe:
        return pipe.read()


def _stream(given, inherited, ours):
    """What the caller reads of a stream, if it is a pipe, and the descriptor to write to."""
    if given is None:
        return None, inherited
    if given == subprocess.DEVNULL:
        return None, ours.enter_context(Path(os.devnull).open("w")).fileno()
    if given != subprocess.PIPE:
        return None, given if isinstance(given, int) else given.fileno()
    reader, writer = os.pipe()
    ours.callback(os.close, writer)
    return os.fdopen(reader, encoding="utf-8"), writer


def _read_at_start(env):
    return {name: value for name, value in env.items() if name.startswith(_AT_START)}


def _inherited():
    return {name: os.environ[name] for name in ("LANG", "PYTHONPATH") if name in os.environ}


def _server():
    """The socket of this process's server, which is started if there is none."""
    with _starting:
        if not _servers:
            path = Path(tempfile.mkdtemp(), "socket")
            kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
            process = subprocess.Popen(
                [sys.executable, "-P", __file__, path],
                env=_inherited() | kept,
                stdin=subprocess.PIPE,  # it ends when this end is closed
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            _servers[path] = process
    return next(iter(_servers))


def _serve(path):
    for name in _MODULES:
        importlib.import_module(name)

    gc.freeze()  # no process made from here looks through it, and has it copied
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for `_handle` to end
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(100)
        os.write(1, b"ready\n")
        while sys.stdin not in select.select([listener, sys.stdin], (), ())[0]:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                _handle(connection)
            connection.close()


def _handle(connection):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as sent:
        arguments, env, cwd, script = pickle.loads(sent.read(int.from_bytes(length)))
    if pid := os.fork():
        connection.sendall(b"%d\n" % pid)
        connection.sendall(b"%d\n" % os.waitpid(pid, 0)[1])
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # As an interpreter makes them at its start: those of before may have been other kinds of file.
    sys.stdin, sys.stdout = (os.fdopen(n, mode, closefd=False) for n, mode in ((0, "r"), (1, "w")))
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = arguments
    tempfile.tempdir = None
    try:
        _run(script)
    except SystemExit as exc:
        if isinstance(exc.code, int | None):
            _end(exc.code or 0)
        raise


def _run(script):
    if script is not None:
        runpy.run_path(script, run_name="__main__")
        sys.exit()
    from lightkeeper.__main__ import main

    main()


def _end(status):
    """End as an interpreter does, but leave what was imported: to take it apart takes longer than
    most commands.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])

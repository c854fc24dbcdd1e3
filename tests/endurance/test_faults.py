"""Each fault of the world around `lightkeeper run`: what shows it, and that all ends well."""

import concurrent.futures
import functools
import os
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import command_line
import pytest
from harmful_answers import gzip_bomb
from running_daemon import (
    AT_START,
    BATCHES,
    IDLE,
    SUCCESS,
    UNDER_WAY,
    RunningDaemon,
    bring_to,
    counted,
    critical,
    locked,
    logged,
)
from scripted_server import ScriptedServer, answer
from tls_front import Authority, Front

pytestmark = pytest.mark.xdist_group("faults")  # they run together
AT_ONCE = 12
"""Daemons that run at the same time: most of what they do is waiting."""
BIG = b'{"data":{"statuses":[' + b" " * 50_000_000 + b"]}}"
BOMB = gzip_bomb(40)
HEAVY = b'{"data":{"statuses":[%b[]]}}' % (b"[]," * 2_600_000)  # bounded, and 150 MB once read
ROOM = 200_000
NAME = "lighthouse.invalid"
SILENT = "127.5.2.6"
UNIT = Path(__file__).parents[2] / "systemd/lightkeeper.service"
HTML = b"<!doctype html><title>Sorry</title>"


class Fault(NamedTuple):
    """`broken` breaks something around a daemon for as long as it lasts.

    `shown` says by what signals it has to be seen, `when` at what moment it begins.
    """

    broken: Callable
    shown: tuple[Callable, ...]
    when: str = AT_START
    documents: int = 10
    prepared: Callable = lambda _: None


def _need(found, what):
    if not found:
        pytest.skip(f"needs {what}")


def down(kind, path=None):
    """Lighthouse is there in this manner only."""

    @contextmanager
    def broken(daemon):
        daemon.lighthouse.down(kind, path)
        yield
        daemon.lighthouse.up()

    return broken


def answering(status, body=None, headers=None, path="status"):
    """Lighthouse answers every call with this."""

    @contextmanager
    def broken(daemon):
        daemon.lighthouse.fail_next(10_000, status, body, headers, path)
        yield
        daemon.lighthouse.clear_faults()

    return broken


@contextmanager
def tokens_refused(daemon):
    """The tokens Lighthouse gives out are no good."""
    daemon.lighthouse.reject_tokens()
    yield
    daemon.lighthouse.accept_tokens()


def redirected(path):
    """Lighthouse sends every call to another host, which must never hear of it."""

    @contextmanager
    def broken(daemon):
        with ScriptedServer(answer()) as elsewhere:
            headers = {
                "Location": f"{elsewhere.url}/services/benefits-documents/v1/uploads/status"
            }
            daemon.lighthouse.fail_next(10_000, 307, b"moved", headers, path)
            yield
            daemon.lighthouse.clear_faults()
            assert (0, []) == (elsewhere.connections, elsewhere.requests)

    return broken


def untrusted(*names, days=1, by_another=False):
    """Lighthouse has a certificate that is not good for it; nothing is said to it meanwhile."""

    @contextmanager
    def broken(daemon):
        known = Authority(_folder(daemon, "known"))
        other = Authority(_folder(daemon, "other"))
        bad = (other if by_another else known).context(*names, days=days)
        front = daemon.keep(Front(daemon.lighthouse.port, bad))
        daemon.env = known.trusted_by(daemon.env)
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_URL"] = f"https://127.0.0.1:{front.port}"
        yield
        assert 0 == front.passed_on
        front.context = known.context("127.0.0.1")

    return broken


def _folder(daemon, name):
    path = daemon.folder / name
    path.mkdir()
    return path


@contextmanager
def unresolved(daemon):
    """Lighthouse's host name cannot be resolved, and then a file of hosts resolves it."""
    _need(os.geteuid() == 0, "root, to listen where names are asked for")
    silent = daemon.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind((SILENT, 53))
    (options,) = re.findall(r'^Environment="RES_OPTIONS=(.+)"$', UNIT.read_text(), re.MULTILINE)
    daemon.env["RES_OPTIONS"] = options
    known = Authority(_folder(daemon, "known"))
    front = daemon.keep(Front(daemon.lighthouse.port, known.context(NAME)))
    hosts, resolver = daemon.folder / "hosts", daemon.folder / "resolv.conf"
    hosts.write_text("")
    resolver.write_text(f"nameserver {SILENT}\nnameserver {SILENT}\nsearch one.invalid\n")
    daemon.within = _in_own_mounts(
        f"mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf"
    )
    daemon.env = known.trusted_by(daemon.env)
    daemon.env["LIGHTKEEPER_LIGHTHOUSE_URL"] = f"https://{NAME}:{front.port}"
    yield
    hosts.write_text(f"127.0.0.1 {NAME}\n")


def _in_own_mounts(script):
    """A script that runs "$@" after `script`, whose mounts no other process sees."""
    as_root = "" if os.geteuid() == 0 else "--map-root-user"
    return f'exec unshare {as_root} --mount bash -c \'{script} && exec "$@"\' bash "$@"'


@contextmanager
def disk_full(daemon):
    """There is room to open the store, and not for what is learned."""
    folder = daemon.store.parent
    filler = folder / "filler"
    room = shutil.disk_usage(folder).free - ROOM
    filler.write_bytes(bytes(room))
    yield
    filler.unlink()


def on_small_disk(daemon):
    """Put the store on a disk of its own."""
    _need(os.geteuid() == 0, "root, to mount a disk")
    mount = ("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", daemon.store.parent)
    subprocess.run(mount, check=True)
    daemon.at_end(subprocess.run, ("umount", daemon.store.parent), check=True)


@contextmanager
def no_larger_files(daemon):
    """No file may grow further, as under a quota."""
    daemon.limit(resource.RLIMIT_FSIZE, ROOM)
    yield
    daemon.limit(resource.RLIMIT_FSIZE, None)


@contextmanager
def immutable(daemon):
    """Nothing of the store can be written to, by root neither."""
    # Not the shared memory beside them: the kernel would kill a process that has it mapped.
    with _immutable(daemon.store, f"{daemon.store}-wal"):
        yield


@contextmanager
def no_more_descriptors(daemon):
    """The process may open no further file or socket, so it cannot connect."""
    daemon.limit(resource.RLIMIT_NOFILE, 3)
    yield
    daemon.limit(resource.RLIMIT_NOFILE, None)


@contextmanager
def little_memory(daemon):
    """The process may not grow by what it takes to read an answer of Lighthouse's."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    (size,) = re.findall(r"VmSize:\s*(\d+) kB", status)
    daemon.limit(resource.RLIMIT_AS, int(size) * 1_024 + 40_000_000)
    daemon.lighthouse.fail_next(10_000, 200, HEAVY)
    yield
    daemon.lighthouse.clear_faults()
    daemon.limit(resource.RLIMIT_AS, None)


def log_unwritable(stderr, folder):
    """A log that takes no line ends no daemon; signals reach the Agent all the same."""
    with RunningDaemon(folder) as daemon:
        daemon.track()
        with stderr() as daemon.stderr:
            daemon.lighthouse.fail_next(2, 500)  # which is logged
            daemon.start()
            daemon.until(lambda: daemon.agent.count(BATCHES, outcome="server_error") > 0)
            daemon.until(daemon.is_settled)
        daemon.stop()
        daemon.assert_accounted_for()


@contextmanager
def full_disk():
    """A file on a disk that has no room."""
    with Path("/dev/full").open("w") as full:
        yield full


@contextmanager
def reader_gone():
    """A pipe that is not read any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def refused(broken, status, reason, remedy, folder):
    """A store that cannot be had ends the start, saying why and what to do."""
    with RunningDaemon(folder) as daemon:
        daemon.track()
        with broken(daemon):
            watched = daemon.env | {"DD_ENV": "production"}
            said = command_line.run("run", env=watched, within=daemon.within)
            assert reason in command_line.complaint(said, status)
            assert remedy in said.stderr
            assert [] == daemon.lighthouse.calls
        daemon.within = None
        daemon.start()
        daemon.until(daemon.is_settled)
        daemon.stop()
        daemon.assert_accounted_for()


@contextmanager
def read_only_folder(daemon):
    """The folder of the store is mounted for reading alone."""
    folder = daemon.store.parent
    daemon.within = _in_own_mounts(
        f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    )
    yield


@contextmanager
def immutable_file(daemon):
    """The file of the store cannot be written to, by root neither."""
    with _immutable(daemon.store):
        yield


@contextmanager
def _immutable(*files):
    _need(os.geteuid() == 0, "root, to make a file immutable")
    subprocess.run(("chattr", "+i", *files), check=True)
    try:
        yield
    finally:
        subprocess.run(("chattr", "-i", *files), check=True)


def corrupted(start, end):
    """Bytes of the store's file are not what they were; a backup takes its place."""

    @contextmanager
    def broken(daemon):
        backup = daemon.store.with_name("backup.db")
        made = command_line.run("backup", backup, env=daemon.env)
        assert 0 == made.returncode, made.stderr
        good = daemon.store.read_bytes()
        rubbish = b"x" * len(good[start:end])
        daemon.store.write_bytes(good[:start] + rubbish + good[start:][len(rubbish) :])
        yield
        restored = command_line.run("restore", backup, env=daemon.env)
        assert 0 == restored.returncode, restored.stderr

    return broken


REFUSED = {
    "read-only folder": (read_only_folder, 74, "unable to open database", "mounted for writing"),
    "read-only file": (immutable_file, 74, "readonly database", "write to the file and its"),
    "corrupt header": (corrupted(0, 100), 76, "is not a database", "lightkeeper restore"),
    "corrupt pages": (corrupted(4_096, None), 76, "is malformed", "lightkeeper restore"),
}


def key_replaced(folder):
    """Another key in the file does not concern the process that runs: its tokens stay valid."""
    key = folder / "key.pem"
    with RunningDaemon(folder) as daemon:
        key.write_text(daemon.env.pop("LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"))
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE"] = str(key)
        daemon.track()
        daemon.start()
        daemon.until(daemon.is_settled)
        key.write_text("being written")
        daemon.lighthouse.expire_tokens()
        daemon.track()
        daemon.until(daemon.is_settled)
        daemon.stop()
        daemon.assert_accounted_for()
        assert 2 == sum(call.path == "token" for call in daemon.lighthouse.calls)
        assert 0 == daemon.agent.count(BATCHES, outcome="unauthorized")


_UNREACHED = (counted("connection"), critical("lighthouse.can_connect", "connection"))
_UNWRITABLE = (critical("database.can_write"), critical("polling"))
_SILENT = (counted("timeout"), critical("lighthouse.can_connect", "timeout"))
_SENSELESS = (counted("malformed"), critical("polling", "malformed"))
_NO_TOKEN = (
    counted("token_unavailable"),
    critical("polling", "token_unavailable"),
)
FAULTS = {
    "Lighthouse hangs": Fault(down("hang"), _SILENT),
    "Lighthouse trickles": Fault(down("trickle", "status"), _SILENT),
    "Lighthouse closes mid-body": Fault(down("close_mid_body"), _UNREACHED),
    "50 MB": Fault(
        answering(200, BIG),
        (*_SENSELESS, logged("poll.call.failed", "larger than any")),
    ),
    "gzip bomb": Fault(
        answering(200, BOMB, {"Content-Encoding": "gzip"}),
        (*_SENSELESS, logged("poll.call.failed", "larger than any")),
    ),
    "HTML": Fault(
        down("garbage", "status"), (*_SENSELESS, logged("poll.call.failed", "text/html"))
    ),
    "HTML for a token": Fault(answering(200, HTML, path="token"), _NO_TOKEN),
    "redirects": Fault(
        redirected("status"),
        (counted("unexpected"), critical("lighthouse.can_connect", "unexpected")),
    ),
    "redirects for a token": Fault(redirected("token"), _NO_TOKEN),
    "tokens refused": Fault(
        tokens_refused,
        (counted("unauthorized"), critical("lighthouse.can_authenticate", "unauthorized")),
    ),
    "unknown authority": Fault(
        untrusted("127.0.0.1", by_another=True),
        (*_UNREACHED, logged("poll.call.failed", "certificate signature failure")),
    ),
    "certificate of another host": Fault(
        untrusted("localhost"), (*_UNREACHED, logged("poll.call.failed", "IP address mismatch"))
    ),
    "certificate expired": Fault(
        untrusted("127.0.0.1", days=-1), (*_UNREACHED, logged("poll.call.failed", "expired"))
    ),
    "name not found": Fault(unresolved, (*_UNREACHED, logged("poll.call.failed", "gaierror"))),
    "disk full": Fault(
        disk_full,
        (*_UNWRITABLE, logged("service.job.failed", "full")),
        documents=1_500,
        prepared=on_small_disk,
    ),
    "no larger files": Fault(
        no_larger_files,
        (*_UNWRITABLE, logged("service.job.failed", "I/O")),
        UNDER_WAY,
        documents=1_000,
    ),
    "locked": Fault(
        locked,
        (
            *_UNWRITABLE,
            logged("service.job.failed", "database is locked"),
            logged("health.store.unwritable", "database is locked"),
        ),
        UNDER_WAY,
    ),
    "read-only": Fault(immutable, (*_UNWRITABLE, logged("service.job.failed")), UNDER_WAY),
    "little memory": Fault(little_memory, (logged("service.job.crashed", "MemoryError"),), IDLE),
    "no more descriptors": Fault(
        no_more_descriptors,
        (counted("connection"), logged("poll.call.failed", "Too many open files")),
        IDLE,
    ),
}


def prove(fault, folder):
    """Break something around a daemon, see the signal, fix it, and see the daemon recover."""
    with RunningDaemon(folder) as daemon:
        fault.prepared(daemon)
        bring_to(daemon, fault.when, fault.documents)
        with fault.broken(daemon):
            if fault.when == AT_START:
                daemon.start()
            if fault.when == IDLE:
                daemon.track(fault.documents)
            for is_seen in fault.shown:
                daemon.until(lambda is_seen=is_seen: is_seen(daemon))
            assert not daemon.is_settled()
        daemon.lighthouse.latency = 0.0
        daemon.agent.clear()
        daemon.track()
        daemon.until(daemon.is_settled)
        daemon.until(lambda: daemon.agent.count(SUCCESS) > 0)
        daemon.stop()
        daemon.assert_accounted_for()


def clock_steps(folder):
    """The clock jumps an hour ahead and an hour back: documents that wait are polled."""
    libraries = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    _need(libraries, "the Debian package faketime")
    offset = folder / "offset"
    offset.write_text("+0")
    # The library breaks Python's way of sleeping, which `schedule` uses once, for no time at all.
    shim = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"
    (folder / "sitecustomize.py").write_text(shim)
    with RunningDaemon(folder) as daemon:
        daemon.env |= {
            "PYTHONPATH": str(folder),
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        ids = daemon.track()
        daemon.start()
        daemon.until(daemon.is_settled)
        for step, seconds in (("+3600", 3_600), ("+0", -3_600)):
            stuck = [each for each in ids if daemon.lighthouse.truth()[each] == "IN_PROGRESS"]
            calls = daemon.polls_of(stuck[0])
            jumps = len(daemon.logged("service.clock_jumped"))
            offset.write_text(step)
            daemon.until(lambda jumps=jumps: len(daemon.logged("service.clock_jumped")) > jumps)
            assert seconds == pytest.approx(
                daemon.logged("service.clock_jumped")[-1]["seconds"], abs=1
            )
            ids += daemon.track()
            daemon.until(lambda stuck=stuck, calls=calls: daemon.polls_of(stuck[0]) > calls)
            daemon.until(daemon.is_settled)
        daemon.stop()
        daemon.assert_accounted_for()


@pytest.fixture(scope="module")
def proofs(request, tmp_path_factory):
    """All proofs under way at the same time, those that were asked for: a future for each."""
    wanted = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.originalname == "test_a_fault_is_signalled_and_survived"
    ]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(PROOFS[name], tmp_path_factory.mktemp("fault")) for name in wanted
        }


PROOFS = {name: functools.partial(prove, fault) for name, fault in FAULTS.items()}
PROOFS |= {"clock steps": clock_steps, "key replaced": key_replaced}
PROOFS |= {name: functools.partial(refused, *row) for name, row in REFUSED.items()}
PROOFS |= {
    "log full": functools.partial(log_unwritable, full_disk),
    "log unread": functools.partial(log_unwritable, reader_gone),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_fault_is_signalled_and_survived(proofs, name):
    """Each expected signal shows it; the daemon recovers by itself, with nothing lost."""
    proofs[name].result()

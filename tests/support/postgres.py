"""A throw-away PostgreSQL server for the tests, and a fresh database on it for each test."""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import run_folder

SUPERUSER = "postgres"
# Nothing here has to outlive a crash; and other tests may run a server on TCP beside it.
SERVER_OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c max_wal_size=128MB"
)

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_NEW_SCHEMA = """
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO public;
"""
_CHANGED = """
    SELECT (SELECT COUNT(*) FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public'))
        + (SELECT COUNT(*) FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase
            WHERE datname = current_database())
        + (SELECT COUNT(*) FROM pg_database
            WHERE datname = current_database() AND datacl IS NOT NULL)
"""


class PostgresUnavailable(Exception):
    """This machine cannot run a PostgreSQL server; the message says why."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; it listens only on a Unix socket in `socket_dir`, and asks no password."""

    socket_dir: Path
    _idle: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.socket_dir}&user={SUPERUSER}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Yield the URL of an empty database; end what is connected to it afterwards.

        It is emptied for the next test, which costs half of what a new one does.
        """
        if not self._idle:
            self._idle.append(f"test_{uuid.uuid4().hex}")
            self._execute(f"CREATE DATABASE {self._idle[-1]}")
        name = self._idle.pop()
        try:
            yield self.url(name)
        finally:
            if self._emptied(name):
                self._idle.append(name)
            else:
                self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _emptied(self, name: str) -> bool:
        """Whether it is empty again: not where a test changed more than tables."""
        import psycopg

        try:
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute(_END_OTHERS)
                connection.execute(_NEW_SCHEMA)
                return connection.execute(_CHANGED).fetchone() == (0,)
        except psycopg.Error:
            return False

    def start(self) -> None:
        """Start it, or start it again."""
        self._control("-o", f"{SERVER_OPTIONS} -k {self.socket_dir}", "start")

    def stop(self, mode: str) -> None:
        """Stop it; `immediate` is as good as a kill, `fast` first sends all to the standby."""
        self._control("-m", mode, "stop")

    def promote(self) -> None:
        """Let a standby become the primary; returns once it is."""
        self._execute("SELECT pg_promote()")

    def follow(self, primary: "PostgresServer") -> None:
        """Start again as a standby of `primary`, which was a standby of this one."""
        with (self.socket_dir / "data" / "postgresql.auto.conf").open("a") as settings:
            way = f"host={primary.socket_dir} user={SUPERUSER}"
            settings.write(f"primary_conninfo = '{way}'\n")
        mark = self.socket_dir / "data" / "standby.signal"
        _run(["touch", mark], **_unprivileged_account())
        self.start()

    def _control(self, *arguments: str) -> None:
        home = self.socket_dir
        control = [_binaries() / "pg_ctl", "-D", home / "data", "-w", "-s", "-l", home / "log"]
        _run([*control, *arguments], cwd=home, **_unprivileged_account())

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def version() -> str:
    """Return the server's version, or the reason why there is none."""
    try:
        answer = _run([_binaries() / "postgres", "--version"])
    except PostgresUnavailable as problem:
        return f"none ({problem})"
    return answer.split()[2]


@contextmanager
def server() -> Iterator[PostgresServer]:
    """Run a server as long as the context lasts.

    Raises `PostgresUnavailable` where no server can run at all, `RuntimeError` where one fails to.
    """
    with _made(["cp", "--archive", "--no-target-directory", _new_files()]) as made:
        yield made


def _new_files() -> Path:
    """The files of a server that never ran; the first worker of a run makes them for all."""
    folder = Path(tempfile.gettempdir())
    files = folder / "new-server"
    with (folder / "new-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not files.exists():
            account = _unprivileged_account()
            # Not `files` itself: a run that was killed in the midst leaves no half of it.
            made = Path(tempfile.mkdtemp(prefix="new-server-"))
            if account:
                shutil.chown(made, account["user"], account["group"])
            create = [_binaries() / "initdb", "-U", SUPERUSER, "-A", "trust", "-N", "-D", made]
            _run([*create, "-E", "UTF8", "--locale=C"], cwd=made, **account)
            made.rename(files)
    return files


@contextmanager
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Run a server that follows `primary` and can be read only, until it is promoted."""
    create = [_binaries() / "pg_basebackup", "-U", SUPERUSER, "-h", primary.socket_dir]
    with _made([*create, "--checkpoint=fast", "--write-recovery-conf", "-D"]) as made:
        yield made


@contextmanager
def _made(create: list[Path | str]) -> Iterator[PostgresServer]:
    """Run the server whose files this command makes in the folder that it is given last."""
    account = _unprivileged_account()
    # Not pytest's directory: a socket's path has at most 107 bytes, and `nobody` must get there.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    data = run_folder.in_memory() / f"{home.name}-data"
    if account:
        shutil.chown(home, account["user"], account["group"])
    try:
        made = PostgresServer(home)
        data.mkdir(mode=0o700)
        if account:
            shutil.chown(data, account["user"], account["group"])
        (home / "data").symlink_to(data)
        _run([*create, data], cwd=home, **account)
        made.start()
        try:
            yield made
        finally:
            if (home / "data" / "postmaster.pid").exists():
                made.stop("immediate")
    finally:
        shutil.rmtree(home)
        shutil.rmtree(data, ignore_errors=True)


def _binaries() -> Path:
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    for candidate in candidates:
        if all((candidate / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return candidate
    raise PostgresUnavailable("no initdb on PATH or in /usr/lib/postgresql/*/bin")


def _major(binaries: Path) -> float:
    try:
        return float(binaries.parent.name)
    except ValueError:
        return 0


def _unprivileged_account() -> dict[str, Any]:
    """Return what `subprocess` needs to become `nobody`: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresUnavailable("PostgreSQL refuses root, and there is no user nobody") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(command: list[Path | str], **options: Any) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout

"""A throw-away PostgreSQL server for the tests, and a fresh database on it for each test."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
# Nothing here has to outlive a crash; and other tests may run a server on TCP beside it.
SERVER_OPTIONS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off"


class PostgresUnavailable(Exception):
    """This machine cannot run a PostgreSQL server; the message says why."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; it listens only on a Unix socket in `socket_dir`, and asks no password."""

    socket_dir: Path

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.socket_dir}&user={SUPERUSER}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Yield the URL of an empty database; drop it afterwards, in use or not."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

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
    binaries = _binaries()
    account = _unprivileged_account()
    # Not pytest's directory: a socket's path has at most 107 bytes, and `nobody` must get there.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    if account:
        shutil.chown(home, account["user"], account["group"])
    data = home / "data"
    try:
        create = [binaries / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-N"]
        _run([*create, "-E", "UTF8", "--locale=C"], cwd=home, **account)
        control = [binaries / "pg_ctl", "-D", data, "-w", "-s", "-l", home / "log"]
        _run([*control, "-o", f"{SERVER_OPTIONS} -k {home}", "start"], cwd=home, **account)
        try:
            yield PostgresServer(home)
        finally:
            _run([*control, "-m", "immediate", "stop"], cwd=home, **account)
    finally:
        shutil.rmtree(home)


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

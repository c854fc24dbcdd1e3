"""A PgBouncer of the test's own before a PostgreSQL database."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import command_line
import postgres
import pytest


@contextmanager
def before(url, mode, **more):
    """Run one with this `pool_mode`; yield the URL that leads through it."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        pytest.skip("PgBouncer is not installed: it is in Debian's package pgbouncer")
    parts = urlsplit(url)
    name, host = parts.path[1:], parse_qs(parts.query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="pb-") as place:
        folder = Path(place)
        (folder / "users.txt").write_text(f'"{postgres.SUPERUSER}" ""\n')
        settings = {
            "listen_addr": "",
            "listen_port": 6432,
            "unix_socket_dir": place,
            "auth_type": "trust",
            "auth_file": folder / "users.txt",
            "pool_mode": mode,
            "ignore_startup_parameters": "extra_float_digits",
        } | more
        lines = [f"{key} = {value}" for key, value in settings.items()]
        lines = ["[databases]", f"{name} = host={host} dbname={name}", "[pgbouncer]", *lines]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        account = postgres._unprivileged_account()
        for each in (folder, *folder.iterdir()):
            each.chmod(0o755)
            if account:
                shutil.chown(each, account["user"], account["group"])
        process = subprocess.Popen(
            [program, "-q", folder / "pgbouncer.ini"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
            **account,
        )
        try:
            command_line.until(lambda: _listens(folder / ".s.PGSQL.6432"))
            yield f"postgresql:///{name}?host={place}&port=6432&user={postgres.SUPERUSER}"
        finally:
            process.kill()
            process.wait()


def _listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0

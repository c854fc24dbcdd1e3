"""The API against its own published description: whatever is sent, an answer is as described."""

import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import command_line
from store_rows import OPEN_STATES, stand

from lightkeeper.service.clock import now
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents


@contextmanager
def heartbeat(url):
    """Write to the store, as a daemon does, that one is alive."""
    over = threading.Event()

    def beat():
        with closing(open_database(url, create=False)) as database:
            database.try_write(now())
            begun.set()
            while not over.wait(10):
                database.try_write(now())

    begun, thread = threading.Event(), threading.Thread(target=beat)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_schemathesis_finds_nothing(tmp_path):
    """No server error, no status, header or answer that is not described, no wrong data taken."""
    with closing(open_database(f"sqlite:///{tmp_path / 'store.db'}", create=True)) as database:
        stand(Documents(database), (*OPEN_STATES, "delivered"))
    env = command_line.environment(
        tmp_path / "store.db", LIGHTKEEPER_API_TOKENS_FILE=str(tmp_path / "tokens")
    )
    scopes = [f"--scope={scope}" for scope in ("track", "read", "changes", "staff")]
    bearer = command_line.run("token", "new", "all", *scopes, env=env).stdout.strip()
    web_command = command_line.running("web", "--listen", "127.0.0.1:0", env=env)
    with heartbeat(f"sqlite:///{tmp_path / 'store.db'}"), web_command as web:
        url = web.stdout.readline().removeprefix("listening at ").strip()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
                *("-H", f"Authorization: Bearer {bearer}", "--checks", "all", "--seed", "526"),
                # Some rules no schema can express: which ids may be a person's, what is in the
                # future, which cursor is one.
                *("--exclude-checks", "positive_data_acceptance"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "100"),
                *("--no-color", "--request-timeout", "60"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    print(done.stdout[-2_000:])
    assert 0 == done.returncode, done.stdout[-20_000:]

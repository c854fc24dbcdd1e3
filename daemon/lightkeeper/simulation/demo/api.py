"""The API beside the demo: the real `lightkeeper web` on its store, in a process of its own."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from lightkeeper.casework import tokens
from lightkeeper.config.api_tokens import Scope
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.service.clock import now
from lightkeeper.simulation.demo.place import in_shell

PORT: Final = 8526
ANY_PORT: Final = 0
_ENVIRONMENT: Final = "demo"
_TOKEN_DAYS: Final = 1
_SECONDS: Final = 10.0
"""How long an answer, and an end, may take."""


class ApiUnavailable(LightkeeperError):
    """The API did not start, or gave no answer; the message has its own words."""

    exit_status = ExitStatus.NO


class DemoApi:
    """`lightkeeper web` for as long as the context lasts, with a token that may read.

    The token is left beside the store, as a header in a file that curl reads.
    """

    def __init__(self, store: Path, port: int) -> None:
        self._store, self._port = store, port
        self._header = store.with_name("demo.header")
        self._url = ""

    @staticmethod
    def is_installed() -> bool:
        """Whether the packages of `lightkeeper[web]` are there."""
        return find_spec("fastapi") is not None and find_spec("uvicorn") is not None

    def __enter__(self) -> Self:
        file = self._store.with_name("demo.tokens")
        for path in (file, self._header):
            path.unlink(missing_ok=True)
        _, bearer = tokens.make(
            str(file), "demo", frozenset({Scope.READ}), _ENVIRONMENT, _TOKEN_DAYS, now()
        )
        self._header.touch(mode=0o600)
        self._header.write_text(f"Authorization: Bearer {bearer}\n")
        # The user's own settings are for another store.
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LIGHTKEEPER_", "DD_"))
        }
        env["DD_ENV"] = _ENVIRONMENT
        env["LIGHTKEEPER_DATABASE_URL"] = f"sqlite:///{self._store}"
        env["LIGHTKEEPER_API_TOKENS_FILE"] = str(file)
        self._complaints = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(  # noqa: S603  # a command line of our own
            [sys.executable, "-m", "lightkeeper", "web", "--listen", f"127.0.0.1:{self._port}"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._complaints.close()

    def url(self) -> str:
        """Where it listens, as soon as it does; raises `ApiUnavailable` where it cannot."""
        if not self._url:
            assert self._process.stdout is not None  # noqa: S101  # it is a pipe
            self._url = self._process.stdout.readline().rpartition(" ")[2].strip()
        if not self._url:
            self._process.wait()
            self._complaints.seek(0)
            raise ApiUnavailable(self._complaints.read().strip() or "the API ended at once")
        return self._url

    def document(self, request_id: int) -> dict[str, Any]:
        """What it answers about this document; raises `ApiUnavailable` for any other answer."""
        place = urlsplit(self.url())
        connection = http.client.HTTPConnection(place.netloc, timeout=_SECONDS)
        name, _, value = self._header.read_text().strip().partition(": ")
        try:
            connection.request("GET", path_of(request_id), headers={name: value})
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as exc:
            raise ApiUnavailable(f"the API gave no answer: {exc}") from exc
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ApiUnavailable(f"the API answered {answer.status}: {said.get('detail')}")
        return dict(said)


def path_of(request_id: int) -> str:
    """Where the API answers about one document."""
    return f"/v1/benefits-documents/{request_id}"


def curl(store: Path, url: str, request_id: int) -> str:
    """The line that asks the API about this document, as it can be typed in a shell."""
    header = in_shell(str(store.with_name("demo.header")))
    return f"curl -sH @{header} {url}{path_of(request_id)}"

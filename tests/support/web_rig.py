"""The API in this process, on a Unix socket, with a clock that only the test moves on."""

import http.client
import json
import socket
import threading
from contextlib import closing
from typing import Any, NamedTuple

import command_line
import patience

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import Scope
from lightkeeper.config.known_tokens import Tokens
from lightkeeper.config.web_address import WebAddress
from lightkeeper.domain.policy import USUAL
from lightkeeper.domain.time import DAY
from lightkeeper.store.database import open_database
from lightkeeper.web.access import StoreAccess
from lightkeeper.web.app import build_app
from lightkeeper.web.fresh import FreshAnswers
from lightkeeper.web.server import WebServer, listening
from lightkeeper.web.services import Services

NOW = 1_800_000_000_000
ENVIRONMENT = "tests"
EVERY_SCOPE = tuple(Scope)


class HttpAnswer(NamedTuple):
    """An answer of the API; `data` is its JSON."""

    status: int
    headers: dict[str, str]
    data: Any


class WebRig:
    """The API over a new store in `folder`, or over the one at `url`; a context manager.

    `database` is a connection of the test's own.
    """

    def __init__(self, folder, url=None, *, now=NOW):
        self.now = now
        self.url = url or f"sqlite:///{folder / 'store.db'}"
        self.socket = folder / "web.sock"
        self.tokens_file = folder / "tokens"
        self.observed = []
        self.every = self.token("every", *EVERY_SCOPE)

    def token(self, name, *scopes, environment=ENVIRONMENT, ends=None):
        """A new token with these scopes."""
        ends = self.now + DAY if ends is None else ends
        made, bearer = api_tokens.made(name, frozenset(scopes), environment, self.now, ends)
        api_tokens.add(str(self.tokens_file), made)
        return bearer

    def __enter__(self):
        self.database = open_database(self.url, create=True)
        self._stopped = self._ready = False
        self._failure = None
        self._thread = threading.Thread(target=self._serve, name="web")
        self._thread.start()
        command_line.until(lambda: self._ready or self._failure)
        return self

    def __exit__(self, *_):
        self._stopped = True
        self._thread.join()
        self.database.close()
        if self._failure is not None:
            raise self._failure

    def _serve(self):
        try:
            with closing(StoreAccess(self.url)) as store:
                store.open()
                tokens = Tokens(str(self.tokens_file), ENVIRONMENT)
                fresh = FreshAnswers(store, lambda: self.now)
                services = Services(store, fresh, tokens, USUAL, lambda: self.now)
                app = build_app(services, lambda *seen: self.observed.append(seen))
                with listening(WebAddress(self.socket)) as (listener, _):
                    WebServer(
                        app, store, is_stopped=lambda: self._stopped, ready=self._is_ready
                    ).serve_at(listener)
        except BaseException as exc:  # noqa: BLE001  # the thread of the test raises it
            self._failure = exc

    def _is_ready(self):
        self._ready = True

    def connect(self):
        """A connection to the API."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(patience.SECONDS)
        connection.connect(str(self.socket))
        return connection

    def call(self, method, path, body=None, *, token="every", headers=()):
        """The answer to one call; `token` is a bearer, or None for a call without one."""
        return call(self.connect(), method, path, body, self._headers(token, headers))

    def get(self, path, **more):
        """The answer to a GET."""
        return self.call("GET", path, **more)

    def post(self, path, body, **more):
        """The answer to a POST; a body that is no bytes is sent as JSON."""
        return self.call("POST", path, body, **more)

    def _headers(self, token, headers):
        bearer = self.every if token == "every" else token
        return dict(headers) | ({"Authorization": f"Bearer {bearer}"} if bearer else {})


def call(connection, method, path, body, headers):
    """One HTTP exchange over a connected socket, which is closed."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    http_client = http.client.HTTPConnection("lightkeeper")
    http_client.sock = connection
    with closing(http_client):
        http_client.request(method, path, body, headers)
        response = http_client.getresponse()
        text = response.read()
    names = {name.lower(): value for name, value in response.getheaders()}
    return HttpAnswer(response.status, names, json.loads(text) if text else None)

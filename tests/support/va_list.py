"""VA's list of maintenance windows, served over a real socket as vets-api serves it."""

import json
from datetime import UTC, datetime

from scripted_server import ScriptedServer, answer

PATH = "/v0/maintenance_windows"


def iso(seconds):
    """A time as Rails writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class VAList:
    """Serves from `with` to its end: to anyone, and without what is over by `clock`.

    `announce`, `change` and `withdraw` do what VA's staff do. `instead`, if set, is sent in place
    of each answer: bytes, or a function as of `ScriptedServer`.
    """

    def __init__(self, clock):
        self.instead = None
        self._clock = clock
        self._windows = {}
        self._server = ScriptedServer(self._reply)

    def __enter__(self):
        self._server.__enter__()
        return self

    def __exit__(self, *reason):
        self._server.__exit__(*reason)

    @property
    def url(self):
        return self._server.url

    @property
    def requests(self):
        """The lines of all requests so far."""
        return [request.line for request in self._server.requests]

    @property
    def headers(self):
        """The headers of the last request."""
        return self._server.requests[-1].headers

    def announce(self, service, starts_in, lasts, description=""):
        """Put a window on the list, by hours from now; its id."""
        window_id = str(139 + len(self._windows))
        self._windows[window_id] = {"external_service": service, "description": description}
        self.change(window_id, starts_in, lasts)
        return window_id

    def change(self, window_id, starts_in, lasts):
        """Move a window, by hours from now."""
        start = self._clock() + 3_600 * starts_in
        times = {"start_time": iso(start), "end_time": iso(start + 3_600 * lasts)}
        self._windows[window_id].update(times)

    def withdraw(self, window_id):
        """Take a window off the list."""
        self._windows[window_id]["end_time"] = iso(0)

    def body(self):
        """The list as it is now."""
        data = [
            {"id": window_id, "type": "maintenance_windows", "attributes": attributes}
            for window_id, attributes in self._windows.items()
            if attributes["end_time"] > iso(self._clock())
        ]
        return json.dumps({"data": data}).encode()

    def _reply(self, sock, request):
        if callable(self.instead):
            return self.instead(sock, request)
        if self.instead is not None:
            return sock.sendall(self.instead)
        if request.line != f"GET {PATH} HTTP/1.1":
            return sock.sendall(answer(b'{"errors":[{"title":"Not found"}]}', status=404))
        kind = "Content-Type: application/json; charset=utf-8"
        return sock.sendall(answer(self.body(), kind))

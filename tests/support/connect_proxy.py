"""A forward proxy: opens tunnels at CONNECT, and notes all that it sees."""

import contextlib
import select
import socket

from listener import Listener


class ConnectProxy(Listener):
    """Serves from `with` to its end.

    `requests` are the heads of all requests as they came; `carried` is every byte that clients
    sent through tunnels. `refusal`, if set, is what it answers instead of opening a tunnel, and
    `before` what it sends before the answer that opens one. With `port` all tunnels lead to that
    port of this machine, whatever the host that a client asks for.
    """

    def __init__(self, refusal=b"", before=b"", port=None):
        super().__init__()
        self.leads_to = port
        self.refusal = refusal
        self.before = before
        self.requests = []
        self.carried = bytearray()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _serve(self, client):
        with contextlib.suppress(OSError, ValueError), client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (piece := client.recv(1)):
                    return
                head += piece
            self.requests.append(head.decode("latin-1"))
            method, target, _ = head.split(b" ", 2)
            if self.refusal or method != b"CONNECT":
                client.sendall(self.refusal or b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = target.decode().rpartition(":")
            place = ("127.0.0.1", self.leads_to) if self.leads_to else (host, int(port))
            with socket.create_connection(place) as server:
                self._open.append(server)
                client.sendall(self.before + b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._carry(client, server)

    def _carry(self, client, server):
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65_536)
                if not data:
                    return
                if source is client:
                    self.carried += data
                (server if source is client else client).sendall(data)

"""A proxy before PostgreSQL that loses answers, falls silent, or leads to another server."""

import select
import socket
import socketserver
import tempfile
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMIT = b"COMMIT"


class PostgresProxy:
    """Stands before the server of a `postgres_url`; `url` leads through it, by a Unix socket."""

    def __init__(self, url):
        self._place = tempfile.TemporaryDirectory(prefix="pp-")
        self.url = url.replace(parse_qs(urlsplit(url).query)["host"][0], self._place.name)
        self.lead_to(url)
        self.lose_answers = 0
        """So many commits reach the server from now on, and their answers are lost."""
        self.lose_commits = 0
        """So many commits are lost from now on before they reach the server."""
        self.is_silent = False
        """Nothing passes from now on, and no connection is closed."""
        self.connection_count = 0
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.connection_count += 1
                with socket.socket(socket.AF_UNIX) as server:
                    server.connect(proxy._target)
                    proxy._pass(self.request, server)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 50

        self._server = Server(f"{self._place.name}/.s.PGSQL.5432", Handler)

    def __enter__(self):
        Path(self._place.name).chmod(0o755)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *reason):
        self._server.shutdown()
        self._server.server_close()
        self._place.cleanup()

    def lead_to(self, url):
        """Lead new connections to the server of this URL."""
        self._target = f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"

    def _pass(self, client, server):
        while True:
            ready, _, _ = select.select([client, server], [], [], 0.05)
            if self.is_silent:
                continue
            for each in ready:
                try:
                    data = each.recv(65_536)
                except OSError:
                    return
                if not data:
                    return
                if each is server:
                    client.sendall(data)
                elif COMMIT not in data:
                    server.sendall(data)
                elif self.lose_commits:
                    self.lose_commits -= 1
                    return
                else:
                    server.sendall(data)
                    if self.lose_answers:
                        self.lose_answers -= 1
                        return

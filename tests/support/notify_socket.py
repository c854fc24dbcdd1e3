"""The service manager's end of sd_notify."""

import socket
import time

import patience


class Notified:
    """A socket that notes what a service says of itself; `with` opens and closes it."""

    def __init__(self, path):
        self.path = path
        self.said = []

    def __enter__(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        return self

    def __exit__(self, *reason):
        self._socket.close()

    def wait_for(self, line, seconds=patience.SECONDS):
        """Read on until this, or what it matches, is said; fail where it is not in time."""
        give_up_at = time.monotonic() + seconds
        while True:
            found = self._read(max(0.001, give_up_at - time.monotonic()))
            if line in found if isinstance(line, str) else any(map(line.search, found)):
                return

    def heard(self):
        """All lines that have arrived meanwhile."""
        found = []
        while True:
            try:
                found += self._read(0.001)
            except TimeoutError:
                return found

    def _read(self, seconds):
        self._socket.settimeout(seconds)
        lines = self._socket.recv(65_536).decode().splitlines()
        self.said += lines
        return lines

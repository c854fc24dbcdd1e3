"""The service manager's end of sd_notify."""

import socket
import time


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

    def wait_for(self, line, seconds=20.0):
        """Read on until this has been said; fail where it is not within so many seconds."""
        give_up_at = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.001, give_up_at - time.monotonic()))
            lines = self._socket.recv(65_536).decode().splitlines()
            self.said += lines
            if line in lines:
                return

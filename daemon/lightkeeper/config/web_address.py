"""Where `lightkeeper web` listens: a Unix socket, or a port on loopback."""

import ipaddress
from pathlib import Path
from typing import Final, NamedTuple

RULE: Final = "must be unix:/run/lightkeeper-web/web.sock or a port on loopback: 127.0.0.1:8526"
_MAX_PATH_BYTES: Final = 107
"""Linux cuts off what is longer."""


class WebAddress(NamedTuple):
    """A Unix socket's path, or host and port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def checked(text: str) -> str:
    """`text`, which names an address; raises ValueError with the rule."""
    parse(text)
    return text


def parse(text: str) -> WebAddress:
    """The address that `text` names; raises ValueError with the rule.

    Nothing but loopback: there is no TLS, and a proxy on the same host has to be before it.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = f"/{path.lstrip('/')}" if path.startswith("//") else path
        if not path.strip("/") or "\0" in path or len(path.encode()) > _MAX_PATH_BYTES:
            raise ValueError(f"{RULE} (a path has at most {_MAX_PATH_BYTES} bytes)")
        return WebAddress(Path(path))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError(RULE)
    if host == "localhost":
        return WebAddress(None, "127.0.0.1", int(port))
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"{RULE}: to listen elsewhere, put a TLS proxy before it on this host")
    return WebAddress(None, host, int(port))

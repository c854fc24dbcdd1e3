"""Settings of the network around this host: root certificates, a proxy, where the Agent is."""

import re
import ssl
import stat
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LARGEST_FILE: Final = 8 * 1024 * 1024
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----"
)


def certificates(path: str) -> str:
    """The certificates in a PEM file, without what stands between them.

    Raises ValueError where the file cannot be read, or has no certificate that can be used.
    """
    if not path.isprintable():
        raise ValueError("must be the name of a file, not the certificates themselves")
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FILE:
            raise ValueError("must be a file of certificates (PEM)")
        text = Path(path).read_text(encoding="latin-1")
    except OSError as exc:
        raise ValueError(f"cannot read {path}: {exc.strerror}") from exc
    pem = "\n".join(_CERTIFICATE.findall(text))
    if not pem or "PRIVATE KEY-----" in text:
        raise ValueError(f"{path} must hold certificates in PEM format, and nothing else")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except ssl.SSLError as exc:
        raise ValueError(f"{path} holds a certificate that cannot be read") from exc
    return pem


def split(url: str) -> SplitResult:
    """The parts of a URL; raises ValueError where it is none, without a word of it."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises where it is no port
    except ValueError:
        # The error's own message may quote a password.
        raise ValueError("is not a URL: check scheme, host and port") from None
    return parts


def plain_url(url: str, because: str) -> str:
    """The URL of a server, without login and query; plain HTTP to this host alone.

    Raises ValueError, which says `because` of what it has to be HTTPS.
    """
    parts = split(url)
    more = parts.username is not None or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or more:
        raise ValueError("must be a URL such as https://sandbox-api.va.gov")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"must be https, because {because}")
    return url.rstrip("/")


def proxy(url: str) -> str:
    """The URL of a forward proxy, checked; no error quotes it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port = None
    if (
        not port
        or parts.scheme != "http"
        or not parts.hostname
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise ValueError(
            "must be http://host:port, or http://user:password@host:port with every special "
            "character of the password percent-encoded"
        )
    return url.rstrip("/")


def address(url: str) -> str:
    """The host and port of a URL that `proxy` returned, to be shown."""
    return urlsplit(url).netloc.rpartition("@")[2]


def agent(url: str) -> str:
    """The URL of the Datadog Agent's socket or UDP port, checked; raises ValueError."""
    parts = split(url)
    if parts.scheme == "udp" and parts.hostname:
        return url
    if parts.scheme in {"unix", "unixgram"} and parts.path:
        return url
    raise ValueError("must be unix:///var/run/datadog/dsd.socket or udp://localhost:8125")


def host(text: str) -> str:
    """A host's name or address, checked; raises ValueError where a port is behind it."""
    try:
        if ":" in text:
            IPv6Address(text)
    except ValueError:
        raise ValueError("must be a host alone: set its port by DD_DOGSTATSD_PORT") from None
    return text

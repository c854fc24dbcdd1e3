"""Why no answer could be read, in words that neither the server nor a proxy chose."""

import re
import ssl
from typing import Final

import requests

from lightkeeper.domain.errors import LightkeeperError

_UNKNOWN_ROOT: Final = (
    ": if your network re-signs TLS, its root certificate must be in the file that "
    "LIGHTKEEPER_LIGHTHOUSE_CA_FILE names"
)
_NOT_NOW: Final = ": see that this host's clock is right (NTP)"
_ADVICE: Final = {
    **dict.fromkeys((2, 18, 19, 20, 21), _UNKNOWN_ROOT),
    **dict.fromkeys((9, 10), _NOT_NOW),
}
"""By OpenSSL's reason why a certificate is not trusted, or not valid yet or any more."""
_NO_LOGIN: Final = ": set its user and password in LIGHTKEEPER_LIGHTHOUSE_PROXY"
_TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")


class TransportError(LightkeeperError):
    """No answer could be read."""


class CallTimeout(TransportError):
    """The answer was not complete within the call's deadline."""


class ConnectionBroken(TransportError):
    """The connection could not be made, or broke before the answer was complete."""


class CertificateRefused(ConnectionBroken):
    """The server's certificate cannot be verified."""


class BodyTooLarge(TransportError):
    """The answer is larger than any that is meant."""


def broken(exc: BaseException, *, proxied: bool) -> ConnectionBroken:
    """What broke the connection: the server's fault, or where `proxied` the proxy's."""
    reason = _innermost(exc)
    if isinstance(reason, ssl.SSLCertVerificationError):
        advice = _ADVICE.get(reason.verify_code, "")
        return CertificateRefused(f"SSLCertVerificationError: {reason.verify_message}{advice}")
    where = "through the proxy: " if proxied else ""
    if isinstance(exc, requests.exceptions.ProxyError):
        where = "the proxy: "
    # An exception of requests is an OSError too, and quotes the URL or a header.
    if not isinstance(reason, OSError) or isinstance(reason, requests.RequestException):
        return ConnectionBroken(f"{where}{type(exc).__name__}")
    if refused := _TUNNEL_REFUSED.match(str(reason)):
        advice = _NO_LOGIN if refused[1] == "407" else ""
        return ConnectionBroken(f"{where}it answers CONNECT with {refused[1]}{advice}")
    return ConnectionBroken(f"{where}{type(reason).__name__}: {reason}")


def _innermost(exc: BaseException) -> BaseException:
    """The first cause; urllib3 gives some of them as an argument alone."""
    inner = exc.__cause__ or exc.__context__ or next(iter(exc.args), None)
    return _innermost(inner) if isinstance(inner, BaseException) else exc

"""The OAuth access token: fetched with a signed assertion, cached, renewed before it ends."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.upstream import firewall, limit_headers
from lightkeeper.upstream.echo import Echo
from lightkeeper.upstream.http import Response, Transport

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 300
SCOPE: Final = "documents.read"
RENEW_BEFORE_SECONDS: Final = 60.0
DEFAULT_LIFETIME_SECONDS: Final = 300.0
CLOCK_TOLERANCE_SECONDS: Final = 60.0
_ERRORS: Final = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "invalid_token"),
        *("unauthorized_client", "unsupported_grant_type", "insufficient_scope", "access_denied"),
        *("server_error", "temporarily_unavailable", "invalid_target", "slow_down"),
    }
)
"""The words of OAuth's standards: any other may be a name or a secret."""


class TokenRefused(LightkeeperError):
    """The OAuth token endpoint gave no token."""

    def __init__(self, response: Response, reason: str, clock: str = "") -> None:
        self.response = response
        self.clock = clock
        """How wrong this host's clock is, if it is."""
        reason = f"{reason}: {clock}" if clock else reason
        super().__init__(f"the OAuth token endpoint answered {response.status}: {reason}")


class TokenSource:
    """Gives the bearer token, and fetches a new one only when it must (VA: system API, RS256)."""

    def __init__(
        self,
        transport: Transport,
        *,
        token_url: str,
        audience: str,
        client_id: str,
        private_key: str,
        wall_clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._token_url = token_url
        self._audience = audience
        self._client_id = client_id
        # Parsed once, and not validated again, as the settings were: that takes as long as polling
        # a thousand documents.
        key = load_pem_private_key(
            private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("the private key has to be an RSA key")
        self._private_key = key
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._token: str | None = None
        self._echoes: deque[Echo] = deque(maxlen=2)  # an answer may quote the one before, too
        self._renew_at = 0.0

    def token(self) -> str:
        """The current token; raises `TokenRefused`, `Blocked` or a `TransportError`."""
        if self._token is None or self._monotonic() >= self._renew_at:
            self._token, lifetime = self.fetch()
            self._echoes.append(Echo(self._token))
            # Half of a short lifetime: a token of 30 s is not fetched at every call.
            self._renew_at = self._monotonic() + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
        return self._token

    def redacted(self, body: bytes) -> bytes:
        """`body` without the tokens that were used last, however it quotes them."""
        for echo in self._echoes:
            body = echo.redacted(body)
        return body

    def drop(self) -> None:
        """Forget the token: Lighthouse refused it."""
        self._token = None

    def fetch(self) -> tuple[str, float]:
        """Fetch a new token; it, and its lifetime in seconds. Raises as `token` does."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
            "scope": SCOPE,
        }
        response = self._transport.send(
            "POST", self._token_url, headers={"Accept": "application/json"}, body=form
        )
        try:
            body = orjson.loads(response.body)
        except orjson.JSONDecodeError:
            body = None
        token = body.get("access_token") if isinstance(body, dict) else None
        if response.status != 200 or not isinstance(token, str) or not _is_header_safe(token):
            raise self._refusal(response, body)
        lifetime = body.get("expires_in")
        if not isinstance(lifetime, int | float) or lifetime <= 0:
            return token, DEFAULT_LIFETIME_SECONDS
        return token, float(lifetime)

    def clock_problem(self, headers: Mapping[str, str]) -> str:
        """By how much this host's clock differs from a server's `Date`; empty up to a minute."""
        server = limit_headers.date(headers)
        ahead = 0.0 if server is None else self._wall_clock() - server
        if abs(ahead) <= CLOCK_TOLERANCE_SECONDS:
            return ""
        side = "ahead of" if ahead > 0 else "behind"
        return f"this host's clock is {abs(ahead):.0f} s {side} the server's: set it (NTP)"

    def _refusal(self, response: Response, body: object) -> LightkeeperError:
        if blocked := firewall.named(response, "the OAuth token endpoint's"):
            return firewall.Blocked(blocked)
        refused = response.status in {400, 401, 403}
        clock = self.clock_problem(response.headers) if refused else ""
        reason = _oauth_error(body) if isinstance(body, dict) else "no JSON object"
        return TokenRefused(response, reason, clock)

    def _assertion(self) -> str:
        now = int(self._wall_clock())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        return jwt.encode(claims, self._private_key, algorithm="RS256")


def _is_header_safe(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _oauth_error(body: dict[str, object]) -> str:
    """OAuth's `error` word alone: anything longer may quote what was sent."""
    error = body.get("error")
    return error if isinstance(error, str) and error in _ERRORS else "no access token"

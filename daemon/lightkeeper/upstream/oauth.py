"""The OAuth access token: fetched with a signed assertion, cached, renewed before it ends."""

import re
import time
from collections.abc import Callable
from typing import Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.upstream.http import Response, Transport

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 300
SCOPE: Final = "documents.read"
RENEW_BEFORE_SECONDS: Final = 60.0
DEFAULT_LIFETIME_SECONDS: Final = 300.0
_WORD = re.compile("[a-z_]{1,40}")


class TokenRefused(LightkeeperError):
    """The OAuth token endpoint gave no token."""

    def __init__(self, response: Response, reason: str) -> None:
        self.response = response
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
        # Parsed once: that takes as long as polling a thousand documents.
        key = load_pem_private_key(private_key.encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("the private key has to be an RSA key")
        self._private_key = key
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._token: str | None = None
        self._renew_at = 0.0

    def token(self) -> str:
        """The current token; raises `TokenRefused` or a `TransportError`."""
        if self._token is None or self._monotonic() >= self._renew_at:
            self._token, lifetime = self.fetch()
            # Half of a short lifetime: a token of 30 s is not fetched at every call.
            self._renew_at = self._monotonic() + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
        return self._token

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
        if not isinstance(body, dict):
            raise TokenRefused(response, "no JSON object")
        token = body.get("access_token")
        if response.status != 200 or not isinstance(token, str) or not _is_header_safe(token):
            raise TokenRefused(response, _oauth_error(body))
        lifetime = body.get("expires_in")
        if not isinstance(lifetime, int | float) or lifetime <= 0:
            return token, DEFAULT_LIFETIME_SECONDS
        return token, float(lifetime)

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
    return error if isinstance(error, str) and _WORD.fullmatch(error) else "no access token"

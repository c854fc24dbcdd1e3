"""The token endpoint: OAuth2 client credentials with a signed assertion, really verified."""

import functools
import secrets
import threading
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lightkeeper.simulation.lighthouse.wire import Reply, Request

AUDIENCE: Final = "https://authorization.sandbox.invalid/oauth2/benefits-documents/v1/token"
CLIENT_ID: Final = "lightkeeper-sandbox"
SCOPES: Final = frozenset({"documents.read", "documents.write"})

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_ASSERTION_SECONDS = 300
_CLOCK_SKEW_SECONDS = 5
_making = threading.Lock()
_CLAIMS = ["iss", "sub", "aud", "iat", "exp"]


class _RefusedGrant(Exception):
    """No token for this request; `error` is one of OAuth's own words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


class TokenIssuer:
    """Issues tokens against good assertions, and recognises them."""

    def __init__(self, lifetime: float, clock: Callable[[], float]) -> None:
        self.rejecting = False
        self._lifetime = lifetime
        self._clock = clock
        self._granted: dict[str, tuple[float, Collection[str]]] = {}

    def answer(self, request: Request) -> Reply:
        """Answer one call of the token endpoint."""
        try:
            scopes = self._verify(request)
        except _RefusedGrant as refused:
            body = {"error": refused.error, "error_description": str(refused)}
            return _reply(refused.status, body)
        token = secrets.token_urlsafe(32)
        self._granted[token] = (self._clock() + self._lifetime, scopes)
        return _reply(
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "scope": " ".join(scopes),
                "expires_in": int(self._lifetime),
                "state": None,
            },
        )

    def scopes(self, authorization: str) -> Collection[str] | None:
        """The scopes of an `Authorization` header; None when its token is unknown or expired."""
        scheme, _, token = authorization.partition(" ")
        expires_at, scopes = self._granted.get(token, (0.0, ()))
        is_good = scheme.lower() == "bearer" and self._clock() < expires_at
        return scopes if is_good and not self.rejecting else None

    def expire(self) -> None:
        """Forget every token given out."""
        self._granted.clear()

    def _verify(self, request: Request) -> list[str]:
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise _RefusedGrant("invalid_request", "the body has to be a form")
        form = dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            raise _RefusedGrant(
                "unsupported_grant_type", "grant_type has to be client_credentials"
            )
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise _RefusedGrant(
                "invalid_request", f"client_assertion_type has to be {_ASSERTION_TYPE}"
            )
        self._verify_assertion(form.get("client_assertion", ""))
        scopes = form.get("scope", "").split()
        if not scopes or not SCOPES.issuperset(scopes):
            raise _RefusedGrant("invalid_scope", f"scope may have {', '.join(sorted(SCOPES))}")
        return scopes

    def _verify_assertion(self, assertion: str) -> None:
        try:
            claims = jwt.decode(
                assertion,
                _key().public_key(),
                algorithms=["RS256"],
                audience=AUDIENCE,
                # The times are judged below, by the clock of this Lighthouse.
                options={
                    "require": _CLAIMS,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError as exc:
            raise _RefusedGrant("invalid_client", f"client_assertion: {exc}", 401) from exc
        if fault := _fault(claims, self._clock()):
            raise _RefusedGrant("invalid_client", f"client_assertion: {fault}", 401)


def private_key_pem() -> str:
    """The client's private key: a new one each time the program runs."""
    return (
        _key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _key() -> rsa.RSAPrivateKey:
    # The cache alone would let two threads make a key each.
    with _making:
        return _made()


@functools.cache
def _made() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _fault(claims: dict[str, Any], now: float) -> str | None:
    issued_at, expires_at = claims["iat"], claims["exp"]
    if claims["iss"] != CLIENT_ID or claims["sub"] != CLIENT_ID:
        return "iss and sub have to be the client's id"
    if not isinstance(issued_at, int | float) or not isinstance(expires_at, int | float):
        return "iat and exp have to be numbers"
    if issued_at > now + _CLOCK_SKEW_SECONDS:
        return "it was issued in the future"
    if expires_at <= now:
        return "it is expired"
    if expires_at - issued_at > _LONGEST_ASSERTION_SECONDS:
        return f"it is good for longer than {_LONGEST_ASSERTION_SECONDS} seconds"
    return None


def _reply(status: int, body: Mapping[str, object]) -> Reply:
    return Reply(
        status,
        orjson.dumps(body),
        {"Cache-Control": "no-cache, no-store"},
        "application/json; charset=utf-8",
    )

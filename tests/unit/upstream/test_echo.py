"""A token that an answer quotes is taken out of it, however it is quoted."""

import json
import urllib.parse

import pytest

from lightkeeper.upstream.echo import Echo

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJrZWVwZXIifQ.c2lnbmF0dXJl-_c2lnbmF0"
OPAQUE = "aB/3+z~9._-=QqWwEeRrTtYy0123456789/abcdefghij"


def _escaped(text):
    return "".join(f"\\u{ord(char):04X}" for char in text)


WAYS = {
    "as it is": str,
    "in JSON": lambda token: json.dumps(f"Bearer {token} is expired"),
    "with slashes escaped": lambda token: token.replace("/", "\\/"),
    "escaped wholly": _escaped,
    "escaped in part": lambda token: _escaped(token[:5]) + token[5:],
    "percent-encoded": lambda token: urllib.parse.quote(token, safe=""),
    "percent-encoded in lower case": lambda token: urllib.parse.quote(token, safe="").replace(
        "%2F", "%2f"
    ),
    "cut off": lambda token: f"{token[:20]}... is no token",
    "twice": lambda token: f"{token},{token}",
}


@pytest.mark.parametrize("token", [JWT, OPAQUE])
@pytest.mark.parametrize("way", WAYS)
def test_a_quoted_token_is_taken_out(token, way):
    """Nothing of it is left, and the rest of the body stays."""
    quoted = WAYS[way](token)
    body = b'{"detail":"no ' + quoted.encode() + b' here"}'

    said = Echo(token).redacted(body)

    assert said.startswith(b'{"detail":"no ')
    assert said.endswith(b' here"}')
    assert b"[redacted]" in said
    plain = urllib.parse.unquote(said.decode()).encode().decode("unicode_escape")
    for at in range(len(token) - 8):
        assert token[at : at + 8] not in plain


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"statuses":[{"requestId":600000001,"status":"SUCCESS"}]}}',
        '{"detail":"Gr\\u00f6\\u00dfe 100% \\/ größer"}'.encode(),
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_what_quotes_no_token_stays_byte_for_byte(body):
    """Escapes of other text, and what is no text, are left alone."""
    assert body == Echo(OPAQUE).redacted(body)


def test_a_short_token_takes_nothing_along():
    """Words that begin like it stay whole but for it."""
    assert b"[redacted] [redacted]def" == Echo("abc").redacted(b"abc abcdef")

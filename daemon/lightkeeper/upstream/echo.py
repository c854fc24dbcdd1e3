"""Finds a token that an answer quotes, and takes it out. Pure."""

import re
from typing import Final

REDACTED: Final = b"[redacted]"
_BEGINNING: Final = 16
"""Characters by which a token is known: an answer may quote only so much of it."""


class Echo:
    """A token, to be found in answers: as it is, cut off, or escaped as JSON or a URL does."""

    def __init__(self, token: str) -> None:
        beginning = token[:_BEGINNING]
        self._plain = beginning.encode()
        rest = rb"(?:[\w.~+/=-]|\\/|\\u00[0-9a-fA-F]{2}|%[0-9a-fA-F]{2})*"
        if len(token) <= _BEGINNING:
            rest = b""
        self._pattern = re.compile(b"".join(map(_character, beginning)) + rest)

    def redacted(self, body: bytes) -> bytes:
        """`body` with each such quotation replaced by `[redacted]`."""
        # Most answers quote nothing and escape nothing: they are not searched a second time.
        escapes = b"%" in body or (b"\\" in body and (b"\\u00" in body or b"\\/" in body))
        if self._plain not in body and not escapes:
            return body
        return self._pattern.sub(REDACTED, body)


def _character(character: str) -> bytes:
    code = f"{ord(character):02x}"
    digits = "".join(f"[{digit}{digit.upper()}]" for digit in code).encode()
    either = [re.escape(character.encode()), rb"\\u00" + digits, b"%" + digits]
    if character == "/":
        either.append(rb"\\/")
    return b"(?:%b)" % b"|".join(either)

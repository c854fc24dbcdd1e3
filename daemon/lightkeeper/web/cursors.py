"""The cursor of a list: where the last page ended, as a word that callers give back as it is."""

import base64
from typing import Final

_KIND: Final = b"d"
PATTERN: Final = r"^Z[A-H][A-Za-z0-9_-]{10}$"
"""What every cursor matches, and nothing else: the kind, and eight bytes of a number."""


def written(after_id: int) -> str:
    """The cursor after the document with this id of the store."""
    return base64.urlsafe_b64encode(_KIND + after_id.to_bytes(8, "big")).decode()


def read(cursor: str) -> int:
    """The id that a cursor stands for; it matches `PATTERN`."""
    return int.from_bytes(base64.urlsafe_b64decode(cursor)[1:], "big")

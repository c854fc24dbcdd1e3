"""The cursor of a list: where the last page ended, as a word that callers give back as it is."""

import base64
import re
from typing import Final

_KIND: Final = b"d"
PATTERN: Final = r"^(Z[A-H][A-Za-z0-9_-]{10})?$"
"""What every cursor matches, as an empty text does: the kind, and the bytes of a number."""


def written(after_id: int) -> str:
    """The cursor after the document with this id of the store."""
    return base64.urlsafe_b64encode(_KIND + after_id.to_bytes(8, "big")).decode()


def checked(cursor: object) -> object:
    """The same again; raises ValueError for what is no cursor, nor empty."""
    if not isinstance(cursor, str) or not re.fullmatch(PATTERN, cursor):
        raise ValueError(
            "this is not a cursor of this list: give the one of the last page as it was, or none "
            "to begin with the first document"
        )
    return cursor


def read(cursor: str) -> int:
    """The id that a cursor stands for; it matches `PATTERN`, and is not empty."""
    return int.from_bytes(base64.urlsafe_b64decode(cursor)[1:], "big")

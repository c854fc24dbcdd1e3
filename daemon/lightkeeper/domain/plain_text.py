"""Text that others wrote, without what would steer a terminal. Pure."""

import re
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, C1 included
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # what turns the direction of text
    "\ud800-\udfff]"  # halves of characters, which cannot be encoded
    "|\r(?!\n)"
)


def harmless(text: str) -> str:
    """`text` with control, C1 and bidi characters replaced; tabs and line ends stay."""
    return _STEERING.sub(REPLACEMENT, text)

"""The one place that knows how `Document.steps` tells the status of each step. Pure."""

from collections.abc import Mapping

import orjson


def encode(steps: Mapping[str, str]) -> str:
    """`steps`, status by name, as a JSON object."""
    return orjson.dumps(steps).decode()


def decode(text: str) -> dict[str, str]:
    """What `encode` made `text` of."""
    steps: dict[str, str] = orjson.loads(text)
    return steps

"""What a signal is: kinds, the words its tags may carry, who sends it and when."""

from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Final

DOCUMENT_TYPES: Final = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
STEPS: Final = (
    "none",
    "claims_evidence",
    "benefits_gateway_service",
    "remove_file_binary",
    "complete",
    "unknown",
)
ENDINGS: Final = ("done", "failed", "recovered")
STEP_OUTCOMES: Final = ("in_progress", "success", "failed")
CALL_OUTCOMES: Final = (
    "ok",
    "not_found",
    "too_large",
    "rate_limited",
    "unauthorized",
    "token_unavailable",
    "rejected",
    "server_error",
    "malformed",
    "timeout",
    "connection",
    "unexpected",
)
OPEN_WORDS: Final = 8
"""How many words Lighthouse never used before are carried under their own name, then `other`."""
OPEN_TAGS: Final = frozenset({"step", "word"})
CONSTANT_TAGS: Final = ("env", "service", "version")
"""Keys that the daemon puts on every signal which does not carry them itself."""


class Kind(StrEnum):
    """How Datadog treats a signal."""

    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"
    EVENT = "event"
    SERVICE_CHECK = "service check"


class Sender(StrEnum):
    """Which module sends a signal, and when."""

    NEWS = "report, once per change, from the outbox"
    LEVELS = "report, every 30 s, from the store"
    SLICE = "health, after each polling slice"
    PULSE = "health, every 30 s"
    LOSSES = "emit, once the Agent takes signals again"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is sent: its name, kind, unit, tag keys with their values, and meaning."""

    name: str
    kind: Kind
    sender: Sender
    unit: str
    tags: dict[str, tuple[str, ...]]
    meaning: str

    @property
    def most_series(self) -> int:
        """How many different sets of tags it can come with, unknown words included."""
        return prod(
            len(values) + (OPEN_WORDS + 1 if tag in OPEN_TAGS else 0)
            for tag, values in self.tags.items()
        )

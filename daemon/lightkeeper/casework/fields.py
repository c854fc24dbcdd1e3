"""The names that fields may have: ours, and those of the columns in vets-api's own table."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from lightkeeper.casework.values import WrongDocument

REQUIRED: Final = ("lighthouse_request_id", "form_526_submission_id", "document_type")
FIELDS: Final = (*REQUIRED, "form_attachment_id", "tracked_at")
HANDED_OVER_AS: Final = "lighthouse_document_request_id"
"""vets-api's name for the request id, empty as long as the document is not handed over."""
_SAME: Final = {
    HANDED_OVER_AS: "lighthouse_request_id",
    "form526_submission_id": "form_526_submission_id",
    "created_at": "tracked_at",
}
KNOWN: Final = frozenset(FIELDS) | _SAME.keys()
_NOT_READ: Final = frozenset(
    {
        "id",
        "aasm_state",
        "lighthouse_processing_started_at",
        "lighthouse_processing_ended_at",
        "error_message",
        "last_status_response",
        "status_last_polled_at",
        "updated_at",
    }
)
"""Columns of vets-api's table that say nothing of who the document is."""
_ALL: Final = ", ".join(FIELDS)
_PRINTABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}")
"""A name that is no word may be a value, and a value may be personal."""


class UnknownField(WrongDocument):
    """A field has a name that is not known; the message repeats it, unless it may be a value."""

    def __init__(self, name: str, at: int) -> None:
        near = nearest(name)
        remedy = f"did you mean `{near}`?" if near else f"remove it; the fields are {_ALL}"
        shown = f" {name}" if _PRINTABLE.fullmatch(name) else ""
        super().__init__(f"unknown field{shown}: {remedy}")
        self.unnamed = f"unknown field at place {at} (counted from 0): {remedy}"
        """The same for a caller: nothing that it sent is repeated, whatever it looks like."""


def our_names(names: Iterable[str]) -> list[str | None]:
    """Our name for each of these; None where the field is not read.

    Raises `UnknownField` for an unknown name, with the one that may be meant, and
    `WrongDocument` where two fields have the same meaning.
    """
    ours: list[str | None] = []
    seen: dict[str, str] = {}
    for at, name in enumerate(names):
        if name in _NOT_READ or name == "":
            ours.append(None)
            continue
        our = _SAME.get(name, name)
        if our not in FIELDS:
            raise UnknownField(name, at)
        if our in seen:
            raise WrongDocument(
                f"it names a column twice ({name}): rename one"
                if seen[our] == name
                else f"{seen[our]} and {name} are two names of one field: keep one"
            )
        seen[our] = name
        ours.append(our)
    return ours


def nearest(name: str) -> str | None:
    """The field that a misspelt name may mean: `Tracked At`, `requestId`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+", "_", name[:60].strip()).lower()
    close = get_close_matches(snake, FIELDS, n=1) or get_close_matches(snake, _SAME, n=1)
    return close[0] if close else None

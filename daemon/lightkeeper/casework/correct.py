"""Corrects what was tracked with a document: its submission, its attachment, its type."""

from typing import NamedTuple

from lightkeeper.casework.intake import new_document
from lightkeeper.casework.triage import check_note
from lightkeeper.domain.change import RemarkKind
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.time import Instant
from lightkeeper.store.triage import Note, TriageStore


class Correction(NamedTuple):
    """What is right instead; None leaves a field as it is."""

    submission_id: str | None = None
    attachment_id: str | None = None
    """Empty removes it."""
    document_type: str | None = None


def correct(
    store: TriageStore, request_id: int, to: Correction, by: str, reason: str, now: Instant
) -> str:
    """Correct one tracked document, and say what it was; who and why go into its history.

    Its status stays; a failed one is polled next, because the type and the other tries of its
    attachment decide whether the veteran must act. Raises `IncompleteNote`, and `WrongDocument`
    where `track` would reject the document as it would be.
    """
    check_note(by, reason)

    def corrected(was: NewDocument) -> NewDocument:
        fields = {
            "lighthouse_request_id": was.request_id,
            "form_526_submission_id": _chosen(to.submission_id, was.submission_id),
            "form_attachment_id": _chosen(to.attachment_id, was.attachment_id),
            "document_type": _chosen(to.document_type, was.document_type),
        }
        return new_document(fields, now)._replace(tracked_at=was.tracked_at)

    def note(was: NewDocument, becomes: NewDocument) -> Note:
        why = f"{reason} ({differences(was, becomes)})"
        return Note(RemarkKind.CORRECTED, by, why, now, acknowledges=False)

    found = store.correct(request_id, corrected, note)
    if found is None:
        return "not tracked here"
    return differences(*found) or "unchanged"


def differences(was: NewDocument, becomes: NewDocument) -> str:
    """Each field that is corrected, with its value before and after; empty where none is."""
    names = {
        "submission_id": "form_526_submission_id",
        "attachment_id": "form_attachment_id",
        "document_type": "document_type",
    }
    pairs = [(name, getattr(was, key), getattr(becomes, key)) for key, name in names.items()]
    return "; ".join(
        f"{name} was {before or 'empty'}, is {after or 'empty'}"
        for name, before, after in pairs
        if before != after
    )


def _chosen(given: str | None, was: str | None) -> str | None:
    return was if given is None else given

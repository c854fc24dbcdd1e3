"""What the veteran reads about a claim's documents, in VA's plain language.

Second person, short sentences, words for an eighth-grade reader.
"""

import json
from collections.abc import Sequence
from typing import Final

from lightkeeper.casework.tries import documents_of
from lightkeeper.domain.document import (
    DONE,
    FAILED,
    PENDING,
    Condition,
    DocumentType,
    Step,
)
from lightkeeper.store.levels import UNOBSERVED_AFTER_MS
from lightkeeper.store.schema import Form526DocumentSubmission

REMEDY: Final = (
    "Mail {it} to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or bring "
    "{it} to a VA regional office. You don't need to file a new claim."
)
NOTHING_TO_DO: Final = "You don't need to do anything."
STAFF_WILL_SAY: Final = "They'll contact you if they need anything from you."
_LATE: Final = frozenset({Condition.STUCK, Condition.OVERDUE, Condition.ACKNOWLEDGED})
"""Pending for so long that VA staff look into it, or looked into already."""


def submission_wording(rows: Sequence[Form526DocumentSubmission]) -> str:
    """What a veteran could be shown about the documents of one submission.

    It is about the documents that need most: those the veteran must send again come first, then
    those that staff must look at, then those under way. Several tries of one document are one.
    """
    documents = [each.decides for each in documents_of(rows)]
    count = len(documents)
    if not documents:
        return "We don't know of any documents for this claim."
    if lost := [each for each in documents if _veteran_must_act(each)]:
        remedy = REMEDY.format(it="it" if len(lost) == 1 else "them")
        return f"VA couldn't add {_your(lost, count)} to your file. {remedy}"
    unfinished = [each for each in documents if not _is_finished(each)]
    closed = [each for each in unfinished if each.condition == Condition.CLOSED]
    unfinished = [each for each in unfinished if each.condition != Condition.CLOSED]
    elsewhere = [each for each in unfinished if each.in_efolder_at is None]
    if unclear := [each for each in elsewhere if _staff_must_look(each)]:
        return (
            f"VA staff are checking what happened to {_your(unclear, count)}. "
            "You don't need to do anything now."
        )
    if late := [each for each in elsewhere if each.condition in _LATE]:
        verb = "isn't" if len(late) == 1 else "aren't"
        return (
            f"VA staff are looking into why {_your(late, count)} {verb} in your file yet. "
            f"{STAFF_WILL_SAY}"
        )
    if closed:
        return f"VA staff took care of {_your(closed, count)}. {STAFF_WILL_SAY}"
    if apart := [each for each in unfinished if _staff_must_connect(each)]:
        return (
            f"VA staff still need to connect {_your(apart, count)} to your claim. {_safe(apart)}"
        )
    if elsewhere:
        return f"VA is adding {_your(elsewhere, count)} to your file. {NOTHING_TO_DO}"
    if unfinished:
        return f"VA is connecting {_your(unfinished, count)} to your claim. {_safe(unfinished)}"
    return f"VA has {_your(documents, count)} in your file."


def _veteran_must_act(document: Form526DocumentSubmission) -> bool:
    # BDD instructions are VA's own paper: the veteran has nothing to mail.
    return (
        document.condition == Condition.NOT_IN_EFOLDER
        and document.document_type != DocumentType.BDD_INSTRUCTIONS
    )


def _is_finished(document: Form526DocumentSubmission) -> bool:
    """Whether VA has it: what is left once BGS knows it is Lighthouse's own housekeeping."""
    if document.lighthouse_status == DONE:
        return document.in_efolder_at is not None
    steps = json.loads(document.steps or "{}")
    return bool(steps.get(Step.BENEFITS_GATEWAY_SERVICE) == "SUCCESS")


def _staff_must_look(document: Form526DocumentSubmission) -> bool:
    if document.lighthouse_status != PENDING or document.not_found_since is not None:
        return True
    # It was polled for hours, and nothing is known of it.
    since, polled_at = document.unanswered_since, document.last_polled_at
    return bool(since and polled_at and polled_at - since >= UNOBSERVED_AFTER_MS)


def _staff_must_connect(document: Form526DocumentSubmission) -> bool:
    return document.lighthouse_status == FAILED or document.condition in _LATE


def _your(some: Sequence[Form526DocumentSubmission], of: int) -> str:
    if len(some) == of:
        return "your document" if of == 1 else f"your {of} documents"
    return f"{len(some)} of your {of} documents"


def _safe(documents: Sequence[Form526DocumentSubmission]) -> str:
    they_are = "It's" if len(documents) == 1 else "They're"
    return f"{they_are} already in your file. {NOTHING_TO_DO}"

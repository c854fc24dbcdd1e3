"""What the veteran reads about a claim's documents, in VA's plain language.

Second person, short sentences, words for an eighth-grade reader.
"""

import json
from collections.abc import Sequence
from typing import Final

from lightkeeper.domain.document import DocumentType, LighthouseStatus, Step
from lightkeeper.store.schema import Form526DocumentSubmission

REMEDY: Final = (
    "Mail {it} to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or bring "
    "{it} to a VA regional office. You don't need to file a new claim."
)
NOTHING_TO_DO: Final = "You don't need to do anything."


def submission_wording(documents: Sequence[Form526DocumentSubmission]) -> str:
    """What a veteran could be shown about the documents of one submission.

    It is about the documents that need most: those the veteran must send again come first, then
    those that staff must look at, then those under way.
    """
    count = len(documents)
    if not documents:
        return "We don't know of any documents for this claim."
    if lost := [d for d in documents if _veteran_must_act(d)]:
        remedy = REMEDY.format(it="it" if len(lost) == 1 else "them")
        return f"VA couldn't add {_your(lost, count)} to your file. {remedy}"
    if unclear := [d for d in documents if _staff_must_look(d)]:
        return (
            f"VA staff are checking what happened to {_your(unclear, count)}. "
            "You don't need to do anything now."
        )
    unfinished = [d for d in documents if not _connected(d)]
    if apart := [d for d in unfinished if d.lighthouse_status == LighthouseStatus.FAILED]:
        return (
            f"VA staff still need to connect {_your(apart, count)} to your claim. {_safe(apart)}"
        )
    pending = [d for d in unfinished if d.lighthouse_status == LighthouseStatus.PENDING]
    if coming := [d for d in pending if d.in_efolder_at is None]:
        return f"VA is adding {_your(coming, count)} to your file. {NOTHING_TO_DO}"
    if pending:
        return f"VA is connecting {_your(pending, count)} to your claim. {_safe(pending)}"
    return f"VA has {_your(documents, count)} in your file."


def _veteran_must_act(document: Form526DocumentSubmission) -> bool:
    # BDD instructions are VA's own paper: the veteran has nothing to mail.
    return (
        document.lighthouse_status == LighthouseStatus.FAILED
        and document.failed_step == Step.CLAIMS_EVIDENCE
        and document.in_efolder_at is None
        and document.document_type != DocumentType.BDD_INSTRUCTIONS
    )


def _connected(document: Form526DocumentSubmission) -> bool:
    """Whether BGS knows it: what is left then is Lighthouse's own housekeeping."""
    return bool(json.loads(document.steps or "{}").get(Step.BENEFITS_GATEWAY_SERVICE) == "SUCCESS")


def _staff_must_look(document: Form526DocumentSubmission) -> bool:
    failed = document.lighthouse_status == LighthouseStatus.FAILED
    unknown = document.not_found_since is not None
    return document.in_efolder_at is None and (failed or unknown)


def _your(some: Sequence[Form526DocumentSubmission], of: int) -> str:
    if len(some) == of:
        return "your document" if of == 1 else f"your {of} documents"
    return f"{len(some)} of your {of} documents"


def _safe(documents: Sequence[Form526DocumentSubmission]) -> str:
    they_are = "It's" if len(documents) == 1 else "They're"
    return f"{they_are} already in your file. {NOTHING_TO_DO}"

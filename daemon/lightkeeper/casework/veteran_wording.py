"""Plain words for what happened to a claim's documents: true, step-aware, and short."""

import json
from collections.abc import Sequence
from typing import Final

from lightkeeper.domain.document import DocumentType, LighthouseStatus, Step
from lightkeeper.store.schema import Form526DocumentSubmission

REMEDY: Final = (
    "mail {it} to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or bring "
    "{it} to a VA regional office; do not start the claim again"
)


def submission_sentence(documents: Sequence[Form526DocumentSubmission]) -> str:
    """One sentence a veteran could be shown about the documents of one submission.

    What the veteran must act on comes first; then what VA staff must; then what is under way.
    """
    count = len(documents)
    if not documents:
        return "We know of no documents for this claim."
    if lost := [d for d in documents if _veteran_must_act(d)]:
        remedy = REMEDY.format(it="it" if len(lost) == 1 else "them")
        return f"VA could not add {_them(lost, count)} to your file: please {remedy}."
    if unclear := [d for d in documents if _staff_must_look(d)]:
        return (
            f"VA staff are looking into what became of {_them(unclear, count)}; "
            "you need not do anything now."
        )
    unfinished = [d for d in documents if not _connected(d)]
    if apart := [d for d in unfinished if d.lighthouse_status == LighthouseStatus.FAILED]:
        return f"VA staff still must connect {_them(apart, count)} to your claim; {_safe(apart)}."
    pending = [d for d in unfinished if d.lighthouse_status == LighthouseStatus.PENDING]
    if coming := [d for d in pending if d.in_efolder_at is None]:
        return f"VA is adding {_them(coming, count)} to your file; you need not do anything."
    if pending:
        return f"VA is connecting {_them(pending, count)} to your claim; {_safe(pending)}."
    return f"VA has {_them(documents, count)} in your file."


def _veteran_must_act(document: Form526DocumentSubmission) -> bool:
    # BDD instructions are none of the veteran's papers: there is nothing they could mail.
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


def _them(some: Sequence[Form526DocumentSubmission], of: int) -> str:
    if len(some) == of:
        return "your document" if of == 1 else f"your {of} documents"
    return f"{len(some)} of your {of} documents"


def _safe(documents: Sequence[Form526DocumentSubmission]) -> str:
    they_are = "it is" if len(documents) == 1 else "they are"
    return f"{they_are} in your file already, and you need not do anything"

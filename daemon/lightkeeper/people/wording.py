"""Plain words for what happened to a claim's documents: true, step-aware, and short."""

from collections.abc import Sequence
from typing import Final

from lightkeeper.model import LighthouseStatus, Step
from lightkeeper.store.schema import Form526DocumentSubmission

REMEDY: Final = (
    "Mail it to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or bring it "
    "to a VA regional office; do not start the claim again"
)


def submission_sentence(documents: Sequence[Form526DocumentSubmission]) -> str:
    """One sentence a veteran could be shown about the documents of one submission.

    What the veteran must act on comes first; then what VA staff must; then what is under way.
    """
    if not documents:
        return "We know of no documents for this claim."
    failed = [d for d in documents if d.lighthouse_status == LighthouseStatus.FAILED]
    lost = [d for d in failed if _veteran_must_act(d)]
    if lost:
        what = _them(len(lost), len(documents))
        return f"VA could not add {what} to your file. {_plural_remedy(len(lost))}."
    unclear = [d for d in failed if d.in_efolder_at is None]
    if unclear:
        what = _them(len(unclear), len(documents))
        return (
            f"Something went wrong with {what} and VA staff are looking into it; "
            "you need not do anything now."
        )
    if failed:
        what = _them(len(failed), len(documents))
        return (
            f"VA has {what}, and VA staff still have to connect it to your claim; "
            "you need not do anything."
        )
    pending = [d for d in documents if d.lighthouse_status == LighthouseStatus.PENDING]
    if not pending:
        return f"VA has {_them(len(documents), len(documents))} in your file."
    arrived = all(d.in_efolder_at is not None for d in pending)
    what = _them(len(pending), len(documents))
    if arrived:
        return f"VA has {what} and is connecting it to your claim; you need not do anything."
    return f"VA has received {what} and is adding it to your file; you need not do anything."


def _veteran_must_act(document: Form526DocumentSubmission) -> bool:
    return document.failed_step == Step.CLAIMS_EVIDENCE and document.in_efolder_at is None


def _them(some: int, of: int) -> str:
    if some == of:
        return "your document" if of == 1 else f"all {of} of your documents"
    return f"{some} of your {of} documents"


def _plural_remedy(count: int) -> str:
    return (
        REMEDY
        if count == 1
        else REMEDY.replace("Mail it", "Mail them").replace("bring it", "bring them")
    )

"""What is to be asked in one call, and how a call that fails is split."""

from dataclasses import dataclass, replace

from lightkeeper.domain.document import Document


@dataclass(slots=True)
class Batch:
    """Documents to be asked about in one call."""

    documents: list[Document]
    failures: int = 0
    alone: bool = False
    answers_before: int = 0
    """How many calls had been answered when this one failed first."""
    probe: int | None = None
    """A request id that was answered before: asked about again only to see whether it still is."""


def halves(batch: Batch) -> list[Batch]:
    """Both halves of a batch, with one failure less each."""
    middle, failures = len(batch.documents) // 2, max(batch.failures - 1, 0)
    parts = (batch.documents[:middle], batch.documents[middle:])
    return [replace(batch, documents=part, failures=failures) for part in parts]

"""Tries of one document together: what people are shown counts documents."""

from collections.abc import Sequence
from typing import NamedTuple

from lightkeeper.domain.tries import deciding
from lightkeeper.store.schema import Form526DocumentSubmission


class Tries(NamedTuple):
    """One document: the try that decides, and the others in the order they were tracked."""

    decides: Form526DocumentSubmission
    others: list[Form526DocumentSubmission]


def documents_of(rows: Sequence[Form526DocumentSubmission]) -> list[Tries]:
    """The documents of one submission, of which `rows` are all tries, as they were tracked.

    Tries with the same attachment id are one document. One without an attachment id is a document
    by itself.
    """
    groups: dict[object, list[Form526DocumentSubmission]] = {}
    for at, row in enumerate(rows):
        groups.setdefault(row.form_attachment_id or at, []).append(row)
    decided = [(deciding(group), group) for group in groups.values()]
    return [Tries(one, [row for row in group if row is not one]) for one, group in decided]

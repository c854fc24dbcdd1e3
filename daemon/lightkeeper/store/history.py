"""Writes changes into the history, from which they are published."""

from collections.abc import Iterable
from typing import Final

import orjson

from lightkeeper.domain.change import Decision, Remark
from lightkeeper.domain.time import Instant
from lightkeeper.store import remarks
from lightkeeper.store.database import Database

_NO_STEPS: Final = "[]"


def write_history(database: Database, decisions: Iterable[Decision]) -> None:
    """Write down what these decisions changed, in the transaction that changes the documents."""
    database.at_commit.remember(
        (
            after.id,
            change.at,
            change.from_status,
            change.to_status,
            change.from_step,
            change.to_step,
            change.outcome,
            orjson.dumps(change.step_changes).decode(),
            remarks.encode(change.remarks),
            change.processing_ms,
            change.detection_ms,
            None,
        )
        for after, change in decisions
        if change is not None
    )


def write_remark(
    database: Database, document_id: int, status: str, step: str, remark: Remark, at: Instant
) -> None:
    """Write down what happened to a document that keeps its status and step, likewise.

    It is marked as published at once: what staff do, or a corrected time, is no outcome.
    """
    said = remarks.encode([remark])
    database.at_commit.remember(
        [(document_id, at, status, status, step, step, None, _NO_STEPS, said, None, None, at)]
    )

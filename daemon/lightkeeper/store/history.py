"""Writes changes into the history, from which they are published."""

from collections.abc import Iterable

from lightkeeper.domain.change import Change, Decision, Remark
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database


def write_history(database: Database, decisions: Iterable[Decision]) -> None:
    """Write down what these decisions changed, in the transaction that changes the documents."""
    database.at_commit.remember(
        (after.id, change) for after, change in decisions if change is not None
    )


def write_remark(
    database: Database, document_id: int, status: str, step: str, remark: Remark, at: Instant
) -> None:
    """Write down what happened to a document that keeps its status and step, likewise.

    It is marked as published at once: what staff do, or a corrected time, is no outcome.
    """
    change = Change(
        at=at,
        from_status=status,
        to_status=status,
        from_step=step,
        to_step=step,
        remarks=(remark,),
    )
    database.at_commit.remember([(document_id, change)], published_at=at)

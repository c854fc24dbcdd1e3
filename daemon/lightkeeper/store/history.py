"""Writes changes into the history, from which they are published."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import orjson

from lightkeeper.domain.change import Decision
from lightkeeper.store import remarks
from lightkeeper.store.database import Database

_CHANGE: Final = (
    "at",
    "from_status",
    "to_status",
    "from_step",
    "to_step",
    "outcome",
    "processing_ms",
    "detection_ms",
)
"""What of a change is stored as it is."""
_change = attrgetter(*_CHANGE)
_HISTORY: Final = f"""
    INSERT INTO transitions (document_id, step_changes, remarks, {", ".join(_CHANGE)})
    VALUES (?, ?, ?, {", ".join("?" * len(_CHANGE))})
"""


def write_history(database: Database, decisions: Iterable[Decision]) -> None:
    """Write down what these decisions changed, in the transaction that changes the documents."""
    history = [
        (
            after.id,
            orjson.dumps(change.step_changes).decode(),
            remarks.encode(change.remarks),
            *_change(change),
        )
        for after, change in decisions
        if change is not None
    ]
    if history:
        database.execute_many(_HISTORY, history)

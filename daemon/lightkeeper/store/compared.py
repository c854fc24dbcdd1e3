"""What the store says of documents that another program knows by their request ids, too."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.levels import HANDED_OVER_AT

_AT_ONCE: Final = 1_000


class Known(NamedTuple):
    """A tracked document, in short."""

    lighthouse_status: str
    is_not_found: bool
    """Whether Lighthouse does not know it."""
    since: Instant | None
    """Since when it is done, failed or not found."""
    handed_over_at: Instant


def known(database: Database, request_ids: Sequence[int]) -> dict[int, Known]:
    """Those of these documents that are tracked, by request id."""
    found: dict[int, Known] = {}
    for start in range(0, len(request_ids), _AT_ONCE):
        some = request_ids[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = database.rows(
            "SELECT lighthouse_request_id, lighthouse_status, not_found_since, "
            f"COALESCE(decided_at, not_found_since), {HANDED_OVER_AT} "
            f"FROM form_526_document_submissions WHERE lighthouse_request_id IN ({marks})",
            some,
        )
        found |= {
            request_id: Known(
                lighthouse_status=status,
                is_not_found=not_found_since is not None,
                since=since,
                handed_over_at=handed_over_at,
            )
            for request_id, status, not_found_since, since, handed_over_at in rows
        }
    return found

"""What staff read of the rows of another program's table that cannot be tracked yet."""

from collections.abc import Sequence
from typing import Final

from lightkeeper.casework.text import iso, printable
from lightkeeper.store.followed import Following, Waiting

_ROW: Final = "{:<12}{:<22}{}".format


def table(rows: Sequence[Waiting], following: Following | None) -> list[str]:
    """Rows as lines for a person, and at the end when all of the table was taken last."""
    lines = [_ROW("row", "created", "state")] if rows else ["every row that was taken is tracked"]
    for each in rows:
        state = "without a request id" if each.reason is None else f"rejected: {each.reason}"
        if each.settled_at is not None:
            state = f"settled at {iso(each.settled_at)}; {state}"
        lines.append(printable(_ROW(f"{each.row_id} ", f"{iso(each.created_at)} ", state)))
    taken = "not followed" if following is None else f"last taken at {iso(following.followed_at)}"
    return [*lines, f"vets-api's table: {taken}"]


def data(row: Waiting) -> dict[str, str | int | None]:
    """A row as an object of JSON."""
    return {
        "source": row.source,
        "row_id": row.row_id,
        "created_at": iso(row.created_at),
        "reason": row.reason,
        "settled_at": iso(row.settled_at),
    }

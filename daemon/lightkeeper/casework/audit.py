"""The audit log for people, spreadsheets and programs."""

from collections.abc import Iterator
from typing import Any, Final

from lightkeeper.casework.listing import written
from lightkeeper.casework.text import iso, printable
from lightkeeper.domain.time import Instant
from lightkeeper.store.audit import entries
from lightkeeper.store.database import Database

FIELDS: Final = ("at", "who", "action", "what")
_ROW: Final = "{:<22}{:<26}{:<18}{}".format
_WIDEST: Final = 200
"""Of a write of a thousand documents a table shows the first; the other formats have all."""


def lines(
    database: Database, since: Instant | None, until: Instant | None, form: str
) -> Iterator[str]:
    """The writes of that time, the earliest first, as lines that end in a newline.

    Memory stays the same however many there are, and a reader may take its time.
    """
    shown = (
        {"at": iso(each.at), "who": each.who, "action": each.action, "what": each.what}
        for each in entries(database, since, until)
    )
    return written(shown, form, FIELDS, _table)


def _table(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    count = 0
    for count, row in enumerate(rows, 1):
        if count == 1:
            yield _ROW(*FIELDS) + "\n"
        what = row["what"]
        cut = what if len(what) <= _WIDEST else f"{what[:_WIDEST].rpartition(' ')[0]} …"
        # A value as wide as its column would run into the next one.
        cells = (f"{row[name]} " for name in FIELDS[:-1])
        yield printable(_ROW(*cells, cut)) + "\n"
    yield "no write\n" if not count else f"{count:,} write{'s' * (count > 1)}\n"

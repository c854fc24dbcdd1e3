"""Finds a value that lightkeeper never writes, such as text for a time, or the year 10000."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from peewee import Field, TextField

from lightkeeper.domain.document import DocumentType, LighthouseStatus
from lightkeeper.store.schema import MODELS, InstantField

_LATEST: Final = 253_402_300_799_999  # the last millisecond of the year 9999
_JSON: Final = {
    "steps": "object",
    "step_changes": "array",
    "remarks": "array",
    "request_ids": "array",
    "last_problem": "object",
}
_PAIRS: Final = frozenset({"step_changes", "remarks"})
_COUNTS: Final = frozenset({"count", "document_count", "trouble_count"})
_WORDS: Final = {"document_type": DocumentType, "lighthouse_status": LighthouseStatus}


def first_unsound(rows: Callable[[str], list[tuple[Any, ...]]], dialect: str) -> str | None:
    """The first column with such a value, as `column of table`; None where there is none."""
    for model in MODELS:
        meta = model._meta  # noqa: SLF001  # Peewee's public name for it
        fields, table = meta.sorted_fields, meta.table_name
        sound = [" AND ".join(_conditions(field, dialect)) for field in fields]
        wrong = ", ".join(
            f"SUM(CASE WHEN {field.column_name} IS NULL THEN {0 if field.null else 1} "
            f"WHEN {condition} THEN 0 ELSE 1 END)"
            for field, condition in zip(fields, sound, strict=True)
        )
        (counts,) = rows(f"SELECT {wrong} FROM {table}")
        for field, count in zip(fields, counts, strict=True):
            if count:
                return f"{field.column_name} of {table}"
    return None


def _conditions(field: Field, dialect: str) -> Iterator[str]:
    """What holds, in SQL, of each value of the field."""
    column, is_text = field.column_name, isinstance(field, TextField)
    if dialect == "sqlite":
        yield f"typeof({column}) = '{'text' if is_text else 'integer'}'"
    if isinstance(field, InstantField):
        yield f"{column} BETWEEN 0 AND {_LATEST}"
    elif column in _COUNTS:
        yield f"{column} BETWEEN 0 AND {10**12}"
    elif words := _WORDS.get(column):
        yield f"{column} IN ({', '.join(repr(str(word)) for word in words)})"
    elif dialect == "sqlite" and column in _JSON:
        yield f"json_valid({column}) AND json_type({column}) = '{_JSON[column]}'"
        if column in _PAIRS:
            yield f"({column} = '[]' OR {column} LIKE '[[%')"
    else:
        yield "1 = 1"

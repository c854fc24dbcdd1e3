"""Finds a value that lightkeeper never writes, such as text for a time, or the year 10000."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from peewee import Field, TextField

from lightkeeper.domain import steps
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.document import Condition, DocumentType, LighthouseStatus
from lightkeeper.store import remarks, step_changes
from lightkeeper.store.schema import MODELS, InstantField

_LATEST: Final = 253_402_300_799_999  # the last millisecond of the year 9999
_COUNTS: Final = frozenset({"count", "document_count", "missing_count", "trouble_count", "value"})
_WORDS: Final = {
    "condition": Condition,
    "document_type": DocumentType,
    "from_status": LighthouseStatus,
    "lighthouse_status": LighthouseStatus,
    "to_status": LighthouseStatus,
}


def _steps(text: str) -> bool:
    return all(isinstance(word, str) for word in steps.decode(text).values())


def _step_changes(text: str) -> bool:
    changes = step_changes.decode(text)
    return all(isinstance(each, str) for change in changes for each in change)


def _remarks(text: str) -> bool:
    return all(isinstance(each.detail, str | None) for each in remarks.decode(text))


def _request_ids(text: str) -> bool:
    return all(type(each) is int for each in orjson.loads(text))


def _step_names(text: str) -> bool:
    names = orjson.loads(text)
    return isinstance(names, list) and all(isinstance(each, str) for each in names)


def _last_problem(text: str) -> bool:
    problem = CallProblem(**orjson.loads(text))
    return isinstance(problem.detail, str) and isinstance(problem.http_status, int | None)


_READ: Final[dict[str, Callable[[str], bool]]] = {
    "steps": _steps,
    "step_changes": _step_changes,
    "remarks": _remarks,
    "request_ids": _request_ids,
    "step_names": _step_names,
    "last_problem": _last_problem,
}
"""Whether a text in each column with JSON can be read; what raises cannot."""


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
            if count or not _is_readable(rows, field.column_name, table):
                return f"{field.column_name} of {table}"
    return None


def _is_readable(rows: Callable[[str], list[tuple[Any, ...]]], column: str, table: str) -> bool:
    if (read := _READ.get(column)) is None:
        return True
    texts = rows(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")
    try:
        return all(read(text) for (text,) in texts)
    except (AttributeError, TypeError, ValueError):
        return False


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
    else:
        yield "1 = 1"

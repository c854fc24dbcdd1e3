"""Maintenance windows in the store."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson

from lightkeeper.domain.maintenance_windows import Listed, MaintenanceWindow, followed
from lightkeeper.domain.time import Instant
from lightkeeper.store import audit
from lightkeeper.store.database import Database
from lightkeeper.store.transact import transact

_COLUMNS: Final = (
    *("starts_at", "ends_at", "step_names", "reason"),
    *("announced_by", "announced_at", "ended_at", "ended_by", "va_id"),
)
_SELECT: Final = f"SELECT id, {', '.join(_COLUMNS)} FROM maintenance_windows"
_INSERT: Final = (
    f"INSERT INTO maintenance_windows ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(_COLUMNS))}) RETURNING id"
)
_UPDATE: Final = (
    f"UPDATE maintenance_windows SET {', '.join(f'{each} = ?' for each in _COLUMNS)} WHERE id = ?"
)
_SAME: Final = (
    f"{_SELECT} WHERE starts_at <= ? AND ends_at = ? AND step_names = ? "
    "AND ended_at IS NULL AND va_id IS NULL ORDER BY id"
)
_IN_ORDER: Final = "ORDER BY starts_at, id"


class MaintenanceWindows:
    """The maintenance windows that were announced, those that are over included."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[MaintenanceWindow]:
        """Every window, the one that begins first at the beginning."""
        return [_window(row) for row in self._db.rows(f"{_SELECT} {_IN_ORDER}")]

    def not_over(self, now: Instant) -> list[MaintenanceWindow]:
        """The windows that are in effect or to come, in the same order."""
        rows = self._db.rows(f"{_SELECT} WHERE ends_at > ? {_IN_ORDER}", (now,))
        return [window for window in map(_window, rows) if not window.is_over(now)]

    def in_effect(self, now: Instant) -> list[MaintenanceWindow]:
        """The windows that are in effect, in the same order."""
        return [window for window in self.not_over(now) if window.is_in_effect(now)]

    def add(self, window: MaintenanceWindow) -> MaintenanceWindow:
        """Store a new window; the same with the id that it has from now on.

        Where one of staff's does the same, that is returned instead: of the same steps until the
        same time, begun no later and not ended.
        """
        return transact(self._db, partial(self._add, window))

    def _add(self, window: MaintenanceWindow) -> MaintenanceWindow:
        row = _row(window)
        ends_at, step_names = row[1:3]
        if same := self._db.rows(_SAME, (window.starts_at, ends_at, step_names)):
            return _window(same[0])
        ((found,),) = self._db.rows(_INSERT, row)
        new = window._replace(id=int(found))
        what = f"maintenance window {new.id}: {new.reason}"
        audit.note(self._db, new.announced_by, "announced", what, new.announced_at)
        return new

    def end(self, window_id: int, by: str, now: Instant) -> MaintenanceWindow | None:
        """End a window now, unless it is over; as it was before, None where there is none."""
        return transact(self._db, partial(self._end, window_id, by, now))

    def _end(self, window_id: int, by: str, now: Instant) -> MaintenanceWindow | None:
        lock = "FOR UPDATE" if self._db.dialect == "postgresql" else ""
        rows = self._db.rows(f"{_SELECT} WHERE id = ? {lock}", (window_id,))
        if not rows:
            return None
        window = _window(rows[0])
        if not window.is_over(now):
            self._db.execute(
                "UPDATE maintenance_windows SET ended_at = ?, ended_by = ? WHERE id = ?",
                (now, by, window_id),
            )
            audit.note(self._db, by, "ended", f"maintenance window {window_id}", now)
        return window

    def follow(
        self, listed: Sequence[Listed], now: Instant, *, whole: bool
    ) -> list[MaintenanceWindow]:
        """Keep the windows as VA lists them, as `followed` decides; those that were changed."""
        return transact(self._db, partial(self._follow, listed, now, whole=whole))

    def _follow(
        self, listed: Sequence[Listed], now: Instant, *, whole: bool
    ) -> list[MaintenanceWindow]:
        lock = "FOR UPDATE" if self._db.dialect == "postgresql" else ""
        rows = self._db.rows(f"{_SELECT} WHERE va_id IS NOT NULL ORDER BY id {lock}")
        changed = followed([_window(row) for row in rows], listed, now, whole=whole)
        for window in changed:
            if window.id:
                self._db.execute(_UPDATE, (*_row(window), window.id))
            else:
                self._db.rows(_INSERT, _row(window))
        return changed


def _window(row: tuple[Any, ...]) -> MaintenanceWindow:
    window = MaintenanceWindow._make(row)
    return window._replace(steps=tuple(orjson.loads(row[3])))


def _row(window: MaintenanceWindow) -> tuple[Any, ...]:
    _, *row = window._replace(steps=orjson.dumps(window.steps).decode())  # type: ignore[arg-type]
    return tuple(row)

"""Maintenance windows for people: announced by staff, listed, and ended."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lightkeeper.casework.filters import instant_of
from lightkeeper.casework.text import iso, lasting, printable
from lightkeeper.casework.triage import check_note
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.maintenance_windows import MaintenanceWindow, problem
from lightkeeper.domain.time import DAY, Instant
from lightkeeper.store.maintenance_windows import MaintenanceWindows

_ROW: Final = "{:<6}{:<22}{:<22}{:<11}{:<26}{}".format
_EVERYWHERE: Final = "all of Lighthouse"


class WrongWindow(LightkeeperError):
    """The times of a maintenance window cannot be right."""

    exit_status = ExitStatus.USAGE


def times(since: str | None, until: str, now: Instant) -> tuple[Instant, Instant]:
    """From when until when, as staff write it; raises `WrongFilter`.

    A length of time says how long ago it began, and how long it lasts; `since` left out is now.
    Of a date the whole day is meant.
    """
    starts_at = now if since is None else instant_of("--from", since, now, 0)
    return starts_at, instant_of("--until", until, now, DAY, lasts_from=starts_at)


def announce(
    windows: MaintenanceWindows,
    starts_at: Instant,
    ends_at: Instant,
    *,
    reason: str,
    by: str,
    now: Instant,
    steps: Sequence[str] = (),
) -> MaintenanceWindow:
    """Announce a maintenance window of these steps, or of all of Lighthouse.

    Where staff announced one of the same steps until the same time, which begins no later, that
    one stays, and is returned. Raises `WrongWindow` for times that cannot be right,
    `IncompleteNote` as triage does.
    """
    check_note(by, reason, reason_option="--why")
    if wrong := problem(starts_at, ends_at, now):
        raise WrongWindow(f"--from, --until: {wrong}{_as_read(starts_at, ends_at)}")
    new = MaintenanceWindow(0, starts_at, ends_at, tuple(sorted(steps)), reason, by, now)
    return windows.add(new)


def _as_read(starts_at: Instant, ends_at: Instant) -> str:
    """What the times were taken for: one that names a zone and one that names none may differ."""
    try:
        return f" (from {iso(starts_at)} until {iso(ends_at)}; without a zone a time is UTC)"
    except (ValueError, OverflowError):  # no year has a number like that
        return ""


def end(
    windows: MaintenanceWindows, window_ids: Sequence[int], by: str, now: Instant
) -> tuple[list[str], list[str]]:
    """End these windows now; what to say of those that are known, and of the others.

    Raises `IncompleteNote` as triage does.
    """
    check_note(by, "", needs_reason=False)
    said, unknown = [], []
    for window_id in dict.fromkeys(window_ids):
        before = windows.end(window_id, by, now)
        if before is None:
            unknown.append(
                f"maintenance window {window_id} is not known here: "
                "`lightkeeper maintenance list --all` names those that are"
            )
        else:
            said.append(f"maintenance window {window_id}: {_ended(before, now)}")
    said += [f"still in effect: {sentence(each)}" for each in windows.in_effect(now)]
    return said, unknown


def _ended(before: MaintenanceWindow, now: Instant) -> str:
    if before.is_over(now):
        return f"unchanged, over since {iso(before.over_at)}"
    return "ended" if before.starts_at <= now else "ended before it began"


def announced(window: MaintenanceWindow, now: Instant) -> str:
    """What to say of a window that was announced just now, or earlier in the same way."""
    if window.announced_at != now:
        return f"announced already, and unchanged: {sentence(window)}"
    if window.is_in_effect(now):
        return f"{sentence(window)}; in effect for {lasting(window.ends_at - now)}"
    begins, lasts = window.starts_at - now, window.ends_at - window.starts_at
    return f"{sentence(window)}; begins in {lasting(begins)}, and lasts {lasting(lasts)}"


def sentence(window: MaintenanceWindow) -> str:
    """A window in one line."""
    return printable(
        f"maintenance window {window.id} of {_where(window)} "
        f"from {iso(window.starts_at)} until {iso(window.over_at)}: {window.reason}"
    )


def in_effect(shown: Mapping[str, Any]) -> str:
    """What to say while a window is in effect: of what, until when, why. `shown` is its `data`."""
    steps = ", ".join(shown["steps"] or [_EVERYWHERE])
    return printable(f"maintenance of {steps} until {shown['until']}: {shown['reason']}")


def data(window: MaintenanceWindow, now: Instant) -> dict[str, Any]:
    """A window as plain data for JSON; `steps` is null where it is of all of Lighthouse."""
    return {
        "id": window.id,
        "from": iso(window.starts_at),
        "until": iso(window.ends_at),
        "state": _state(window, now),
        "steps": list(window.steps) or None,
        "reason": window.reason,
        "announced_by": window.announced_by,
        "announced_at": iso(window.announced_at),
        "ended_by": window.ended_by,
        "ended_at": iso(window.ended_at),
        "va_id": window.va_id,
    }


def table(windows: Sequence[MaintenanceWindow], now: Instant) -> list[str]:
    """Windows as lines for a person."""
    if not windows:
        return ["no maintenance window"]
    lines = [_ROW("id", "from", "until", "state", "step", "why")]
    for each in windows:
        ended = f" (ended by {each.ended_by})" if each.ended_by else ""
        state, why = _state(each, now), f"{each.announced_by}: {each.reason}{ended}"
        cells = (
            each.id,
            iso(each.starts_at),
            iso(max(each.starts_at, each.over_at)),
            state,
            _where(each),
        )
        # A value as wide as its column would run into the next one.
        lines.append(printable(_ROW(*(f"{cell} " for cell in cells), why)))
    return lines


def _where(window: MaintenanceWindow) -> str:
    return ", ".join(window.steps) or _EVERYWHERE


def _state(window: MaintenanceWindow, now: Instant) -> str:
    if window.is_over(now):
        return "over"
    return "in effect" if window.is_in_effect(now) else "to come"

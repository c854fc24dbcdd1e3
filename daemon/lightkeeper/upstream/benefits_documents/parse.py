"""Reads Lighthouse's bodies: tolerates anything, and lets nothing hostile pass.

Shapes follow the published contract and what was seen in production: lists may be absent, ids
may be strings, times may be seconds or milliseconds, an error body has one of three shapes.
"""

import json
import math
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

import orjson

from lightkeeper.domain.answer import Absence, CallProblem, Observation, Reported, StatusReport
from lightkeeper.domain.time import Instant

MAX_WORD: Final = 64
MAX_TEXT: Final = 500
MAX_STEPS: Final = 16
MAX_RAW: Final = 8_192
_SECONDS_BELOW: Final = 10**11
_LATEST: Final = 10**14
_INT64: Final = 2**63


MISSING: Final = Absence.MISSING


class Undecodable(ValueError):
    """The body is no JSON."""


def decode(body: bytes) -> Any:
    """The JSON in `body`, free of lone surrogates, NaN and integers beyond 64 bits."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson is strict; the odd text of one document does not spoil the other ninety-nine.
        try:
            return _scrub(json.loads(body.decode("utf-8-sig", "replace"), strict=False))
        except (ValueError, RecursionError) as exc:
            raise Undecodable(str(exc)[:MAX_TEXT]) from exc


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)[:MAX_WORD]
    return value


def observations(data: Any, polled: Collection[int]) -> tuple[dict[int, Observation], int] | None:
    """What `data` says of each polled id, and how many ids it names that were not polled.

    An id in neither list is `Absence.MISSING`. None when `data` is not an answer at all.
    """
    if not isinstance(data, dict):
        return None
    statuses = data.get("statuses") or []
    not_found = data.get("requestIdsNotFound") or []
    if not isinstance(statuses, list) or not isinstance(not_found, list):
        return None
    seen: dict[int, Observation] = dict.fromkeys(polled, Absence.MISSING)
    unrequested = 0
    for value in not_found:
        request_id = _request_id(value)
        if request_id in seen:
            seen[request_id] = Absence.NOT_FOUND
        else:
            unrequested += 1
    for entry in statuses:
        request_id = _request_id(entry.get("requestId")) if isinstance(entry, dict) else None
        if request_id not in seen:
            unrequested += 1
            continue
        before, report = seen[request_id], _report(request_id, entry)
        seen[request_id] = report if before is MISSING else _preferred(before, report)
    return seen, unrequested


def single(data: Any, polled: int) -> Observation | None:
    """What the answer for one document says; None when it is for another one.

    One that has no data of any document leaves it out.
    """
    if data == {}:
        return Absence.MISSING
    if not isinstance(data, dict) or _request_id(data.get("requestId")) != polled:
        return None
    return _report(polled, data)


def problem(http_status: int, body: bytes) -> tuple[CallProblem, bool]:
    """The reason in an error body of any shape, and whether it has Lighthouse's own shape."""
    try:
        data = decode(body)
    except Undecodable:
        return CallProblem(http_status, "no JSON in the answer"), False
    if not isinstance(data, dict):
        return CallProblem(http_status, "no JSON object in the answer"), False
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        first = errors[0]
        return (
            CallProblem(
                http_status,
                _text(first.get("detail")) or _text(first.get("title")) or "no reason given",
                _text(first.get("instance")),
                _text(first.get("diagnostics")),
            ),
            True,
        )
    reason = _text(data.get("message")) or _text(data.get("error")) or "no reason given"
    return CallProblem(http_status, reason), False


def _preferred(before: Observation, report: Observation) -> Observation:
    """Of two entries for one id: the proof of delivery, else one that can be read."""
    if isinstance(before, StatusReport) and (
        before.status == Reported.SUCCESS or not isinstance(report, StatusReport)
    ):
        return before
    return report


def _request_id(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return None


def _report(request_id: int, entry: dict[str, Any]) -> Observation:
    status = _word(entry.get("status"))
    if status is None:
        return Absence.MALFORMED
    try:
        raw = orjson.dumps(entry).decode()
        steps = orjson.dumps(entry.get("steps"))
    except orjson.JSONEncodeError:  # nested too deeply to encode
        return Absence.MALFORMED
    time = entry.get("time")
    if type(time) is not dict:
        time = {}
    error = entry.get("error")
    if type(error) is not dict:
        error = {}
    return StatusReport(
        request_id,
        status,
        _known_steps(steps) if len(steps) <= MAX_RAW else _steps(entry.get("steps")),
        _instant(time.get("startTime")),
        _instant(time.get("endTime")),
        _word(error.get("step")) if error else None,
        _text(error.get("detail")) if error else None,
        raw if len(raw) <= MAX_RAW else orjson.dumps({"status": status, "cut": True}).decode(),
    )


# The same few lists of steps stand in all answers: without the cache a pass takes 2 % longer, and
# more processor time than its line allows.
@lru_cache(maxsize=1_024)
def _known_steps(encoded: bytes) -> tuple[tuple[str, str], ...]:
    return _steps(orjson.loads(encoded))


def _steps(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        return ()
    steps = []
    for step in value[:MAX_STEPS]:
        if isinstance(step, dict):
            name, word = _word(step.get("name")), _word(step.get("status"))
            if name is not None and word is not None:
                steps.append((name, word))
    return tuple(steps)


def _word(value: Any) -> str | None:
    """A status or step word; None where there is none."""
    if type(value) is not str:
        return None
    value = value[: 4 * MAX_WORD]
    if not value.isprintable():
        value = "".join(
            char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value
        )
    return value.strip()[:MAX_WORD] or None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MAX_TEXT] or None


def _instant(value: Any) -> Instant | None:
    """Milliseconds since the epoch; the contract shows seconds, answers have milliseconds."""
    if type(value) is not int and type(value) is not float:
        return None
    if not 0 < value < _LATEST:
        return None
    return int(value * 1000) if value < _SECONDS_BELOW else int(value)

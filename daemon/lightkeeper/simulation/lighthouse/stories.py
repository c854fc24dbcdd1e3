"""What a document goes through at Lighthouse, as a course of stages in time."""

import math
from typing import Final, NamedTuple

import orjson

CLAIMS_EVIDENCE: Final = "CLAIMS_EVIDENCE"
GATEWAY: Final = "BENEFITS_GATEWAY_SERVICE"
CLEANUP: Final = "REMOVE_FILE_BINARY"
NOT_FOUND: Final = "NOT_FOUND"

WAITING, RUNNING, SUCCESS, FAILED = "NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILED"

_FINAL = (SUCCESS, FAILED)

_DESCRIPTIONS = {
    CLAIMS_EVIDENCE: "Stores the document in Claims Evidence",
    GATEWAY: "Tells the Benefits Gateway Service of the document",
    CLEANUP: "Removes the copy that was kept for processing",
}
_ATTEMPTS_EXCEEDED = "Workflow maximum step attempts exceeded for the current step"


class Stage(NamedTuple):
    """How a document stands from so many seconds after its acceptance on; a tail is its JSON."""

    after: float
    status: str
    tail: bytes
    internal_tail: bytes


Story = tuple[Stage, ...]
Pieces = tuple[bytes, bytes]


def _stage(
    after: float, status: str, steps: dict[str, str], failed_step: str | None = None
) -> Stage:
    cleanup = SUCCESS if status == SUCCESS else WAITING
    internal = steps if CLEANUP in steps else {**steps, CLEANUP: cleanup}
    return Stage(
        after, status, _tail(status, steps, failed_step), _tail(status, internal, failed_step)
    )


def _tail(status: str, steps: dict[str, str], failed_step: str | None) -> bytes:
    """All that follows the times in a status object, its end included."""
    followers = [*list(steps)[1:], None]
    members: dict[str, object] = {
        "status": status,
        "steps": [
            {
                "name": name,
                **({"nextStepName": follower} if follower else {}),
                "description": _DESCRIPTIONS.get(name, "A step of a later version"),
                "status": word,
            }
            for (name, word), follower in zip(steps.items(), followers, strict=True)
        ],
    }
    if failed_step:
        members["error"] = {"detail": _ATTEMPTS_EXCEEDED, "step": failed_step}
    return orjson.dumps(members)[1:]


def _words(claims_evidence: str, gateway: str) -> dict[str, str]:
    return {CLAIMS_EVIDENCE: claims_evidence, GATEWAY: gateway}


def _scanned(claims_evidence: str, scan: str, gateway: str) -> dict[str, str]:
    return {CLAIMS_EVIDENCE: claims_evidence, "VIRUS_SCAN": scan, GATEWAY: gateway}


def _done(after: float) -> Stage:
    return _stage(after, SUCCESS, _words(SUCCESS, SUCCESS))


def _claims_evidence_failed(after: float) -> Stage:
    return _stage(after, FAILED, _words(FAILED, WAITING), CLAIMS_EVIDENCE)


def _lost(after: float) -> Stage:
    return Stage(after, NOT_FOUND, b"", b"")


_QUEUED = _stage(0, RUNNING, _words(WAITING, WAITING))
_STORING = _stage(3, RUNNING, _words(RUNNING, WAITING))
_ASSOCIATING = _stage(9, RUNNING, _words(SUCCESS, RUNNING))
_BEGINNING = (_QUEUED, _STORING, _ASSOCIATING)
_DELIVERED = _words(SUCCESS, SUCCESS)

STORIES: Final[dict[str, Story]] = {
    "success": (*_BEGINNING, _done(17)),
    "instantly_done": (_done(0),),
    "fails_claims_evidence": (_QUEUED, _STORING, _claims_evidence_failed(12)),
    "fails_bgs": (*_BEGINNING, _stage(21, FAILED, _words(SUCCESS, FAILED), GATEWAY)),
    "fails_unknown": (_QUEUED, _stage(9, FAILED, _words(WAITING, WAITING))),
    "fails_cleanup": (
        *_BEGINNING,
        _stage(19, FAILED, {**_DELIVERED, CLEANUP: FAILED}, CLEANUP),
    ),
    "stuck_claims_evidence": (_QUEUED, _STORING),
    "stuck_bgs": _BEGINNING,
    "recovers": (_QUEUED, _STORING, _claims_evidence_failed(12), _done(300)),
    "reworks": (
        *(_QUEUED, _STORING, _claims_evidence_failed(12)),
        *(_STORING._replace(after=120), _ASSOCIATING._replace(after=180), _done(240)),
    ),
    "unknown_step": (
        _stage(0, RUNNING, _scanned(WAITING, WAITING, WAITING)),
        _stage(3, RUNNING, _scanned(RUNNING, WAITING, WAITING)),
        _stage(9, RUNNING, _scanned(SUCCESS, RUNNING, WAITING)),
        _stage(15, RUNNING, _scanned(SUCCESS, SUCCESS, RUNNING)),
        _stage(21, SUCCESS, _scanned(SUCCESS, SUCCESS, SUCCESS)),
    ),
    "internal_step": (
        *_BEGINNING,
        _stage(17, RUNNING, {**_DELIVERED, CLEANUP: RUNNING}),
        _stage(29, SUCCESS, {**_DELIVERED, CLEANUP: SUCCESS}),
    ),
    "unknown_status": (
        _QUEUED,
        _STORING,
        _stage(9, "PAUSED", _words(SUCCESS, WAITING)),
        _done(60),
    ),
    "contradictory": (*_BEGINNING, _stage(17, SUCCESS, _words(SUCCESS, FAILED))),
    "lost": (_lost(0),),
    "purged": (*_BEGINNING, _lost(60)),
}


class SimulatedDocument:
    """
    One document and its course.

    Args:
        accepted_at: seconds since the epoch.
        pace: seconds of the clock that one second of the story takes.
    """

    __slots__ = ("_accepted_at", "_pace", "_pieces", "_request_id", "_stage", "_story", "_until")

    def __init__(self, request_id: int, story: Story, accepted_at: float, pace: float) -> None:
        self._request_id = request_id
        self._story = story
        self._accepted_at = accepted_at
        self._pace = pace
        self._stage = story[0]
        self._pieces: Pieces | None = None
        self._until = -math.inf

    def status(self, now: float) -> str:
        """The status word; it may be NOT_FOUND."""
        self._move(now)
        return self._stage.status

    def pieces(self, now: float) -> Pieces | None:
        """What joins to `,{status object}`; None when it is not found."""
        if now >= self._until:
            self._move(now)
        return self._pieces

    def variant(self, now: float, *, internal: bool, as_string: bool) -> Pieces | None:
        """What `pieces` gives, with the internal step or with the id in quotes."""
        self._move(now)
        stage = self._stage
        if stage.status == NOT_FOUND:
            return None
        return self._head(stage, as_string), stage.internal_tail if internal else stage.tail

    def _move(self, now: float) -> None:
        """Keep the pieces until they change: many are polled more often than that."""
        if now < self._until:
            return
        story, age = self._story, (now - self._accepted_at) / self._pace
        index, last = 0, len(story) - 1
        while index < last and story[index + 1].after <= age:
            index += 1
        self._stage = stage = story[index]
        self._pieces = (
            None if stage.status == NOT_FOUND else (self._head(stage, False), stage.tail)
        )
        # Last of all: another thread may be reading.
        self._until = math.inf if index == last else self._at(story[index + 1])

    def _at(self, stage: Stage) -> float:
        return self._accepted_at + stage.after * self._pace

    def _head(self, stage: Stage, as_string: bool) -> bytes:
        shown_id = f'"{self._request_id}"' if as_string else self._request_id
        start = int(self._accepted_at * 1000)
        if stage.status in _FINAL:
            end = int(self._at(stage) * 1000)
            head = f',{{"requestId":{shown_id},"time":{{"startTime":{start},"endTime":{end}}},'
        else:
            head = f',{{"requestId":{shown_id},"time":{{"startTime":{start}}},'
        return head.encode()

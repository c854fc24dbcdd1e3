"""Transactions that may be repeated, and commits whose answer was lost."""

import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.store.errors import StoreLost, StoreUnavailable
from lightkeeper.store.session import Session

_AGAIN: Final = frozenset({"40001", "40P01"})
"""Could not serialize, deadlock: SQLSTATEs of a transaction that was undone for another's sake."""
TRIES: Final = 10
LOOK_FOR_SECONDS: Final = 20.0
WATCH_LOOK_FOR_SECONDS: Final = 3.0
"""The daemon has signals to send; what it repeats is written so that it counts once."""
_LOOK_EVERY_SECONDS: Final = 0.05
_UNKNOWN: Final = (
    "whether the last change was stored is not known: once the database answers, look at what is "
    "there, and repeat what is missing"
)
_STATUS: Final = """
    SELECT CASE WHEN pg_postmaster_start_time() = ? THEN txid_status(?) ELSE 'started since' END
"""
_T = TypeVar("_T")


def transact(session: Session, work: Callable[[], _T]) -> _T:
    """Do `work` in one write transaction, and commit it once; what `work` returns.

    It is done again where the database undid it for the sake of another transaction, and once
    where a command's session had ended, so it starts from nothing each time. Where the answer to
    the commit is lost, the database is asked whether it was committed. Raises `StoreUnavailable`,
    which says so where that cannot be found out.
    """
    for tries in range(1, TRIES + 1):
        try:
            with session.writing():
                result = work()
            break
        except StoreUnavailable as exc:
            failure = exc
        if session.sqlstate(failure) not in _AGAIN:
            if (commit := session.unanswered_commit) is not None:
                committed = _was_committed(session, commit)
                if committed is None:
                    raise StoreUnavailable(f"{failure}; {_UNKNOWN}")
                if committed:
                    break
            elif not session.is_cut_off or tries > 1:
                raise failure
        if tries == TRIES:
            raise failure
        time.sleep(random.uniform(0.005, 0.01) * 2**tries)
    return result


def _was_committed(session: Session, commit: tuple[Any, int]) -> bool | None:
    """Whether the database committed this transaction; None where it does not tell in time.

    Nor does a server that was started since, be it the same or a standby that took its place: it
    may have given the number to another transaction.
    """
    give_up_at = time.monotonic() + (
        WATCH_LOOK_FOR_SECONDS if session.is_claimed else LOOK_FOR_SECONDS
    )
    while time.monotonic() < give_up_at:
        try:
            ((status,),) = session.rows(_STATUS, commit)
        except StoreLost:
            raise
        except LightkeeperError:
            status = "unreachable"
        if status == "started since":
            return None
        if status in {"committed", "aborted"}:
            return bool(status == "committed")
        time.sleep(_LOOK_EVERY_SECONDS)
    return None

"""Makes what an account would take twice: it is looked for before it is made again."""

from collections.abc import Callable
from typing import Final

from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import Uncertain

_TRIES: Final = 3
_LOOK_AFTER: Final = (1.0, 3.0)
"""Seconds before each look: a list may be older than the call."""


def make_once(account: Account, make: Callable[[], object], is_there: Callable[[], bool]) -> None:
    """Make something, unless a call of which nothing is known has made it already.

    Raises Uncertain where nothing is known in the end.
    """
    for turn in range(_TRIES):
        try:
            make()
        except Uncertain:
            if _seen(account, is_there):
                return
            if turn + 1 == _TRIES:
                raise
        else:
            return


def _seen(account: Account, is_there: Callable[[], bool]) -> bool:
    for pause in _LOOK_AFTER:
        account.sleep(pause)
        if is_there():
            return True
    return False

"""The one line for `systemctl status`."""

import pytest

from lightkeeper.domain.time import HOUR
from lightkeeper.service.status_line import Calls, span, status_line
from lightkeeper.store.levels import Level, Oldest

NOW = 1_800_000_000_000


def level(count, condition="waiting", status="pending", step="claims_evidence"):
    """So many documents that stand alike."""
    return Level("form_0781", status, step, condition, count)


def test_all_well_is_short():
    """Nothing stuck, nothing wrong, nothing asked yet: only how much waits."""
    assert "0 pending" == status_line([], [], Calls(), [], NOW)
    assert "1,200 pending" == status_line(
        [level(1_200), level(9, "done", "done")], [], Calls(), [], 0
    )


def test_everything_there_is_to_say_is_said():
    """What is stuck, where and how long; what nobody took up; calls; and what is wrong."""
    levels = [
        level(11, step="benefits_gateway_service"),
        level(1, "stuck"),
        level(2, "overdue"),
        level(40, "stuck", step="complete"),
        level(3, "not_in_efolder", "failed"),
    ]
    oldest = [
        Oldest("form_0781", "benefits_gateway_service", NOW - 400 * HOUR),
        Oldest("form_0781", "claims_evidence", NOW - 50 * HOUR),
        Oldest("form_0781a", "claims_evidence", NOW - 101 * HOUR),
        Oldest("form_0781", "complete", NOW - 60 * HOUR),
    ]

    assert (
        "54 pending, 40 stuck at COMPLETE for 60 h, 3 stuck at CLAIMS_EVIDENCE for 50 h, "
        "3 failed and not taken up, "
        "last call 8 s ago, no call answered for 12 min, 58 of 60 calls left; "
        "the store cannot be written: disk full; settings were not reloaded at 14:05 UTC"
    ) == status_line(
        levels,
        oldest,
        Calls(8.2, 720.0, 58, 60),
        [
            "the store cannot be written: disk full",
            "settings were not reloaded at 14:05 UTC",
        ],
        NOW,
    )


def test_a_store_that_cannot_be_read_is_not_an_empty_one():
    """What it holds is left out; calls and what is wrong are told."""
    wrong = ["the store cannot be read: gone"]

    assert "last call 8 s ago; the store cannot be read: gone" == status_line(
        None, [], Calls(8.2), wrong, NOW
    )
    assert "the store cannot be read: gone" == status_line(None, [], Calls(), wrong, NOW)


def test_what_changed_between_two_looks_is_left_out():
    """The stuck one may have moved on before the oldest were read."""
    found = status_line([level(1, "stuck")], [], Calls(), [], NOW)

    assert "1 pending, 1 stuck at CLAIMS_EVIDENCE" == found


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h")],
)
def test_a_time_is_told_in_its_greatest_fitting_unit(seconds, shown):
    """Seconds, minutes, hours."""
    assert shown == span(seconds)

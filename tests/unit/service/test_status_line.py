"""The one line for `systemctl status`."""

import pytest

from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.time import HOUR
from lightkeeper.service.status_line import span, status_line
from lightkeeper.store.levels import Level, Oldest
from lightkeeper.telemetry.health import Calls

NOW = 1_800_000_000_000


def level(count, condition="waiting", status="pending", step="claims_evidence"):
    """So many documents of one type, status, step and condition."""
    return Level("form_0781", status, step, condition, count)


def test_the_line_is_short_while_all_is_well():
    """With nothing stuck, failed or polled the line says only how many are pending."""
    assert "0 pending" == status_line([], [], Calls(), [], NOW)
    assert "1,200 pending" == status_line(
        [level(1_200), level(9, "done", "done")], [], Calls(), [], 0
    )


def test_the_line_names_stuck_failed_calls_and_problems():
    """The line names what is stuck, where and how long, the failed, the calls and each problem."""
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
        "3 failed, unacknowledged, "
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


def test_the_line_says_that_documents_are_polled_singly():
    """As long as batches fail, and since when."""
    found = status_line([], [], Calls(1.0, singly_for=600.0), [], NOW)

    assert (
        "0 pending, last call 1 s ago, batches fail, documents polled singly for 10 min" == found
    )


def test_the_line_ends_with_the_maintenance_in_effect():
    """Of what, until when and why; for each window."""
    windows = [
        MaintenanceWindow(1, NOW, NOW + HOUR, ("CLAIMS_EVIDENCE",), "upgrade", "jane", NOW),
        MaintenanceWindow(2, NOW, NOW + 2 * HOUR, (), "all down", "joe", NOW),
    ]

    assert (
        "0 pending; Datadog Agent unreachable; "
        "maintenance of CLAIMS_EVIDENCE until 2027-01-15T09:00:00Z: upgrade; "
        "maintenance of all of Lighthouse until 2027-01-15T10:00:00Z: all down"
    ) == status_line([], [], Calls(), ["Datadog Agent unreachable"], NOW, windows)


def test_a_store_that_cannot_be_read_is_not_an_empty_one():
    """The line leaves the documents out, and still names calls and problems."""
    wrong = ["the store cannot be read: gone"]

    assert "last call 8 s ago; the store cannot be read: gone" == status_line(
        None, [], Calls(8.2), wrong, NOW
    )
    assert "the store cannot be read: gone" == status_line(None, [], Calls(), wrong, NOW)


def test_a_step_without_an_oldest_document_has_no_duration():
    """A document that moved on between the two reads leaves its duration out."""
    found = status_line([level(1, "stuck")], [], Calls(), [], NOW)

    assert "1 pending, 1 stuck at CLAIMS_EVIDENCE" == found


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h")],
)
def test_a_duration_is_in_the_largest_unit_that_fits(seconds, shown):
    """Durations are in seconds, minutes or hours."""
    assert shown == span(seconds)

"""How long the API takes; `make bench` measures it beside a polling daemon."""

import time

import pytest
from patience import at_most
from web_rig import WebRig


@pytest.mark.speed
def test_documents_are_tracked_by_the_thousand(tmp_path):
    """2,000 in batches of 100 in a second: 10,000 in five."""
    batches = [
        [
            {
                "lighthouse_request_id": at,
                "form_526_submission_id": f"s-{at // 4}",
                "document_type": "form_0781",
            }
            for at in range(first, first + 100)
        ]
        for first in range(0, 2_000, 100)
    ]
    with WebRig(tmp_path) as web:
        began = time.monotonic()
        statuses = [web.post("/v1/documents", batch).status for batch in batches]
        took = time.monotonic() - began

    assert [201] * 20 == statuses
    assert took < at_most(1.0)

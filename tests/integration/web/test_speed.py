"""How long the API takes; `make bench` measures it beside a polling daemon."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.speed
def test_refusals_hold_up_no_other_caller(tmp_path):
    """While fifty callers have no token, and wait for half a second each time."""
    over = threading.Event()
    took = []

    with WebRig(tmp_path) as web, ThreadPoolExecutor(50) as wrong:

        def refused(_):
            statuses = set()
            while not over.is_set():
                statuses.add(web.get("/v1/documents", token=None).status)
            return statuses

        refusals = wrong.map(refused, range(50))
        for _ in range(200):
            began = time.monotonic()
            assert 200 == web.get("/v1/documents").status
            took.append(time.monotonic() - began)
        over.set()
        assert [{401}] * 50 == list(refusals)

    assert sorted(took)[-3] < at_most(0.1)

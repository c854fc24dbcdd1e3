"""The rate budget reads what a server sends over a real socket."""

import contextlib

from scripted_server import ScriptedServer, answer

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.http import HTTPTransport
from lightkeeper.upstream.rate_limit import RateBudget


def test_real_answers_are_understood():
    """After the last call of a window the budget waits for the next window."""
    budget = RateBudget(monotonic=lambda: 5_000.0)
    with (
        SimulatedLighthouse(rate_limit=2, clock=lambda: 1_800_000_000.0) as lighthouse,
        contextlib.closing(HTTPTransport()) as transport,
    ):
        url = f"{lighthouse.url}/services/benefits-documents/v1/uploads/1/status"
        seen = []
        for _ in range(3):
            transport.begin()
            got = transport.send("GET", url, headers={})
            budget.update(got.status, got.headers)
            seen.append((got.status, budget.remaining, budget.wait_seconds() > 1.0))

    assert [(401, 1, False), (401, 0, True), (429, 0, True)] == seen


def test_header_names_in_lower_case_count():
    """As they come over the wire, names are found without regard to case."""
    budget = RateBudget(monotonic=lambda: 5_000.0)
    raw = answer(b"", "ratelimit-remaining: 0", "ratelimit-reset: 42")
    with ScriptedServer(raw) as server, contextlib.closing(HTTPTransport()) as transport:
        transport.begin()
        got = transport.send("GET", server.url, headers={})
    budget.update(got.status, got.headers)

    assert 42.0 == budget.wait_seconds()

"""The fuzzing of tests/integration/polling/test_fuzz.py at its full length."""

import pytest
from fuzzed_answers import Fuzzed, fuzz

BODIES = 100_000


@pytest.mark.timeout(900)
def test_a_hundred_thousand_hostile_answers_do_no_harm(tmp_path):
    """No crash, no wrong outcome, nothing personal sent, a hundred times as often as there."""
    with Fuzzed(tmp_path) as fuzzed:
        fuzz(fuzzed, BODIES)

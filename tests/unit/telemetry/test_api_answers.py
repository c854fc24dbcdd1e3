"""When the API tells Datadog that it cannot answer."""

import pytest

from lightkeeper.telemetry.api_answers import cannot_answer


@pytest.mark.parametrize(
    ("good", "refused", "failed", "says"),
    [
        (0, 0, 0, None),
        (0, 9, 0, None),
        (0, 0, 1, "1 of 1 answers were a 5xx"),
        (0, 1, 1, "1 of 1 answers were a 5xx"),
        (0, 1, 999, "999 of 999 answers were a 5xx"),
        (0, 999, 999, "999 of 999 answers were a 5xx"),
        (5, 0, 5, "5 of 10 answers were a 5xx"),
        (6, 90, 5, None),
        (1, 0, 4, None),
        (1, 0, 5, "5 of 6 answers were a 5xx"),
        (999, 0, 998, None),
        (100, 0, 20, None),
    ],
)
def test_the_api_cannot_answer_while_half_of_its_answers_fail(good, refused, failed, says):
    """What it refuses does not count, nor do a few failures beside an answer."""
    answers = {
        ("get_document", "2xx"): good,
        ("list_documents", "4xx"): refused,
        ("get_changes", "5xx"): failed,
    }

    assert says == cannot_answer({key: count for key, count in answers.items() if count})


def test_questions_about_its_health_are_not_counted():
    """A probe is no caller, whichever way it is answered."""
    assert None is cannot_answer({("readyz", "5xx"): 9})
    assert "1 of 1 answers were a 5xx" == cannot_answer(
        {("healthz", "2xx"): 99, ("readyz", "2xx"): 9, ("other", "5xx"): 1}
    )

"""What of a document is kept, and for how long."""

import pytest

from lightkeeper.domain.document import Condition, needs_people

SETTLED = {("delivered", None), ("closed", None), ("closed", 5), ("acknowledged", None)}
SETTLED |= {("superseded", None)}


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("next_poll_at", [None, 5])
def test_lighthouses_own_answer_is_kept_while_people_may_need_it(condition, next_poll_at):
    """Until delivered or closed, or acknowledged or superseded and polled no more."""
    is_settled = condition == "delivered" or (str(condition), next_poll_at) in SETTLED

    assert is_settled != needs_people(condition, next_poll_at)
    assert is_settled != needs_people(str(condition), next_poll_at)

"""What callers may say that a submission should have."""

import pytest

from lightkeeper.casework.expected import counts_of

TYPES = "veteran_upload, form_0781, form_0781a, bdd_instructions"


def test_types_have_the_names_that_track_takes():
    """Ours and those of vets-api's table."""
    items = [("Veteran Upload", 2), ("form_0781", 0.0), ("BDD Instructions", 1_000)]

    assert ({"veteran_upload": 2, "form_0781": 0, "bdd_instructions": 1_000}, {}) == counts_of(
        items
    )


@pytest.mark.parametrize("kind", ["form_4142", "", None, 781, ["form_0781"], "Form 0781 ", {}])
def test_another_type_is_refused_in_the_words_of_track(kind):
    """With all that there are."""
    assert ({}, {0: f"document_type must be one of {TYPES}"}) == counts_of([(kind, 1)])


@pytest.mark.parametrize(
    "count", [-1, 1_001, 1.5, "1", None, True, 2**70, float("nan"), float("inf")]
)
def test_another_count_is_refused(count):
    """A whole number that a submission can have."""
    wrong = {0: "count must be a whole number from 0 to 1,000"}

    assert ({}, wrong) == counts_of([("form_0781", count)])


def test_each_wrong_item_is_named_and_the_others_add_up():
    """By its place; a type may have several items, also under its two names."""
    items = [("form_0781", 1), ("form_9", 1), ("veteran_upload", -1), ("Form 0781", 2)]
    counts, wrong = counts_of([*items, ("form_0781", 0)])

    assert {"form_0781": 3} == counts
    assert [1, 2] == list(wrong)

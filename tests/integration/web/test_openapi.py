"""The published description of the API."""

import generated_docs


def test_the_published_description_is_that_of_the_routes():
    """`make reference` writes daemon/openapi.json."""
    assert generated_docs.openapi() == generated_docs.OPENAPI.read_text()

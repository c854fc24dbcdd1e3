"""Searches of events, logs, monitors and SLOs."""

import pytest

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.query.search import Search

TAGS = {"event:lightkeeper.document", "env:production", "outcome:failed", "form:526ez"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("*", True),
        ("env:production", True),
        ("env:PRODUCTION", True),
        ("env:staging", False),
        ("env:prod", False),
        ("env:prod*", True),
        ("event:lightkeeper.document env:production", True),
        ("env:production AND outcome:failed", True),
        ("env:production AND outcome:done", False),
        ("outcome:(failed OR recovered)", True),
        ("outcome:(done OR recovered) env:production", False),
        ("-outcome:failed", False),
        ("-outcome:done", True),
        ("tag:env:production tag:form:526ez", True),
        ('tag:"form:526ez"', True),
        ("step:*", False),
        ("env:*", True),
        ("env:[p]roduction", False),
    ],
)
def test_each_term_must_hold(text, found):
    """A term holds for a tag of that key whose value it names, wildcards included."""
    assert found is Search(text).matches(TAGS)


@pytest.mark.parametrize(
    "text", ["failed", "env:a OR env:b", "(env:a)", "NOT env:a", "outcome:(a b)", "@x", 'env:"a']
)
def test_what_is_not_read_is_refused_by_name(text):
    """Rather than found to match, or not to."""
    with pytest.raises(Unsupported, match="in a search is not supported"):
        Search(text)

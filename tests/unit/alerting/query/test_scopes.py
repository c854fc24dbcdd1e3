"""Scopes: which of two is the narrower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import implies, matches
from lightkeeper.alerting.query.syntax import All, AnyOf, Everything, Not, Tag

TAG_SETS = st.fixed_dictionaries({"a": st.sampled_from("12"), "b": st.sampled_from("12")})
SCOPES = st.recursive(
    st.sampled_from([Everything(), *map(Tag, ("a:1", "a:2", "b:1", "b:2", "a:*"))]),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(All),
        st.tuples(inner, inner).map(AnyOf),
    ),
    max_leaves=5,
)


@given(SCOPES, SCOPES, TAG_SETS)
def test_a_scope_that_implies_another_takes_in_nothing_else(narrow, wide, tags):
    """What is proved of two scopes holds for every series."""
    series = frozenset(f"{key}:{value}" for key, value in tags.items())

    if implies(narrow, wide) and matches(narrow, series):
        assert matches(wide, series)


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ("a:1,b:1", "a:1", True),
        ("a:1", "a:1,b:1", False),
        ("b:1,a:1", "a:1,b:1", True),
        ("a:1", "*", True),
        ("*", "a:1", False),
        ("a:1", "a IN (1,2)", True),
        ("a IN (1,2)", "a:1", False),
        ("a:1", "a:*", True),
        ("a:1", "!a:2", True),
        ("a:1", "!b:2", False),
        ("!a:*", "!a:1", True),
    ],
)
def test_a_narrower_scope_implies_a_wider_one(narrow, wide, expected):
    """The order in which tags are written says nothing."""
    assert expected is implies(
        *(parse_expression(f"sum:m{{{one}}}").scope for one in (narrow, wide))
    )

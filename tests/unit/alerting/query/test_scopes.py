"""Scopes: what several of them tell apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import matches, told_apart
from lightkeeper.alerting.query.syntax import All, AnyOf, Everything, Not, Tag

TAG_SETS = st.fixed_dictionaries(
    {"a": st.sampled_from("12"), "b": st.sampled_from(["1", "2", "3", "other"])}
)
SCOPES = st.recursive(
    st.sampled_from([Everything(), *map(Tag, ("a:1", "a:2", "b:1", "b:2", "a:*", "b:o*"))]),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(All),
        st.tuples(inner, inner).map(AnyOf),
    ),
    max_leaves=5,
)


@given(st.lists(SCOPES, max_size=4), TAG_SETS)
def test_each_series_is_taken_in_as_one_of_those_told_apart(scopes, tags):
    """Whatever the tags of a series, one that is yielded is in the same scopes, and no others."""
    series = frozenset(f"{key}:{value}" for key, value in tags.items())

    found = [
        [matches(scope, one) for scope in scopes] for one in told_apart(scopes, {"a": ("1", "2")})
    ]

    assert [matches(scope, series) for scope in scopes] in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:1", {True, False}),
        ("a:1 OR a:2", {True}),
        ("a:*", {True}),
        ("a:1,a:2", {False}),
        ("b:1 OR b:2", {True, False}),
        ("b:*", {True}),
        ("*", {True}),
        ("a:1,b:1", {True, False}),
    ],
)
def test_a_key_whose_values_are_known_has_no_others(text, expected):
    """Another key has a value more than the scopes name."""
    scope = parse_expression(f"sum:m{{{text}}}").scope

    found = {matches(scope, one) for one in told_apart([scope], {"a": ("1", "2")})}

    assert expected == found

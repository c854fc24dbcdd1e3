"""What differs is named field by field, and shown in as few lines as it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.account.difference import ABSENT, FieldChange, difference

values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


def widget(title, **more):
    """A widget with this title."""
    return {"definition": {"type": "note", "title": title, **more}}


def test_each_field_that_differs_is_named_by_its_path():
    """Added, changed and taken out; what is the same is not."""
    before = {"name": "a", "options": {"thresholds": {"critical": 7}, "x": 1}, "old": 1}
    after = {"name": "a", "options": {"thresholds": {"critical": 9}, "x": 1, "new": True}}

    assert [
        FieldChange("options.thresholds.critical", 7, 9),
        FieldChange("options.new", ABSENT, True),
        FieldChange("old", 1, ABSENT),
    ] == list(difference(before, after))


def test_a_widget_that_was_taken_out_is_one_change():
    """The widgets behind it are compared with themselves, and not with their neighbours."""
    before = [widget("a"), widget("b"), widget("c", content="x")]
    after = [widget("a"), widget("c", content="y")]

    assert [
        FieldChange("widgets[1]", widget("b"), ABSENT),
        FieldChange("widgets[1].definition.content", "x", "y"),
    ] == list(difference({"widgets": before}, {"widgets": after}))
    assert [FieldChange("widgets[1]", ABSENT, widget("b"))] == list(
        difference({"widgets": [before[0], before[2]]}, {"widgets": before})
    )


@given(values, values)
def test_there_is_a_difference_where_two_values_are_not_one(one, other):
    """None between a value and itself, and one between two that are written differently."""
    assert [] == list(difference(one, one))
    assert (repr(one) != repr(other)) >= bool(list(difference(one, other)))
    if not isinstance(one, dict | list) and repr(one) != repr(other):
        assert [FieldChange("", one, other)] == list(difference(one, other))


@pytest.mark.parametrize(
    ("change", "default", "lines"),
    [
        (FieldChange("a.b", 7, 9), None, ["a.b: 7 -> 9"]),
        (FieldChange("a", "x", "y"), None, ['a: "x" -> "y"']),
        (FieldChange("a", ABSENT, ["é"]), [], ['a: (none) -> ["é"]']),
        (FieldChange("o.t", ABSENT, False), True, ["o.t: (default true) -> false"]),
        (FieldChange("m", "a\nb\nc", "a\nB\nc"), None, ["m:", "  - b", "  + B"]),
        (
            FieldChange("t", ["a:b", "x" * 150, "e:f"], ["a:c", "x" * 150, "e:f"]),
            None,
            ["t:", '  - "a:b"', '  + "a:c"'],
        ),
        (FieldChange("t", ["a", "b"], ["b"]), None, ['t: ["a", "b"] -> ["b"]']),
        (FieldChange("w", {"x": "y" * 300}, ABSENT), None, None),
    ],
)
def test_a_change_is_shown_in_a_line_or_as_the_lines_that_differ(change, default, lines):
    """Long texts by line; a long value is cut off."""
    shown = list(change.lines(default))

    assert lines in (None, shown)
    assert all(len(line) < 200 for line in shown)


def test_for_programs_what_is_absent_is_left_out():
    """As JSON."""
    assert {"path": "a", "after": None} == FieldChange("a", ABSENT, None).as_json()
    assert {"path": "a", "before": 1} == FieldChange("a", 1, ABSENT).as_json()

"""Arguments as rows: types told apart, what differs from the last request, and what fits on a card."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.http import argument_rows, fitting, key_row


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": "42"}, {"a": 42}, [("a", "42", "changed", "42 (text)")]),
        ({"a": None}, {"a": ""}, [("a", "", "changed", "null")]),
        ({"a": ""}, {"a": None}, [("a", "null", "changed", "empty")]),
        ({}, {"a": 1}, [("a", "1", "new", "")]),
        ({"a": 1}, {}, [("a", "1", "gone", "1")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, [("a.c", "2", "gone", "2")]),
        ({"a": {"b": 1}}, {"a": 1}, [("a", "1", "changed", "object"), ("a.b", "1", "gone", "1")]),
        ({"a": {"1": {"b": 2}}}, {"a": [{"b": 2}]}, [("a", "", "changed", "object")]),
        ({"a": 1}, {"a": {"b": 1}}, [("a", "", "changed", "1 (number)"), ("b", "1", "new", "")]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", "2; 1", "changed", "1; 2")]),
        ({"a": ["1"]}, {"a": [1]}, [("a", "1", "changed", '"1"')]),
        ({"a": ["x; y"]}, {"a": ["x", "y"]}, [("a", "x; y", "changed", '"x; y" (list of 1)')]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("b", "2", "changed", "1")]),
    ],
)
def test_what_differs_is_said_leaf_by_leaf(
    before: dict[str, Any], now: dict[str, Any], changes: list[tuple[str, str, str, str]]
) -> None:
    rows = [row for row in argument_rows(now, before) if row.change]
    assert [(row.name, row.text, row.change, row.was) for row in rows] == changes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_nothing_is_marked_exactly_where_nothing_differs(before: dict[str, Any], now: dict[str, Any]) -> None:
    marked = [row for row in argument_rows(now, before) if row.change]
    assert bool(marked) == (_sorted(before) != _sorted(now))


def _sorted(value: dict[str, Any]) -> str:
    """As JSON, in which True is not 1, and the order of names does not count."""
    return json.dumps(value, sort_keys=True)


def test_what_differs_fits_before_all_else_and_is_not_folded() -> None:
    before = {f"name {number}": "x" * 400 for number in range(50)}
    rows = argument_rows({**before, "name 49": "y" * 400}, before)
    found = fitting(rows, 10, 9000)
    assert len(found) == 10
    assert (found[-1].name, found[-1].folded, found[0].folded) == ("name 49", False, True)
    assert sum(row.size for row in found) <= 9000
    assert not fitting(rows, 10, 100)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"note": "please", "order_id": "W1"}, "W1"),
        ({"to": {"email": "dana@example.com"}, "order_id": "W1"}, "dana@example.com"),
        ({"from": "HAT136"}, "HAT136"),
        ({"on": True}, None),
        ({}, None),
    ],
)
def test_the_argument_of_a_line_is_the_one_that_tells_most(
    arguments: dict[str, Any], key: str | None
) -> None:
    found = key_row(argument_rows(arguments))
    assert (found.text if found else None) == key

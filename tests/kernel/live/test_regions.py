"""What is sent of a page: changed regions, or their changed parts alone, in order."""

from typing import Any
from uuid import uuid4

import pytest

from server.kernel.http import Partials, Template
from server.kernel.live import Parts, Permission, Regions, card
from server.kernel.live.regions import changes
from server.kernel.live.subscriber import Subscriber
from tests.app_server import Person
from tests.kernel.live.test_stream import viewer_of

# Of any page: a record that a test may fill as it likes.
NUMBERS: Template[dict[str, Any]] = Template("floor/_numbers.html", dict)


def cards(beside: object = None, **each: str) -> Parts:
    return Parts(each, lambda: f"<section>{''.join(each.values())}</section>", beside)


@pytest.mark.parametrize(
    ("before", "now", "sent"),
    [
        ({}, {"a": "1"}, {"a"}),
        ({"a": "1"}, {"a": "1"}, set()),
        ({"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"b"}),
        ({"a": cards(x="1", y="1")}, {"a": cards(x="1", y="2")}, {"a y"}),
        ({"a": cards(x="1", y="1")}, {"a": cards(x="2", y="2")}, {"a x", "a y"}),
        ({"a": cards(x="1", y="1")}, {"a": cards(y="1", x="1")}, {"a"}),  # another order
        ({"a": cards(x="1")}, {"a": cards(x="1", y="1")}, {"a"}),  # one more
        ({"a": cards(x="1", y="1")}, {"a": cards(x="1")}, {"a"}),  # one less
        ({"a": cards(x="1")}, {"a": cards(True, x="1")}, {"a"}),  # something beside them
        ({"a": cards()}, {"a": cards()}, set()),
        ({"a": "1"}, {}, set()),  # a page that is gone is announced by other means
    ],
)
def test_only_what_is_another_travels(before: Regions, now: Regions, sent: set[str]) -> None:
    assert {name for name, _ in changes(before, now)} == sent


def test_a_part_names_its_region_and_targets_itself() -> None:
    [(_, frame)] = changes({"a": cards(x="1")}, {"a": cards(x="2\n3")})
    assert frame.decode().splitlines() == [
        'data: <hx-partial hx-target="#x" hx-swap="outerMorph" data-of="a">2',
        "data: 3</hx-partial>",
    ]


def reader() -> Subscriber:
    return Subscriber(viewer_of(Person(uuid4(), "a@example.com", "a", "A")))


def test_what_comes_later_stands_later_and_a_whole_region_takes_its_parts_along() -> None:
    slow = reader()
    slow.send({"a": b"whole 1 ", "b": b"other "})
    slow.send({"a x": b"part x "})
    slow.send({"a x": b"part x again ", "a y": b"part y "})
    assert slow.take() == b"whole 1 other part x again part y \n"
    slow.send({"a x": b"part x "})
    slow.send({"b": b"other "})
    slow.send({"a": b"whole 2 "})
    assert slow.take() == b"other whole 2 \n"
    slow.send({"a x": b"old part "})
    slow.send({"a": b"whole "})
    slow.send({"a x": b"new part "})
    assert slow.take() == b"whole new part \n"


def test_a_partial_is_rendered_again_only_when_what_it_shows_changed() -> None:
    partials = Partials()
    numbers: dict[str, Any] = {
        "active": 1,
        "critical": 0,
        "pending": 0,
        "oldest_pending": None,
        "pending_tests": 0,
        "silent": 0,
        "satisfaction": 5,
        "agents": None,
    }
    first = partials("numbers", NUMBERS, {"numbers": dict(numbers)})
    partials.turn()
    assert partials("numbers", NUMBERS, {"numbers": dict(numbers)}) is first
    partials.turn()
    assert partials("numbers", NUMBERS, {"numbers": numbers | {"active": 2}}) != first
    partials.turn()
    partials.turn()
    assert partials("numbers", NUMBERS, {"numbers": dict(numbers)}) is not first, (
        "what a turn leaves out is forgotten"
    )


def test_a_key_that_is_a_dicts_method_is_shown_as_a_key_elsewhere() -> None:
    """Rows are asked for their keys first; `items` and the like stay methods."""
    asked: dict[str, Any] = dict.fromkeys(Permission.__required_keys__)
    asked |= {
        "id": "1",
        "tool_name": "t",
        "agent_name": "A",
        "status": "pending",
        "times_held": 0,
        "feed": [],
    }
    asked |= {"requested_at": "2026-01-01T00:00:00+00:00", "expires_at": "2026-01-01T00:06:00+00:00"}
    html = card(asked | {"arguments": '{"items": "two", "keys": 1}', "known_tool": True})
    assert "items" in html
    assert "two" in html

"""The card of a row: its amount, the names of its buttons, and whether it is still the same request."""

import json
from typing import Any

import pytest

from server.kernel.http import Partials
from server.kernel.live import amount_of, card, queue, shown

ROW: dict[str, Any] = {
    "id": "1",
    "tool_name": "issue_refund",
    "tool_description": "Pays back",
    "owner_description": "Pays back",
    "arguments": '{"order": "W1", "amount": 184.2, "currency": "USD"}',
    "arguments_digest": "abc",
    "agent_id": "2",
    "agent_name": "Voice Agent 1",
    "status": "pending",
    "known_tool": True,
    "phone_number": None,
    "caller": None,
    "is_test": False,
    "feed": [],
    "sentiment": None,
    "satisfaction_score": None,
    "interaction_id": "3",
    "requested_at": "2026-01-01T00:00:00+00:00",
    "expires_at": "2026-01-01T00:06:00+00:00",
    "held_until": None,
    "times_held": 0,
    "undo_seconds": None,
    "last_arguments": None,
    "last_allowed_at": None,
    "grants": None,
}


@pytest.mark.parametrize(
    ("arguments", "amount"),
    [
        ({"amount": 184.2, "currency": "USD"}, "184.20 USD"),
        ({"Amount": "9,999.00"}, "9,999.00"),
        ({"total": 5000, "currency": "JPY"}, "5000 JPY"),
        ({"price": 1, "total": 2}, "2"),
        ({"price": 1}, "1"),
        ({"amount": 0.125}, "0.125"),
        ({"amount": True, "price": 5}, None),
        ({"amount": "1" * 31}, None),
        ({"amount": 5, "currency": "US<b>"}, "5"),
        ({"amount": 5, "currency": 978}, "5"),
        ({"amount": [1], "total": {"amount": 2}}, None),
        ({"Amount": "1.00", "amount": 9999}, None),
        ({"amount": "9999 USD", "price": 1}, None),
        ({"amount": {"value": 5}, "total": 1}, None),
        ({}, None),
    ],
)
def test_the_amount_is_the_first_number_that_is_called_so(
    arguments: dict[str, Any], amount: str | None
) -> None:
    assert amount_of(arguments) == amount


def test_the_buttons_are_named_by_tool_amount_and_agent() -> None:
    html = card(ROW)
    assert 'aria-label="Allow issue_refund 184.20 USD, Voice Agent 1"' in html
    assert 'aria-label="Deny issue_refund 184.20 USD, Voice Agent 1"' in html
    assert html.count('name="arguments_digest" value="abc"') == 2


@pytest.mark.parametrize(
    "changed",
    ["tool_name", "tool_description", "owner_description", "undo_seconds", "arguments_digest", "agent_id"],
)
def test_another_tool_description_arguments_or_agent_is_another_request(changed: str) -> None:
    assert shown({**ROW, changed: "other"})["request"] != shown(ROW)["request"]


def test_a_clock_a_mood_and_words_are_the_same_request() -> None:
    later = {"sentiment": "critical", "satisfaction_score": 3, "feed": [{"at": None, "text": "x"}]}
    assert shown({**ROW, **later})["request"] == shown(ROW)["request"]


def test_what_a_page_knows_of_a_request_is_counted_up() -> None:
    held = {"held_until": ROW["expires_at"], "held_by": "4", "held_by_name": "ana"}
    ways: list[dict[str, Any]] = [
        {},
        {**held, "times_held": 1},
        {"times_held": 1},
        {**held, "times_held": 2},
        {"times_held": 2},
        {
            "status": "allowed",
            "executed_at": None,
            "execute_before": ROW["expires_at"],
            "reason": None,
            "responded_by_name": "ana",
            "responded_at": None,
            "rule": None,
        },
    ]
    ways.append({**ways[-1], "executed_at": ROW["expires_at"]})
    ranks = [int(card({**ROW, **way}).split('data-rank="')[1].split('"')[0]) for way in ways]
    assert ranks == sorted(set(ranks))


def test_a_second_request_of_an_agent_for_a_tool_has_a_name_of_its_own() -> None:
    second = {**ROW, "id": "9", "requested_at": "2026-01-01T00:00:01+00:00"}
    waiting: Any = [second, ROW, {**ROW, "id": "8", "agent_id": "7", "agent_name": "Voice Agent 2"}]
    html = queue({"tool_permissions": waiting, "answered": []}, Partials()).whole()
    for name in ("Voice Agent 1", "Voice Agent 1, 2", "Voice Agent 2"):
        assert html.count(f'aria-label="Allow issue_refund 184.20 USD, {name}"') == 1


def test_a_queue_that_is_too_large_shows_less_of_its_last_requests() -> None:
    values = json.dumps({f"value_{number}": "text" for number in range(20)})
    waiting: Any = [
        {**ROW, "id": str(number), "arguments": values, "requested_at": f"2026-01-01T00:00:{number}+00:00"}
        for number in range(10, 50)
    ]
    everything: Any = {"tool_permissions": waiting, "answered": []}
    large = queue(everything, Partials(), most=10**9).whole()
    most = len(large) * 4 // 5
    html = queue(everything, Partials(), most=most).whole()
    assert most * 0.9 < len(html) < most * 1.1
    less = ["not shown" in one for one in html.split("<article")[1:]]
    assert less == sorted(less)
    assert 0 < sum(less) < len(waiting)


def test_a_standing_approval_that_does_not_cover_the_request_is_named() -> None:
    grant = {"tool_name": "issue_refund", "words": "issue_refund up to 50.00"}
    assert "Not covered by the standing approval issue_refund up to 50.00" in card({**ROW, "grants": [grant]})
    assert "Not covered" not in card({**ROW, "grants": [{**grant, "tool_name": "get_order"}]})

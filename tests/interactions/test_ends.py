"""The end of interactions: late turns and numbers, an end reported late, its reason, and what prevents a new one."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.app_server import AppServer, Person


@pytest.fixture
async def api(app_server: AppServer, voice: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.api(voice.agents[0]) as client:
        yield client


@pytest.fixture
async def live(app_server: AppServer, voice: Person) -> str:
    return await app_server.start(voice.agents[0], external_id="call-1")


async def reap(app_server: AppServer, interaction: str) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() - interval '1 day' where interaction_id = $1",
            interaction,
        )
        while await owner.fetchval("select status from interactions where id = $1", interaction) == "active":
            await owner.execute("select private.reap_interactions()")


async def test_why_it_ended_is_kept(api: httpx.AsyncClient, live: str) -> None:
    one = f"/interactions/{live}"
    assert (await api.get(one)).json()["end_reason"] is None
    ended = await api.post(f"{one}/end", json={"status": "completed", "end_reason": "handed_over"})
    assert (ended.json()["status"], ended.json()["end_reason"]) == ("completed", "handed_over")
    again = await api.post(f"{one}/end", json={"status": "completed"})
    assert (again.status_code, again.json()["end_reason"]) == (200, "handed_over")


@pytest.mark.parametrize("reason", ["", "x" * 101, 7])
async def test_a_reason_is_a_word(api: httpx.AsyncClient, live: str, reason: Any) -> None:
    refused = await api.post(f"/interactions/{live}/end", json={"status": "completed", "end_reason": reason})
    assert (refused.status_code, "end_reason" in refused.text) == (422, True)


async def test_the_number_may_come_until_ten_minutes_after_the_end(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    one = f"/interactions/{live}"
    await api.post(f"{one}/end", json={"status": "completed"})
    late = await api.patch(one, json={"phone_number": "+18505550155"})
    assert (late.status_code, late.json()["phone_number"]) == (200, "+18505550155")
    room = await api.patch(one, json={"livekit_room_id": "room", "phone_number": "+18505550156"})
    assert (room.status_code, "ended" in room.text) == (409, True)
    async with app_server.database() as owner:
        await owner.execute(
            "update interactions set started_at = started_at - interval '1 h', ended_at = ended_at - interval '601 s' where id = $1",
            live,
        )
    assert (await api.patch(one, json={"phone_number": "+18505550157"})).status_code == 409
    assert (await api.get(one)).json()["phone_number"] == "+18505550155"


async def test_a_reaped_interaction_is_closed_late_by_its_provider(
    api: httpx.AsyncClient, app_server: AppServer, voice: Person, live: str
) -> None:
    one = f"/interactions/{live}"
    await reap(app_server, live)
    reaped = (await api.get(one)).json()
    assert (reaped["status"], reaped["end_reason"]) == ("failed", "disconnected")
    done = {
        "status": "completed",
        "end_reason": "customer_hung_up",
        "archive": {"summary": "Done.", "csat_score": 90},
    }
    closed = await api.post(f"{one}/end", json=done)
    assert (closed.status_code, closed.json()["status"]) == (200, "completed")
    assert closed.json()["ended_at"] == reaped["ended_at"], "it ended when it was reaped"
    assert (await api.post(f"{one}/end", json=done)).status_code == 200
    assert (await api.post(f"{one}/end", json={"status": "failed"})).status_code == 409
    async with app_server.database() as owner:
        changes = await owner.fetchval(
            "select changes from audit_logs where row_id = $1 and action = 'interactions.update'", live
        )
        await owner.execute("select private.fold_performance(null)")
        counted = await owner.fetchrow(
            "select completed, rated from private.performance_sums where key = $1 and span = 'day'", voice.id
        )
    assert changes["status"] == ["failed", "completed"]
    assert changes["end_reason"] == ["disconnected", "customer_hung_up"]
    assert counted is not None
    assert tuple(counted) == (1, 1)


async def test_what_failed_by_its_agents_word_stays_failed(api: httpx.AsyncClient, live: str) -> None:
    one = f"/interactions/{live}/end"
    assert (await api.post(one, json={"status": "failed"})).status_code == 200
    refused = await api.post(one, json={"status": "completed"})
    assert (refused.status_code, "already ended as failed" in refused.text) == (409, True)


async def test_an_interaction_is_found_by_its_external_id(
    api: httpx.AsyncClient, app_server: AppServer, chat: Person, live: str
) -> None:
    found = await api.get("/interactions", params={"external_id": "call-1"})
    assert (found.status_code, [one["id"] for one in found.json()]) == (200, [live])
    assert (await api.get("/interactions", params={"external_id": "call-2"})).json() == []
    async with app_server.api(chat.agents[0]) as outsider:
        assert (await outsider.get("/interactions", params={"external_id": "call-1"})).json() == []
    for wrong in ({}, {"external_id": ""}, {"external_id": "x" * 256}, {"external_id": "call\x00-1"}):
        refused = await api.get("/interactions", params=wrong)
        assert (refused.status_code, "external_id" in refused.text) == (422, True)


@pytest.mark.parametrize("fields", [{}, {"external_id": "call-2"}])
async def test_who_begins_another_is_told_which_one_is_active(
    api: httpx.AsyncClient, live: str, fields: dict[str, str]
) -> None:
    refused = await api.post("/interactions", json={"interaction_type": "voice"} | fields)
    assert refused.status_code == 409
    assert f"the agent already has an active interaction: {live}" in refused.json()["detail"]
    assert refused.json()["interaction"] == {"id": live, "external_id": "call-1", "status": "active"}


async def test_who_begins_it_twice_is_told_which_one_it_is(api: httpx.AsyncClient, live: str) -> None:
    await api.post(f"/interactions/{live}/end", json={"status": "completed"})
    refused = await api.post("/interactions", json={"interaction_type": "voice", "external_id": "call-1"})
    assert refused.status_code == 409
    assert "external_id" in refused.json()["detail"]
    assert refused.json()["interaction"] == {"id": live, "external_id": "call-1", "status": "completed"}

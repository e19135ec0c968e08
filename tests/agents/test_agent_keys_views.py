"""Keys on the page of an agent: made, shown once, last used, revoked at once."""

import asyncio
from uuid import uuid4

import httpx

from tests.agents.conftest import new_key, row, said
from tests.app_server import DEADLINE, AppServer, Person
from tests.conftest import until


async def test_a_key_is_shown_once_however_often_its_form_is_sent(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent_id = voice.agents[0].id
    form = {"name": "  Night   shift ", "key_id": str(uuid4())}
    both = await asyncio.gather(*(admin.post(f"/agents/{agent_id}/keys", data=form) for _ in range(2)))
    assert sorted(one.status_code for one in both) == [201, 303]
    again = await admin.post(f"/agents/{agent_id}/keys", data=form)
    assert said(again) == "shown"
    found = await row(
        app_server, "select count(*) as n, max(name) as name from agent_keys where id = $1", form["key_id"]
    )
    assert found == {"n": 1, "name": "Night shift"}
    assert "fw_" not in (await admin.get(f"/agents/{agent_id}")).text.replace("fw_…", "")
    for name in ("x" * 101, "a\x00b"):
        assert (await admin.post(f"/agents/{agent_id}/keys", data=form | {"name": name})).status_code == 422
    assert (await admin.post(f"/agents/{agent_id}/keys", data={"name": "x"})).status_code == 404


async def test_a_key_says_when_it_was_used_and_ends_at_once_with_what_waits(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    key = await new_key(admin, agent.id, "Laptop")
    page = f"/agents/{agent.id}"
    assert "never used" in (await admin.get(page)).text
    asked = await app_server.ask(agent, await app_server.start(agent))
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"{app_server.url}/api/v1", headers=headers, timeout=2 * DEADLINE
    ) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=50"))

        async def is_in_use() -> bool:
            return "in use" in (await admin.get(page)).text

        await until(is_in_use)
        found = await row(
            app_server, "select id from agent_keys where agent_id = $1 and name = 'Laptop'", agent.id
        )
        for _ in range(2):  # a double click
            assert said(await admin.post(f"{page}/keys/{found['id']}/revocation")) == "revoked"
        assert (await asyncio.wait_for(waiting, DEADLINE)).status_code == 401
        assert (await api.get("/agent")).status_code == 401
    async with app_server.api(agent) as api:  # its other key works on
        assert (await api.get("/agent")).status_code == 200
    other = await app_server.hire("voice")
    theirs = await row(app_server, "select id from agent_keys where agent_id = $1", other.agents[0].id)
    assert (await admin.post(f"{page}/keys/{theirs['id']}/revocation")).status_code == 404

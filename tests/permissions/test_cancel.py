"""An agent takes back a request, because the customer interrupted or the model changed its mind."""

import asyncio

import pytest

from tests.app_server import DEADLINE, AppServer, Person, decision


async def test_what_is_taken_back_is_cancelled_at_once(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    path = f"/tool-permissions/{asked['id']}"
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        waiting = asyncio.create_task(api.get(f"{path}?wait=30"))
        await asyncio.sleep(0.2)
        taken = await api.delete(path)
        assert (taken.status_code, taken.json()["status"]) == (200, "cancelled")
        assert (await asyncio.wait_for(waiting, DEADLINE)).json()["status"] == "cancelled"
        assert (await api.delete(path)).json()["status"] == "cancelled", "again is no error"
        page = (await browser.get("/")).text
        assert f'id="tool-permission-{asked["id"]}"' in page
        assert "cancelled" in page
        late = await browser.post(f"{path}/decision", data=decision(asked, "allowed"))
        assert (late.status_code, "Too late: the agent took the request" in late.text) == (409, True)


@pytest.mark.parametrize("status", ["allowed", "denied"])
async def test_what_is_decided_is_not_taken_back(app_server: AppServer, voice: Person, status: str) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    path = f"/tool-permissions/{asked['id']}"
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        await browser.post(f"{path}/decision", data=decision(asked, status))
        refused = await api.delete(path)
        assert (refused.status_code, f"already {status}" in refused.text) == (409, True)
        assert (await api.get(path)).json()["status"] == status


async def test_an_allow_that_is_held_is_taken_back_with_it(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner:
        await owner.execute("update agent_tools set undo_seconds = 60 where agent_id = $1", agent.id)
    asked = await app_server.ask(agent, await app_server.start(agent))
    path = f"/tool-permissions/{asked['id']}"
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        await browser.post(f"{path}/decision", data=decision(asked, "allowed"))
        assert (await api.delete(path)).json()["status"] == "cancelled"


async def test_anothers_is_unknown(app_server: AppServer, voice: Person, chat: Person) -> None:
    asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
    async with app_server.api(chat.agents[0]) as outsider, app_server.api(voice.agents[0]) as api:
        assert (await outsider.delete(f"/tool-permissions/{asked['id']}")).status_code == 404
        assert (await api.delete(f"/tool-permissions/{'0' * 8}-0000-4000-8000-{'0' * 12}")).status_code == 404
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"

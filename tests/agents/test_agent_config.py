"""Known keys of the configuration are obeyed, and an interaction says with which version it ran."""

from uuid import UUID

import httpx

from tests.agents.conftest import edited, row
from tests.app_server import AppServer, Person
from tests.conftest import until


async def test_an_interaction_ends_after_the_longest_duration_with_which_it_began(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    await edited(admin, agent.id, 1, name=agent.name, max_call_duration="2")
    interaction = await app_server.start(agent)
    asked = await app_server.ask(agent, interaction)
    await edited(admin, agent.id, 2, name=agent.name, max_call_duration="3600")
    async with app_server.api(agent) as api:

        async def has_ended() -> bool:
            return bool((await api.get(f"/interactions/{interaction}")).json()["status"] != "active")

        await until(has_ended)
        ended = (await api.get(f"/interactions/{interaction}")).json()
        assert (ended["status"], ended["end_reason"]) == ("completed", "timeout")
        assert ended["duration_seconds"] >= 2
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "cancelled"
        late = {"status": "completed", "archive": {"summary": "It took too long."}}
        assert (await api.post(f"/interactions/{interaction}/end", json=late)).status_code == 200
        longer = await app_server.start(agent)
        assert (await api.get("/agent")).json()["status"] == "in_call"
    found = await row(
        app_server,
        """select (select agent_version from interactions where id = $1) as first,
          (select agent_version from interactions where id = $2) as second,
          (select round(extract(epoch from ends_at - started_at)) from interaction_pulse where interaction_id = $2)::integer as seconds""",
        UUID(interaction),
        UUID(longer),
    )
    assert found == {"first": 2, "second": 3, "seconds": 3600}
    page = (await admin.get(f"/interactions/{interaction}")).text
    assert "version 2" in page
    assert f"/agents/{agent.id}?version=2" in page

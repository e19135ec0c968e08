"""How an agent asks, waits and runs a tool once."""

import asyncio

from tests.site import Person, Site


async def test_an_allowed_request_answers_the_waiting_agent_and_is_executed_once(
    site: Site, voice: Person
) -> None:
    agent = voice.agents[0]
    interaction = await site.start(agent, phone_number="+18505550155")
    asked = await site.ask(agent, interaction)
    assert asked["status"] == "pending"
    async with site.api(agent) as api, site.browser_of(voice) as browser:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        await asyncio.sleep(0.2)
        decided = await browser.post(f"/tool-permissions/{asked['id']}/decision", data={"status": "allowed"})
        assert decided.status_code == 303
        answer = (await asyncio.wait_for(waiting, 5)).json()
        assert (answer["status"], answer["responded_by"]) == ("allowed", voice.username)
        claim = {"arguments_digest": answer["arguments_digest"]}
        claims = await asyncio.gather(
            *(api.post(f"/tool-permissions/{asked['id']}/execution", json=claim) for _ in range(5))
        )
        assert sorted(c.status_code for c in claims) == [201, 409, 409, 409, 409]

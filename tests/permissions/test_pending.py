"""An agent that asks for much hides nobody else's requests."""

import asyncio

import asyncpg
import httpx
import pytest

from tests.conftest import a_folder, free_port, serving
from tests.site import Agent, Person, Site, decision

MOST = 10


async def ask(site: Site, agent: Agent, interaction: str, count: int) -> list[httpx.Response]:
    """So many requests at once."""
    body = {"tool_name": "issue_refund", "arguments": {"amount": 1}}
    async with site.api(agent) as api:
        path = f"/interactions/{interaction}/tool-permissions"
        return list(await asyncio.gather(*(api.post(path, json=body) for _ in range(count))))


async def test_an_agent_has_ten_pending_requests_at_most(site: Site, voice: Person) -> None:
    agent = voice.agents[0]
    interaction = await site.start(agent)
    answers = await ask(site, agent, interaction, 25)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (MOST, 15)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert "the agent already has 10 pending requests" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    # What needs no permission is not kept waiting, and each decision makes room for one.
    assert (await site.ask(agent, interaction, tool_name="check_order"))["status"] == "allowed"
    first = next(answer.json() for answer in answers if answer.status_code == 201)
    async with site.browser_of(voice) as browser:
        answer = await browser.post(
            f"/tool-permissions/{first['id']}/decision", data=decision(first, "denied")
        )
        assert answer.status_code == 303
    statuses = [answer.status_code for answer in await ask(site, agent, interaction, 3)]
    assert sorted(statuses) == [201, 429, 429]


async def test_the_database_says_so_to_a_worker_on_plain_sql(site: Site, voice: Person) -> None:
    interaction = await site.start(voice.agents[0])
    insert = "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund')"
    async with site.database() as owner, owner.transaction():
        await owner.execute("set local role service_role")
        for _ in range(MOST):
            await owner.execute(insert, interaction)
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await owner.execute(insert, interaction)
    assert refusal.value.sqlstate == "FW429"


async def test_the_setting_is_obeyed_and_a_full_floor_is_fair() -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), PENDING_PER_AGENT="60") as site:
        person = await site.hire("voice", agents=3)
        loud, quiet, third = person.agents
        live = [await site.start(agent) for agent in person.agents]
        assert {a.status_code for a in await ask(site, loud, live[0], 60)} == {201}
        asked = [
            await site.ask(quiet, live[1]),
            await site.ask(third, live[2]),
            await site.ask(quiet, live[1]),
        ]
        admin = await site.hire("admin")
        for who, most in ((person, 50), (admin, 60)):
            async with site.browser_of(who) as browser:
                page = (await browser.get("/")).text
            shown = page.split('id="tool-permission-')[1:]
            assert len(shown) == most
            places = [next(n for n, card in enumerate(shown) if card.startswith(one["id"])) for one in asked]
            assert places == [1, 2, 4], "each agent's oldest, then each agent's second"
            assert f"{63 - most} more wait" in page
            assert '<span id="pending-count">63</span>' in page
        async with site.browser_of(person) as browser:
            last = asked[-1]
            done = await browser.post(
                f"/tool-permissions/{last['id']}/decision", data=decision(last, "allowed")
            )
            assert done.status_code == 303


async def test_a_page_stays_small_whatever_agents_send(site: Site) -> None:
    """Thirty requests, each as large as can be, make a page that a phone can load; the rest is behind a link."""
    person = await site.hire("chat", agents=3)
    other = await site.hire("chat")
    for number, agent in enumerate(person.agents):
        live = await site.start(agent)
        worst = [
            {"note": '"&<' * 8000},
            {f"name {n} <&>": "<&>" for n in range(900)},
            {"n" * 20_000: ["\n"] * 900},
        ]
        for _ in range(MOST):
            asked = await site.ask(agent, live, arguments=worst[number])
    async with site.browser_of(person) as browser, site.browser_of(other) as stranger:
        page = (await browser.get("/")).text
        assert page.count('class="tool-permission pending"') == 30
        assert len(page.encode()) < 700_000
        assert page.count("open all arguments") == 30
        one = await browser.get(f"/tool-permissions/{asked['id']}")
        assert one.status_code == 200
        assert "n" * 20_000 in one.text
        assert (await stranger.get(f"/tool-permissions/{asked['id']}")).status_code == 404
        assert (await browser.get("/tool-permissions/x")).status_code == 404

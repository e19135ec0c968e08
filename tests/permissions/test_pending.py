"""An agent with many requests does not hide the requests of others."""

import asyncio
import json
import re
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.app_server import Agent, AppServer, Person, decision
from tests.conftest import a_folder, free_port, prepared, serving

MOST = 10


async def ask(app_server: AppServer, agent: Agent, interaction: str, count: int) -> list[httpx.Response]:
    """So many requests at once."""
    body = {"tool_name": "issue_refund", "arguments": {"amount": 1}}
    async with app_server.api(agent) as api:
        path = f"/interactions/{interaction}/tool-permissions"
        return list(await asyncio.gather(*(api.post(path, json=body) for _ in range(count))))


async def test_an_agent_has_ten_pending_requests_at_most(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    answers = await ask(app_server, agent, interaction, 25)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (MOST, 15)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert "the agent already has 10 pending requests" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    # Requests that need no permission do not count, and each decision makes space for one.
    assert (await app_server.ask(agent, interaction, tool_name="check_order"))["status"] == "allowed"
    first = next(answer.json() for answer in answers if answer.status_code == 201)
    async with app_server.browser_of(voice) as browser:
        answer = await browser.post(
            f"/tool-permissions/{first['id']}/decision", data=decision(first, "denied")
        )
        assert answer.status_code == 303
    statuses = [answer.status_code for answer in await ask(app_server, agent, interaction, 3)]
    assert sorted(statuses) == [201, 429, 429]


async def test_the_database_says_so_to_a_worker_on_plain_sql(app_server: AppServer, voice: Person) -> None:
    interaction = await app_server.start(voice.agents[0])
    insert = "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund')"
    async with app_server.database() as owner, owner.transaction():
        await owner.execute("set local role service_role")
        for _ in range(MOST):
            await owner.execute(insert, interaction)
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await owner.execute(insert, interaction)
    assert refusal.value.sqlstate == "FW429"


async def test_the_setting_is_obeyed_and_a_full_floor_is_fair() -> None:
    with (
        a_folder() as folder,
        serving(prepared(folder / "home"), free_port(), PENDING_PER_AGENT="60") as app_server,
    ):
        person = await app_server.hire("voice", agents=3)
        loud, quiet, third = person.agents
        live = [await app_server.start(agent) for agent in person.agents]
        assert {a.status_code for a in await ask(app_server, loud, live[0], 60)} == {201}
        asked = [
            await app_server.ask(quiet, live[1]),
            await app_server.ask(third, live[2]),
            await app_server.ask(quiet, live[1]),
        ]
        admin = await app_server.hire("admin")
        for who, most in ((person, 50), (admin, 50)):
            async with app_server.browser_of(who) as browser:
                page = (await browser.get("/")).text
            shown = page.split('id="tool-permission-')[1:]
            assert len(shown) == most
            places = [next(n for n, card in enumerate(shown) if card.startswith(one["id"])) for one in asked]
            assert places == [1, 2, 4], "each agent's oldest, then each agent's second"
            assert f"{63 - most} more" in page
            assert ">63</span>" in page
        async with app_server.browser_of(person) as browser:
            last = asked[-1]
            done = await browser.post(
                f"/tool-permissions/{last['id']}/decision", data=decision(last, "allowed")
            )
            assert done.status_code == 303


SMALL = 300_000  # bytes of HTML
WORST = [
    {"note": '"&<' * 8000},
    {f"name {n} <&>": "<&>" for n in range(900)},
    {"n" * 20_000: ["\n"] * 900},
    {f"&{n}": "\u202e&" * 200 for n in range(40)},
    {"deep": json.loads("[" * 40 + "]" * 40), "\u0430mount": 1, "amount": 2},
]


async def send_the_worst(app_server: AppServer, person: Person, requests: int) -> list[str]:
    """All that an agent can send, as large as it can be; the interactions."""
    lives = []
    for number, agent in enumerate(person.agents):
        live = await app_server.start(agent)
        lives.append(live)
        async with app_server.api(agent) as api:
            for n in range(3):
                metric = {"sentiment": "critical", "satisfaction_score": n, "feed_text": '&"<\u202e' * 125}
                assert (await api.post(f"/interactions/{live}/metrics", json=metric)).status_code == 202
            for start in range(0, 60, 20):
                turns = [{"speaker": "agent", "text": f"{start + n:04}" + "&" * 3990} for n in range(20)]
                answer = await api.post(f"/interactions/{live}/turns", json=turns)
                assert answer.status_code in (201, 202), answer.text
        for n in range(requests):
            what = {"tool_name": '"' * 255, "tool_description": "<&" * 2000}
            await app_server.ask(agent, live, **what, arguments=WORST[(number + n) % len(WORST)])
    return lives


async def test_a_page_stays_small_whatever_agents_send(app_server: AppServer) -> None:
    """A phone can load the page; the rest is behind a link."""
    people = [await app_server.hire("chat", agents=3) for _ in range(7)]
    lives = [
        await send_the_worst(app_server, person, MOST if person is people[0] else 3) for person in people
    ]
    admin = await app_server.hire("admin")
    async with app_server.browser_of(people[0]) as browser, app_server.browser_of(admin) as wall:
        floor = (await browser.get("/")).text
        assert floor.count('class="tool-permission pending"') == 30
        assert floor.count("open all arguments") == 30
        wallboard = (await wall.get("/")).text
        assert len(re.findall('class="tool-permission (?:pending|held)"', wallboard)) == 50
        interaction = (await browser.get(f"/interactions/{lives[0][0]}")).text
        assert interaction.count('class="tool-permission pending"') == MOST
        assert ">Earlier lines</a>" in interaction
        one = re.search(r'href="(/tool-permissions/[0-9a-f-]+)"', floor)
        assert one is not None
        whole = (await browser.get(one[1])).text
        for page in (floor, wallboard, interaction, whole):
            assert len(page.encode()) <= SMALL
        async with app_server.api(people[0].agents[0]) as api:
            summary = {"summary": "&" * 10_000, "tags": {"topics": ["&" * 255] * 50, "issues": []},
              "issues": [{"issue": "&" * 500, "status": "resolved"}] * 50}  # fmt: skip
            await api.post(f"/interactions/{lives[0][0]}/end", json={"status": "completed"})
            answer = await api.put(f"/interactions/{lives[0][0]}/archive", json=summary)
            assert answer.status_code in (200, 201), answer.text
        over = (await browser.get(f"/interactions/{lives[0][0]}")).text
        assert len(over.encode()) <= SMALL


async def test_all_arguments_are_behind_the_link_for_who_may_see_them(app_server: AppServer) -> None:
    person, other = await app_server.hire("chat"), await app_server.hire("chat")
    agent = person.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), arguments={"n" * 20_000: 1})
    async with app_server.browser_of(person) as browser, app_server.browser_of(other) as outsider:
        one = await browser.get(f"/tool-permissions/{asked['id']}")
        assert one.status_code == 200
        assert "n" * 20_000 in one.text
        assert (await outsider.get(f"/tool-permissions/{asked['id']}")).status_code == 404
        assert (await browser.get("/tool-permissions/x")).status_code == 404


async def test_of_more_than_fit_one_that_expires_soon_is_there(app_server: AppServer) -> None:
    """Fifty agents ask for the first time; another one's second request has half a minute left."""
    async with app_server.database("supabase_admin") as owner:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            "update tool_permissions set status = 'cancelled', responded_at = now() where status = 'pending'"
        )
        asked = """insert into tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments_digest, requested_at, expires_at)
          values (gen_random_uuid(), $1, $2, 'pay', 'digest', now() - $3::integer * interval '1 s', now() + $4::integer * interval '1 s') returning id"""
        person = uuid4()
        soon = []
        for n in range(60):
            agent = uuid4()
            await owner.execute(asked, agent, person, 10, 300)
            if n == 59:
                soon = [await owner.fetchval(asked, agent, person, 5, 30)]
        for whose in (None, [person]):
            found = await owner.fetchrow("select ids, more from private.waiting_in_turn($1, 50)", whose)
            assert found is not None
            assert found["ids"][:1] == soon
            assert (len(found["ids"]), found["more"]) == (50, 11)
        await transaction.rollback()

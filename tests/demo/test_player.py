"""A script played through the agent API of the real server, with a supervisor who decides."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from server.demo import demo
from server.demo.client import AgentClient, Channel, Refused
from server.demo.player import Played, Script, Tool, play
from server.demo.replay import replay as play_all
from server.demo.scripts import SCRIPTS
from tests.app_server import Agent, AppServer, Person, decision
from tests.conftest import until

KETTLE = SCRIPTS[0]
SPEED = 400


@dataclass(frozen=True, slots=True)
class Desk:
    """A supervisor with three agents that have the tools of the sample agent, signed in."""

    person: Person
    browser: httpx.AsyncClient

    @property
    def agents(self) -> list[Agent]:
        return self.person.agents


Desks = dict[Channel, Desk]


@asynccontextmanager
async def a_desk(app_server: AppServer, channel: Channel) -> AsyncIterator[Desk]:
    person = await app_server.hire(channel, agents=0)
    async with app_server.database() as owner:
        sample = f"{channel.capitalize()} Agent 1"
        mcp_tools = await owner.fetchval("select mcp_tools from agents where name = $1", sample)
    for number in range(3):
        name = f"{person.username} {number + 1}"
        person.agents.append(await app_server.add_agent(person, channel, name, mcp_tools))
    async with app_server.browser_of(person) as browser:
        yield Desk(person, browser)


@pytest.fixture(scope="module")
async def desks(app_server: AppServer) -> AsyncIterator[Desks]:
    async with a_desk(app_server, "voice") as voice, a_desk(app_server, "chat") as chat:
        yield {"voice": voice, "chat": chat}


@asynccontextmanager
async def deciding(app_server: AppServer, desks: Desks, status: str = "allowed") -> AsyncIterator[None]:
    """Meanwhile every permission is answered: by its supervisor, or as the database does by itself."""
    browsers = {desk.person.id: desk.browser for desk in desks.values()}

    async def decide() -> None:
        async with app_server.database("supabase_admin") as owner:
            while True:
                pending = await owner.fetch(
                    "select id, supervisor_id, arguments_digest from tool_permissions where status = 'pending' and supervisor_id = any ($1)",
                    list(browsers),
                )
                for row in pending:
                    if status in ("allowed", "denied"):
                        form = decision(row, status, reason="so")
                        url = f"/tool-permissions/{row['id']}/decision"
                        answer = await browsers[row["supervisor_id"]].post(url, data=form)
                        assert answer.status_code == 303, answer.text
                    elif status == "timeout":
                        await owner.execute(
                            "set session_replication_role = replica"
                        )  # changes the time without the trigger
                        await owner.execute(
                            "update tool_permissions set expires_at = clock_timestamp() where id = $1",
                            row["id"],
                        )
                        await owner.execute("set session_replication_role = origin")
                    else:
                        await owner.execute(
                            "update tool_permissions set status = $2 where id = $1", row["id"], status
                        )
                await asyncio.sleep(0.03)

    task = asyncio.create_task(decide())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(scope="module")
async def played(app_server: AppServer, desks: Desks) -> dict[str, Played]:
    """Every script, played at the same time by six agents; all they ask for is allowed."""
    agents = [(agent.key, agent.channel) for desk in desks.values() for agent in desk.agents]
    async with deciding(app_server, desks):
        found = await play_all(app_server.url, agents, SCRIPTS, speed=SPEED, voice_share=0)
    return {one.script.name: one for one in found}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
async def test_script_plays_to_its_end(
    app_server: AppServer, played: dict[str, Played], script: Script
) -> None:
    one = played[script.name]
    assert one.trouble is None
    async with app_server.database() as owner:
        ended = await owner.fetchrow(
            """select i.status, i.phone_number, a.summary, a.issues, a.tags, a.csat_score, a.resolution_time_seconds
            from interactions i join interaction_archives a on a.interaction_id = i.id where i.id = $1""",
            one.interaction_id,
        )
        turns = await owner.fetch(
            "select speaker from interaction_turns where interaction_id = $1 order by captured_at",
            one.interaction_id,
        )
        asked = await owner.fetch(
            """select arguments::text as arguments, known_tool, execution_succeeded, execution_result
            from tool_permissions where interaction_id = $1 order by requested_at""",
            one.interaction_id,
        )
    assert ended is not None
    assert dict(ended) == {
        "status": script.status,
        "phone_number": script.phone,
        **script.archive.as_json(),
    }
    assert [turn["speaker"] for turn in turns] == [getattr(step, "speaker", "tool") for step in script.steps]
    steps = [step for step in script.steps if isinstance(step, Tool) and step.asks]
    assert [
        (json.loads(row["arguments"]), row["known_tool"], row["execution_succeeded"], row["execution_result"])
        for row in asked
    ] == [(step.arguments, True, step.succeeds, step.result) for step in steps]


async def test_metrics_come_at_every_turn_and_every_five_seconds(app_server: AppServer, desks: Desks) -> None:
    long_pause = replace(KETTLE, steps=(KETTLE.steps[0], replace(KETTLE.steps[1], at=31)))
    async with AgentClient(app_server.url, desks["voice"].agents[0].key) as client:
        one = await play(client, long_pause, 20)
    assert one.trouble is None
    quiet = [metric for metric in one.metrics if metric.feed_text is None]
    assert 4 <= len(quiet) <= 6
    assert len(one.metrics) == len(one.turns) + len(quiet)
    stamps = [metric.captured_at for metric in one.metrics]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize("status", ["denied", "timeout", "cancelled"])
async def test_without_a_yes_the_tool_does_not_run(app_server: AppServer, desks: Desks, status: str) -> None:
    async with (
        AgentClient(app_server.url, desks["voice"].agents[0].key) as client,
        deciding(app_server, desks, status),
    ):
        one = await play(client, replace(KETTLE, steps=KETTLE.steps[5:8]), SPEED)
    assert one.trouble is None
    assert [(each.status, each.execution_id) for each in one.permissions] == [(status, None)]
    async with app_server.database() as owner:
        count = "select count(executed_at) from tool_permissions where interaction_id = $1"
        assert await owner.fetchval(count, one.interaction_id) == 0
    texts = [turn.text for turn in one.turns]
    assert f"issue_refund not run: {status}" + (": so" if status == "denied" else "") in texts
    assert "I may not pay it back myself" in " ".join(texts)


async def test_busy_agent_is_trouble_and_the_demo_ends_what_was_left(
    app_server: AppServer, desks: Desks
) -> None:
    async with AgentClient(app_server.url, desks["voice"].agents[0].key) as client:
        left = await client.start("voice", KETTLE.phone)
        one = await play(client, KETTLE, SPEED)
        assert isinstance(one.trouble, Refused)
        assert one.interaction_id is None
        await demo.recover(client, one)
        assert (await client.agent())["active_interaction_id"] is None
    async with app_server.database() as owner:
        assert await owner.fetchval("select status from interactions where id = $1", left) == "failed"


def first_words(script: Script) -> Script:
    return replace(script, steps=script.steps[:2])


async def test_who_comes_back_in_the_demo_breaks_the_first_contact(
    app_server: AppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "SCRIPTS", [first_words(s) for s in SCRIPTS if s.channel == "voice"])
    second = next(script for script in SCRIPTS if script.follows and script.channel == "voice")
    first = next(script for script in SCRIPTS if script.name == second.follows)
    agent = (await app_server.hire("voice")).agents[0]
    summaries = """
    select a.summary, i.phone_number, a.fcr_status
    from interactions i join interaction_archives a on a.interaction_id = i.id where i.agent_id = $1
    order by i.started_at
    """
    async with app_server.database() as owner:

        async def told() -> bool:
            return second.archive.summary in [
                row["summary"] for row in await owner.fetch(summaries, agent.id)
            ]

        playing = asyncio.create_task(demo.play_all(app_server.url, [(agent.key, "voice")], speed=SPEED))
        try:
            await until(told)
        finally:
            playing.cancel()
            await asyncio.wait([playing])
        rows = await owner.fetch(summaries, agent.id)
    ends = {row["summary"]: row for row in reversed(rows)}
    one, two = ends[first.archive.summary], ends[second.archive.summary]
    assert one["phone_number"] == two["phone_number"]
    assert (one["fcr_status"], two["fcr_status"]) == (False, True)
    assert [row["phone_number"] for row in rows].count(one["phone_number"]) == 2


async def test_replay_keeps_order_and_no_more_at_once_than_allowed(
    app_server: AppServer, desks: Desks
) -> None:
    agents = [(agent.key, agent.channel) for desk in desks.values() for agent in desk.agents[:2]]
    scripts = [first_words(script) for script in SCRIPTS if script.channel == "chat"]
    found = await play_all(app_server.url, agents, scripts, speed=SPEED, at_once=2, voice_share=0.34)
    assert [one.script.name for one in found] == [script.name for script in scripts]
    assert not [one.trouble for one in found if one.trouble]
    assert [one.script.channel for one in found].count("voice") == 2
    async with app_server.database() as owner:
        most = await owner.fetchval(
            """select max((select count(*) from interactions o where o.id = any ($1)
              and i.started_at >= o.started_at and i.started_at < o.ended_at))
            from interactions i where i.id = any ($1)""",
            [one.interaction_id for one in found],
        )
    assert most == 2

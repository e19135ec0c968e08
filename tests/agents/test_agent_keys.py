"""The agent-key commands, beside the running server."""

import asyncio
import secrets

from server.agents import agent_keys
from tests.app_server import AppServer, Person
from tests.test_ends import at_once
from tests.test_process import command, sentence


def lines(app_server: AppServer, *words: str) -> list[str]:
    said = command("agent-key", *words, FLOORWALKER_HOME=str(app_server.home))
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


async def hint_of(app_server: AppServer, person: Person) -> str:
    async with app_server.database() as owner:
        return str(
            await owner.fetchval("select hint from agent_keys where agent_id = $1", person.agents[0].id)
        )


async def test_a_key_is_listed_with_whose_it_is_and_never_as_itself(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    titles, row = await asyncio.to_thread(lines, app_server, "list", "--agent", agent.name)
    assert titles.split() == ["id", "agent", "supervisor", "name", "key", "created", "last", "used", "state"]
    for words in (agent.name, voice.username, f"fw_…{agent.key[-4:]}", "UTC", "live"):
        assert words in row
    assert agent.key not in row
    for more in ([], ["--agent", str(agent.id)]):  # columns are as wide as what else is in the list
        listed = await asyncio.to_thread(lines, app_server, "list", *more)
        assert row.split() in [line.split() for line in listed]
    async with app_server.database() as owner:
        await owner.execute("update agents set retired_at = now() where id = $1", agent.id)
    assert (await asyncio.to_thread(lines, app_server, "list", "--agent", agent.name))[1].endswith(
        "agent retired"
    )


async def test_a_revoked_key_ends_what_waits_and_revoking_again_changes_nothing(
    app_server: AppServer, voice: Person
) -> None:
    agent, hint = voice.agents[0], await hint_of(app_server, voice)
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=50"))
        revoking = asyncio.create_task(
            asyncio.to_thread(lines, app_server, "revoke", hint, "--agent", agent.name)
        )
        (said,) = await revoking
        assert said.startswith(f"revoked: key {hint} of {agent.name} ({voice.username}), id ")
        await at_once(api, waiting.done)
        assert (await waiting).status_code == 401
        assert (await api.get("/agent")).status_code == 401
    async with app_server.database() as owner:
        moment = await owner.fetchval("select revoked_at from agent_keys where agent_id = $1", agent.id)
        for word in (hint[-4:], said.rpartition(" ")[2].upper()):
            (again,) = await asyncio.to_thread(lines, app_server, "revoke", word, "--agent", str(agent.id))
            assert again.startswith("revoked ")
            assert f"already: key {hint} of {agent.name}" in again
        assert moment == await owner.fetchval(
            "select revoked_at from agent_keys where agent_id = $1", agent.id
        )
    (_, row) = await asyncio.to_thread(lines, app_server, "list", "--agent", agent.name)
    assert f"revoked {moment:%Y-%m-%d %H:%M} UTC" in row


async def test_a_key_that_is_not_clear_is_one_sentence(app_server: AppServer, voice: Person) -> None:
    home, agent = {"FLOORWALKER_HOME": str(app_server.home)}, voice.agents[0]
    hint = secrets.token_hex(4)
    async with app_server.database() as owner:
        for _ in range(2):
            await agent_keys.create_for(owner, agent.id, hint=hint)
        several = await asyncio.to_thread(command, "agent-key", "revoke", hint, **home)
        rows = await owner.fetch("select id, revoked_at from agent_keys where hint = $1", hint)
        sentence(several, "Several valid keys", *(str(row["id"]) for row in rows))
        assert [row["revoked_at"] for row in rows] == [None, None]
        await asyncio.to_thread(lines, app_server, "revoke", str(rows[0]["id"]))
        # One that works is left, and it is the one that is meant.
        await asyncio.to_thread(lines, app_server, "revoke", hint)
        assert not await owner.fetchval(
            "select exists (select from agent_keys where hint = $1 and revoked_at is null)", hint
        )
    for words, complaint in {
        ("revoke", "nothing"): "There is no key 'nothing'.",
        ("revoke", "nothing", "--agent", agent.name): f"There is no key 'nothing' of agent '{agent.name}'.",
        ("revoke", hint, "--agent", "Nobody"): "There is no agent 'Nobody'.",
        ("list", "--agent", "Nobody"): "There is no agent 'Nobody'.",
    }.items():
        sentence(await asyncio.to_thread(command, "agent-key", *words, **home), complaint)

"""`floorwalker import-sdr`: rows that are refused with their reason, beside others that are imported."""

from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from tests.app_server import AppServer, Person
from tests.cli.sdr_files import add, add_agent, add_call, change, import_, one, rows_of

pytestmark = pytest.mark.full  # each runs the command, for more than a second

Rows: TypeAlias = list[tuple[dict[str, Any], str]]  # what a bad row has, and why it is refused

AGENTS: Rows = [
    ({"name": ""}, "name has 1 to 255 characters"),
    ({"name": "x" * 256}, "name has 1 to 255 characters"),
    ({"name": "a\0b"}, "name has a NUL character"),
    ({"name": b"\xff\xfe"}, "name is not UTF-8 text"),
    ({"system_prompt": "x" * 100_001}, "system_prompt has at most 100000 characters"),
    ({"first_message": "x" * 4001}, "first_message has at most 4000 characters"),
    ({"voice_id": "x" * 101}, "voice_provider has 1 to 50 characters, voice_id 1 to 100, and voice_name at most 255"),
    ({"interrupt_enabled": "perhaps"}, "interrupt_enabled is perhaps, and not 0 or 1"),
    ({"silence_threshold_sec": "soon"}, "silence_threshold_sec is soon, and no number"),
    ({"silence_threshold_sec": 0}, "silence_threshold_seconds is more than 0 and at most 60"),
    ({"silence_threshold_sec": float("inf")}, "silence_threshold_seconds is more than 0 and at most 60"),
    ({"created_at": "yesterday"}, "created_at is yesterday, and no date with a time"),
    ({"created_at": "0001-01-01 00:00:00+14:00"}, "created_at is 0001-01-01 00:00:00+14:00, and no date with a time"),
    ({"created_at": "9999-12-31 23:59:59"}, "created_at is 9999-12-31 23:59:59, and not between 1970 and today"),
    ({"created_at": "1900-01-01"}, "created_at is 1900-01-01, and not between 1970 and today"),
]  # fmt: skip
TOOLS: Rows = [
    ({"name": ""}, "tool_name has 1 to 255 characters"),
    ({"description": "x" * 4001}, "description has at most 4000 characters"),
    ({"required_params": "date, note"}, "required_params is not JSON"),
    ({"required_params": "[" * 100_000}, "required_params is not JSON"),
    ({"required_params": '{"date": 1}'}, "required_params is not a list"),
    ({"optional_params": "[1]"}, "optional_params is not a list of names or of objects with a name"),
    ({"optional_params": '[{"name": "x", "type": 1}]'}, "optional_params has a name, a type or a description that is no text"),
    ({"optional_params": r'["a\u0000b"]'}, "optional_params has a NUL character"),
    ({"optional_params": r'["\ud800"]'}, "optional_params has half of a surrogate pair"),
    ({"tool_id": ""}, "tool_id is empty"),
]  # fmt: skip
CALLS: Rows = [
    ({"status": "ringing"}, "status is ringing, and none of completed, failed, disconnected, timeout, in-progress"),
    ({"status": "a\nb"}, r'status is "a\nb", and none of'),
    ({"ended_at": "2026-11-01 09:00:00"}, "an interaction ends after it started"),
    ({"started_at": "12345"}, "started_at is 12345, and no date with a time"),
    ({"ended_at": "3026-11-01 09:00:00"}, "ended_at is 3026-11-01 09:00:00, and not between 1970 and today"),
    ({"transcript": "Agent: a\0b"}, "transcript has a NUL character"),
    ({"transcript": r'[{"role": "user", "content": "a\u0000b"}]'}, "transcript has a NUL character"),
    ({"transcript": r'[{"role": "user", "content": "\ud800"}]'}, "transcript has half of a surrogate pair"),
    ({"transcript": b"Agent: \xff"}, "transcript is not UTF-8 text"),
    ({"phone_number": "call me " * 40}, "caller has at most 255 characters"),
    ({"conversation_id": "x" * 256}, "external_id has 1 to 255 characters"),
    ({"conversation_id": ""}, "conversation_id is empty"),
    ({"agent_id": "nobody"}, "its agent is neither here nor imported"),
    ({"started_at": None, "created_at": None, "ended_at": None}, "started_at, created_at and ended_at are missing"),
]  # fmt: skip


def lines(rows: Rows) -> list[str]:
    return [reason for _, reason in rows]


async def test_agents_that_are_refused(app_server: AppServer, boss: Person, file: Path) -> None:
    for values, _ in AGENTS:
        add_agent(file, boss, **values)
    good = add_agent(file, boss)
    answer = await import_(app_server, file)
    assert answer.returncode == 1
    *refused, imported, total = answer.stdout.splitlines()
    assert [line.partition(": refused: ")[2] for line in refused] == lines(AGENTS)
    assert imported == f"agent {good}: imported"
    assert total == f"{len(AGENTS) + 1} rows: 1 imported, 0 changed, 0 unchanged, {len(AGENTS)} refused"


async def test_a_tool_that_is_refused_takes_its_agent_and_its_other_tools_along(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    for values, _ in TOOLS:
        agent = add_agent(file, boss)
        add(file, "agent_tools", tool_id=str(uuid4()), agent_id=agent, name="fine", description="x")
        told = {"tool_id": str(uuid4()), "agent_id": agent, "name": "bad", "description": "x"}
        add(file, "agent_tools", **(told | values))
    add(file, "agent_tools", tool_id=str(uuid4()), agent_id="nobody", name="x", description="x")
    answer = await import_(app_server, file)
    *refused, orphan, total = answer.stdout.splitlines()
    assert [line.split(": ", 3)[3] for line in refused[::3]] == lines(TOOLS)
    assert {line.partition(": ")[2] for line in refused if line.startswith("tool")} == {
        "refused: its agent is refused"
    }
    assert orphan.endswith(": refused: its agent nobody is not in the file")
    assert (
        total
        == f"{3 * len(TOOLS) + 1} rows: 0 imported, 0 changed, 0 unchanged, {3 * len(TOOLS) + 1} refused"
    )
    assert not (await rows_of(app_server, boss))["agent_tools"]


async def test_two_tools_of_one_name_are_refused(app_server: AppServer, boss: Person, file: Path) -> None:
    agent = add_agent(file, boss)
    first, second = (str(uuid4()) for _ in range(2))
    for tool in (first, second):
        add(file, "agent_tools", tool_id=tool, agent_id=agent, name="pay", description="x")
    answer = await import_(app_server, file)
    said = f"agent {agent}: refused: tool {second}: the agent has a tool of this name or id already"
    assert answer.stdout.splitlines()[0] == said


async def test_a_good_agent_that_turns_bad_keeps_what_it_was(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    agent = add_agent(file, boss)
    add(file, "agent_tools", tool_id=agent, agent_id=agent, name="pay", description="x")
    await import_(app_server, file)
    before = await rows_of(app_server, boss)
    change(file, "agents", "true", name="Grace")
    change(file, "agent_tools", "true", required_params="?")
    answer = await import_(app_server, file)
    assert answer.stdout.endswith("2 rows: 0 imported, 0 changed, 0 unchanged, 2 refused\n")
    assert await rows_of(app_server, boss) == before


async def test_conversations_that_are_refused(app_server: AppServer, boss: Person, file: Path) -> None:
    agent = add_agent(file, boss)
    for values, _ in CALLS:
        add_call(file, agent, **values)
    good = add_call(file, agent)
    answer = await import_(app_server, file)
    first, *refused, imported, total = answer.stdout.splitlines()
    assert (first, imported) == (f"agent {agent}: imported", f"conversation {good}: imported")
    found = [line.partition(": refused: ")[2] for line in refused]
    assert [line[: len(reason)] for line, reason in zip(found, lines(CALLS), strict=True)] == lines(CALLS)
    assert total == f"{len(CALLS) + 2} rows: 2 imported, 0 changed, 0 unchanged, {len(CALLS)} refused"


async def test_ids_that_are_the_same_or_of_others_are_refused(
    app_server: AppServer, boss: Person, voice: Person, chat: Person, file: Path
) -> None:
    same = str(uuid4())
    add_agent(file, boss, agent_id=same)
    add_agent(file, boss, agent_id=same.upper())
    chats = add_agent(file, boss, agent_id=str(chat.agents[0].id))
    theirs = str(await one_tool(app_server, voice))
    add(file, "agent_tools", tool_id=theirs, agent_id=same, name="mine", description="x")
    answer = await import_(app_server, file)
    assert answer.stdout.splitlines()[:4] == [
        f"agent {same}: refused: tool {theirs}: a tool of another agent has this id",
        f"tool {theirs}: refused: its agent is refused",
        f"agent {same.upper()}: refused: it has the same id as agent {same}",
        f"agent {chats}: refused: the agent with this id here is no voice agent",
    ]


async def one_tool(app_server: AppServer, person: Person) -> Any:
    question = "select id from agent_tools where agent_id = $1 and tool_name = 'issue_refund'"
    return (await one(app_server, question, person.agents[0].id))["id"]


async def test_a_call_that_the_agent_recorded_itself_stays_as_it_is(
    app_server: AppServer, voice: Person, file: Path
) -> None:
    agent = voice.agents[0]
    call = add_call(file, str(agent.id))
    recorded = await app_server.start(agent, external_id=call)
    answer = await import_(app_server, file)
    assert f"conversation {call}: unchanged (its agent recorded it here)\n" in answer.stdout
    row = await one(app_server, "select id, status from interactions where external_id = $1", call)
    assert (str(row["id"]), row["status"]) == (recorded, "active")


async def test_words_that_retention_removed_do_not_come_back(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    call = add_call(file, add_agent(file, boss))
    await import_(app_server, file)
    row = await one(app_server, "select id from interactions where external_id = $1", call)
    async with app_server.database() as owner:
        await owner.execute("select private.forget(array[$1::uuid])", row["id"])
    before = await rows_of(app_server, boss)
    answer = await import_(app_server, file)
    assert f"conversation {call}: unchanged (its words and numbers were removed here" in answer.stdout
    assert await rows_of(app_server, boss) == before
    assert not before["interaction_turns"]


@pytest.mark.parametrize(
    ("sent", "number", "caller"),
    [("+18505550155", "+18505550155", None), ("anonymous", None, "anonymous"), ("101", None, "101"), (None, None, None)],
)  # fmt: skip
async def test_a_number_is_read_as_the_agent_api_reads_it(
    app_server: AppServer, boss: Person, file: Path, sent: str | None, number: str | None, caller: str | None
) -> None:
    call = add_call(file, add_agent(file, boss), phone_number=sent)
    await import_(app_server, file)
    row = await one(app_server, "select phone_number, caller from interactions where external_id = $1", call)
    assert tuple(row) == (number, caller)

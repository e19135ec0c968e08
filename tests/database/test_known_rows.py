"""A floor read with known row versions shows the same as one that is read whole."""

import json
from typing import Any

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import as_person

# What happens to the first of three agents, two of them in an interaction, and whether its card changes.
OPERATIONS = {
    "a metric": (
        """select private.record_metrics(array['{agent}']::uuid[], array['{live}']::uuid[], array[clock_timestamp()],
        array['good'], array[81.5], array['Asks again.'])""",
        True,
    ),
    "a metric that is known": (
        """insert into realtime_metrics (interaction_id, timestamp) select interaction_id, captured_at
        from interaction_pulse where interaction_id = '{live}' on conflict do nothing""",
        False,
    ),
    "a turn": ("insert into interaction_turns (interaction_id, speaker, text) values ('{live}', 'agent', 'Hm.')", True),
    "its number": ("update interactions set phone_number = '+18505550199' where id = '{live}'", True),
    "what stands in its place": ("update interactions set caller = 'anonymous' where id = '{live}'", True),
    "a name": ("update agents set name = name || '!' where id = '{agent}'", True),
    "a pause": ("update agents set paused_at = now() where id = '{agent}'", True),
    "a tool permission": ("insert into tool_permissions (interaction_id, tool_name) values ('{live}', 'refund')", False),
    "its end": ("update interactions set status = 'completed' where id = '{live}'", True),
    "an archive": (
        "insert into interaction_archives (interaction_id, summary, csat_score) values ('{live}', 'Done.', 71)",
        True,
    ),
    "its return": ("update agents set paused_at = null where id = '{agent}'", True),
    "a new interaction": ("insert into interactions (agent_id, interaction_type) values ('{agent}', 'voice')", True),
}  # fmt: skip


async def read(
    app_server: AppServer, viewer: Person, known: Any, of: Person | None = None, urgent: bool | None = True
) -> Any:
    question = {"supervisor_id": str((of or viewer).id), "known": known, "urgent": urgent}
    async with as_person(app_server, viewer) as connection:
        return json.loads(await connection.fetchval("select private.floor_v2($1)::text", question))


def versions(shown: Any) -> dict[str, str]:
    return {one["id"]: one["row_version"] for one in shown["agents"] if one["row_version"] is not None}


def is_told(one: Any) -> bool:
    return bool(one.keys() > {"id", "row_version"})


async def test_of_what_is_known_only_the_version_is_read(app_server: AppServer) -> None:
    person = await app_server.hire("voice", 3)
    first, second, idle = (str(agent.id) for agent in person.agents)
    live = await app_server.start(person.agents[0])
    await app_server.start(person.agents[1])
    names = {"agent": first, "live": live}
    for what, (statement, changes) in OPERATIONS.items():
        before = await read(app_server, person, {})
        assert all(map(is_told, before["agents"]))
        async with app_server.database() as owner:
            await owner.execute(statement.format(**names))
        told, whole = await read(app_server, person, versions(before)), await read(app_server, person, {})
        rows = {one["id"]: one for one in before["agents"]}
        assert {one["id"] for one in told["agents"] if is_told(one)} - {idle} == (
            {first} if changes else set()
        ), what
        assert [one if is_told(one) else rows[one["id"]] for one in told["agents"]] == whole["agents"], what
        assert versions(whole).keys() <= {first, second}, what
        assert {name: told[name] for name in ("tool_permissions", "answered")} == {
            name: whole[name] for name in ("tool_permissions", "answered")
        }


async def test_where_nothing_was_asked_only_what_is_urgent_is_looked_for(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    await app_server.ask(voice.agents[0], live)
    for known, urgent, told in (
        ({"asked": "nothing"}, False, 0),
        ({"asked": "nothing"}, True, 1),
        ({"asked": "nothing"}, None, 1),
        ({}, False, 1),
        (None, False, 1),
    ):
        shown = await read(app_server, voice, known, urgent=urgent)
        assert len(shown["tool_permissions"]) == told, (known, urgent)


async def test_a_version_tells_nobody_anything(app_server: AppServer) -> None:
    person, other = await app_server.hire("voice"), await app_server.hire("voice")
    await app_server.start(person.agents[0])
    known = versions(await read(app_server, person, {}))
    assert known
    assert (await read(app_server, other, known, of=person))["agents"] == []


@pytest.mark.parametrize("known", [None, 5, "all", [], ["{agent}"], {"{agent}": None}, {"{agent}": 1}, {"{agent}": ""}])  # fmt: skip
async def test_what_is_no_version_hides_nothing(app_server: AppServer, voice: Person, known: Any) -> None:
    await app_server.start(voice.agents[0])
    filled = json.loads(json.dumps(known).replace("{agent}", str(voice.agents[0].id)))
    assert all(map(is_told, (await read(app_server, voice, filled))["agents"]))

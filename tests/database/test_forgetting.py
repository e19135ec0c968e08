"""Forgetting removes everything: each column that can hold a person is empty afterwards, in every state and with all settings."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner
from tests.database.test_interactions import start

MARK = "Ada Lovelace"
# Columns that may hold a person, with the value put there. {mark} is a text nobody else has.
HELD = {
    "interactions": {
        "phone_number": "'+18155550186'", "caller": "'{mark}'", "called_number": "'{mark}'", "livekit_room_id": "'{mark}'", "external_id": "'{mark}' || id",
        "series": "'[[1, 5, \"{mark}\"]]'",
    },
    "interaction_turns": {"text": "'{mark}'", "external_id": "'{mark}'"},
    "realtime_metrics": {"feed_text": "'{mark}'"},
    "webhook_deliveries": {"url": "'{mark}'", "answer": "'{mark}'"},
    "interaction_flags": {"reason": "'{mark}'"},
    "interaction_tags": {"tag": "lower('{mark}')"},
    "interaction_archives": {"summary": "'{mark}'", "issues": "null", "tags": "null", "series": "'[[1, 5, \"{mark}\"]]'"},
    "tool_permissions": {
        "arguments": "'{{\"to\": \"{mark}\"}}'", "reason": "'{mark}'", "tool_description": "'{mark}'",
        "execution_result": "'\"{mark}\"'", "proposed_arguments": "null",
        "changed_arguments": "case when status = 'allowed' then '{{\"to\": \"{mark}\"}}'::json end",
    },
}  # fmt: skip
# Text columns of the same tables that cannot hold a customer; each with its reason.
KEPT = {
    "interactions": {"interaction_type": "a word of ours", "status": "a word of ours", "end_reason": "a word of the provider's"},
    "interaction_turns": {"speaker": "a word of ours"},
    "realtime_metrics": {"sentiment": "a word of ours"},
    "webhook_deliveries": {"event": "a word of ours", "host": "of the agent's configuration"},
    "tool_permissions": {
        "tool_name": "of the agent's tools", "arguments_digest": "a digest", "changed_arguments_digest": "a digest", "status": "a word of ours", "rule": "a word of ours",
        "responded_by_name": "who decided", "supervisor_response": "made of status", "held_by_name": "who allowed",
        "held_decision": "gone with the decision", "held_reason": "gone with the decision",
    },
    "interaction_notes": {"line": "an id", "author_name": "who wrote it"},
    "interaction_flags": {
        "state": "a word of ours", "flagged_by_name": "who set it", "changed_by_name": "who changed it", "assigned_name": "whose it is",
    },
    "alerts": {"rule_name": "words of an admin", "condition": "a word of ours", "closed_because": "a word of ours", "acknowledged_by_name": "who saw it"},
    "interaction_tags": {"added_by_name": "gone with the tag"},
    "interaction_scores": {"answers": "words of ours", "scored_by_name": "who scored"},
    "tool_grants": dict.fromkeys(
        ("tool_name", "granted_by_name", "scope", "limit_argument", "freed", "ended_how", "ended_by_name"),
        "who gave it, for which tool and names of arguments",
    ),
}  # fmt: skip
TEXTS = """
select table_name, column_name from information_schema.columns where table_schema = 'public'
and data_type in ('text', 'json', 'jsonb', 'ARRAY') and table_name in (
  select c.table_name from information_schema.columns c join pg_class r on r.relname = c.table_name and r.relkind = 'r'
  where c.table_schema = 'public' and c.column_name = 'interaction_id' union select 'interactions')
and table_name <> 'interaction_pulse'
"""  # a pulse is deleted when its interaction ends
# How an interaction came to its end.
STATES = {
    "completed": "update interactions set status = 'completed' where id = '{id}'",
    "failed": "update interactions set status = 'failed', end_reason = 'error' where id = '{id}'",
    "reaped": "update interactions set status = 'failed', end_reason = 'disconnected', reaped_at = now() where id = '{id}'",
}


async def test_each_text_is_held_or_kept_for_a_reason(app_server: AppServer) -> None:
    async with as_owner(app_server) as owner:
        found = {(row[0], row[1]) for row in await owner.fetch(TEXTS)}
    placed = {
        (table, column) for part in (HELD, KEPT) for table, columns in part.items() for column in columns
    }
    assert found == placed


async def fill(owner: Connection, person: Person, state: str, *, archived: bool) -> UUID:
    """An interaction with the person in every column that can hold one, ended 100 days ago."""
    live = await start(owner, person)
    # Each table gets a row; then every column that may hold a person gets one, without triggers.
    statements = [
        "insert into interaction_turns (interaction_id, speaker, text) values ('{id}', 'customer', 'x')",
        "insert into realtime_metrics (interaction_id, sentiment) values ('{id}', 'good')",
        "insert into tool_permissions (interaction_id, tool_name) values ('{id}', 'issue_refund')",
        "insert into webhook_deliveries (agent_id, interaction_id, event, url, host) select agent_id, id, 'interaction.ended', 'x', 'x' from interactions where id = '{id}'",
        "insert into interaction_flags (interaction_id, supervisor_id, flagged_by, flagged_by_name, changed_by_name) select id, supervisor_id, supervisor_id, 'x', 'x' from interactions where id = '{id}'",
        "insert into interaction_tags (interaction_id, supervisor_id, tag, added_by, added_by_name) select id, supervisor_id, 'x', supervisor_id, 'x' from interactions where id = '{id}'",
        """with n as (insert into interaction_notes (id, interaction_id, supervisor_id, author_id, author_name)
          select gen_random_uuid(), id, supervisor_id, supervisor_id, 'x' from interactions where id = '{id}' returning id)
          insert into interaction_note_versions (note_id, version, words) select id, 1, '{mark}' from n""",
        STATES[state],
    ]
    if archived:
        statements.append("insert into interaction_archives (interaction_id, summary) values ('{id}', 'x')")
    for statement in statements:
        await owner.execute(statement.format(id=live, mark=MARK))
    for table in HELD:
        await owner.execute(f"alter table {table} disable trigger user")
    for table, columns in HELD.items():
        key = "id" if table == "interactions" else "interaction_id"
        values = ", ".join(f"{name} = {value.format(mark=MARK)}" for name, value in columns.items())
        await owner.execute(f"update {table} set {values} where {key} = '{live}'")
    await owner.execute(
        "update interactions set started_at = now() - interval '101 days', ended_at = now() - interval '100 days' where id = $1",
        live,
    )
    await owner.execute(
        "update interaction_archives set created_at = now() - interval '100 days' where interaction_id = $1",
        live,
    )
    for table in HELD:
        await owner.execute(f"alter table {table} enable trigger user")
    return live


async def rows_of(owner: Connection, interaction: UUID) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [
            json.loads(row[0])
            for row in await owner.fetch(
                f"select to_json(t)::text from {table} t where {'id' if table == 'interactions' else 'interaction_id'} = $1",
                interaction,
            )
        ]
        for table in HELD
    }


# What the history finds its requests by: made when they ended, and again when they are forgotten.
FINDABLE = """insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
  select id, agent_id, requested_at, private.decision_key(t) from tool_permissions t where interaction_id = $1
  on conflict (tool_permission_id) do update set key = excluded.key"""
KEYS = """select string_agg(s.key, ' ') from private.decision_search s
  join tool_permissions t on t.id = s.tool_permission_id where t.interaction_id = $1"""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("archived", [True, False], ids=["archived", "without archive"])
@pytest.mark.parametrize("metrics_hours", [1, 24, 100_000])
async def test_what_is_forgotten_is_nowhere(
    app_server: AppServer, voice: Person, state: str, *, archived: bool, metrics_hours: int
) -> None:
    async with as_owner(app_server) as owner:
        await owner.execute(
            "update private.settings set value = $1 where name = 'metrics_hours'", metrics_hours
        )
        live = await fill(owner, voice, state, archived=archived)
        before = json.dumps(await rows_of(owner, live))
        assert before.count(MARK) >= 8, "it was there"
        await owner.execute(FINDABLE, live)
        mark = await owner.fetchval("select private.search_key($1)", MARK)
        assert (await owner.fetchval(KEYS, live)).count(mark) == 3, "in arguments, reason and caller"
        for step in ("metrics", "archives", "interactions", "leftovers"):
            while await owner.fetchval("select private.sweep($1)", step):
                pass
        after = await rows_of(owner, live)
        assert MARK.lower() not in json.dumps(after).lower()
        assert not await owner.fetchval(
            "select count(*) from interaction_note_versions where note_id in (select id from interaction_notes where interaction_id = $1)",
            live,
        )
        assert "8155550186" not in json.dumps(after)
        key = await owner.fetchval(KEYS, live)
        assert "refund" in key, "its tool is found"
        assert mark not in key
        assert "8155550186" not in key
        [interaction] = after["interactions"]
        assert interaction["anonymised_at"]
        assert interaction["status"] == ("completed" if state == "completed" else "failed"), "the counts stay"
        assert len(after["tool_permissions"]) == 1


async def test_what_is_active_is_not_forgotten(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await owner.execute(
            "insert into interaction_turns (interaction_id, speaker, text) values ($1, 'customer', 'x')", live
        )
        await owner.execute(
            "update interactions set started_at = now() - interval '400 days' where id = $1", live
        )
        for step in ("metrics", "archives", "interactions"):
            while await owner.fetchval("select private.sweep($1)", step):
                pass
        assert len((await rows_of(owner, live))["interaction_turns"]) == 1

"""The schemas sdr, eleven and escalation: the queries that their specifications print, and the same facts as the tables."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from server.kernel.db import migrations
from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner, become, refused

SECRET = "sk-not-for-anybody"
MADE = """insert into agents (supervisor_id, is_template, template_parent_id, name, agent_type, system_prompt, created_at)
  values ($1, $2, $3, $4, $5, 'Be kind.', now() + make_interval(secs => $6)) returning id"""
CONFIGURED = "insert into agent_config (agent_id, config_key, config_value) values ($1, $2, $3)"
SAID = "insert into interaction_turns (interaction_id, captured_at, speaker, text) values ($1, now() + make_interval(secs => $2), $3, $4)"

TEMPLATES = "SELECT * FROM agents WHERE is_template = true ORDER BY created_at DESC"
CLONES = "SELECT * FROM agents WHERE template_parent_id = $1"
WITH_CONFIG = """
select a.*, (select coalesce(json_object_agg(c.config_key, c.config_value), '{}') from agent_config c
  where c.agent_id = a.id) as config
from agents a where a.id = $1"""
WITH_TOOLS = """SELECT agents.agent_id, agent_tools.name FROM agents JOIN agent_tools ON agent_tools.agent_id = agents.agent_id
  WHERE agents.agent_id = $1"""
ACTIVE = (
    "SELECT * FROM conversations WHERE conversations.agent_id = $1 AND conversations.status = 'in-progress'"
)
BY_STATUS = """SELECT conversations.status, count(conversations.conversation_id) AS count FROM conversations
  GROUP BY conversations.status"""
BUSY = """SELECT * FROM agents WHERE case when performance_metrics->>'tasksCompleted' ~ '^[0-9]{1,9}$'
  then (performance_metrics->>'tasksCompleted')::INTEGER > $1 end"""
HOSTS = "SELECT config->>'smtpHost' AS host FROM agents WHERE type = 'email'"


@dataclass(frozen=True, slots=True)
class Made:
    """The owner's transaction, in which there are these rows; rolled back."""

    owner: Connection
    supervisor: Person
    admin: Person
    other: Person
    first: UUID  # the supervisor's agent, with tools and interactions
    clone: UUID  # their second agent, of the newer template and without configuration
    template: UUID
    older: UUID
    worker: UUID
    interactions: dict[str, UUID]

    async def look(self, who: str, schema: str) -> Connection:
        """See with the rights of admin, supervisor or other, and the names of this schema."""
        await self.owner.execute("reset role")
        await self.owner.execute(f"set local search_path = {schema}, public")
        await become(self.owner, getattr(self, who))
        return self.owner


@pytest.fixture
async def made(app_server: AppServer) -> AsyncIterator[Made]:
    async with _made(app_server) as found:
        yield found


@asynccontextmanager
async def _made(app_server: AppServer) -> AsyncIterator[Made]:
    supervisor, other = await app_server.hire("voice"), await app_server.hire("voice")
    admin = await app_server.hire("admin")
    first = supervisor.agents[0].id
    async with as_owner(app_server) as owner:
        older = await owner.fetchval(MADE, None, True, None, "Older", "voice", -60)
        template = await owner.fetchval(MADE, None, True, None, "Newer", "voice", 0)
        clone = await owner.fetchval(MADE, supervisor.id, False, template, "Clone", "voice", 0)
        worker = await owner.fetchval(MADE, None, False, None, "Reminders", "email", 0)
        for agent, key, value in (
            (first, "max_call_duration", 600), (first, "callback_url", "https://example.com/done"),
            (first, "custom_metadata", {"campaign": "spring"}), (worker, "smtp_host", "mail.example.com"),
            (worker, "smtp_password", SECRET),
        ):  # fmt: skip
            await owner.execute(CONFIGURED, agent, key, value)
        await owner.execute(
            """update agent_tools set input_schema = $2, tool_config = '{"endpoint": "https://example.com/refund"}',
              sealed_secret = $3, secret_set_at = now() where agent_id = $1 and tool_name = 'issue_refund'""",
            first,
            {"properties": {"order": {}, "note": {}, "amount": {}}, "required": ["order"]},
            SECRET.encode(),
        )
        interactions = {}
        for name, status, reason in (
            ("completed", "completed", None), ("failed", "failed", "error"), ("disconnected", "completed", "disconnected"),
            ("timeout", "completed", "timeout"), ("in-progress", "active", None),
        ):  # fmt: skip
            interactions[name] = await owner.fetchval(
                """insert into interactions (agent_id, interaction_type, status, end_reason, external_id, phone_number, ended_at)
                values ($1, 'voice', $2, $3, $4, '+18505550155', case when $2 <> 'active' then now() end) returning id""",
                first,
                status,
                reason,
                None if name == "failed" else f"CA-{name}",
            )
        for seconds, speaker, text in ((2, "agent", "Good-bye."), (1, "customer", "Thanks,\nbye.")):
            await owner.execute(SAID, interactions["in-progress"], seconds, speaker, text)
        await owner.execute("update interactions set is_test = true where id = $1", interactions["failed"])
        yield Made(owner, supervisor, admin, other, first, clone, template, older, worker, interactions)


async def ids(connection: Connection, question: str, *arguments: Any) -> list[str]:
    return [str(row[0]) for row in await connection.fetch(question, *arguments)]


async def test_templates_newest_first_and_the_clones_of_one(made: Made) -> None:
    admin = await made.look("admin", "eleven")
    ours = {str(made.template), str(made.older)}
    assert [one for one in await ids(admin, TEMPLATES) if one in ours] == [
        str(made.template),
        str(made.older),
    ]
    assert await ids(admin, CLONES, made.template) == [str(made.clone)]
    supervisor = await made.look("supervisor", "eleven")
    assert await ids(supervisor, TEMPLATES) == []
    assert await ids(supervisor, CLONES, made.template) == [str(made.clone)]
    assert await ids(await made.look("other", "eleven"), CLONES, made.template) == []


@pytest.mark.parametrize("who", ["supervisor", "admin"])
async def test_an_agent_with_all_its_configuration(made: Made, who: str) -> None:
    viewer = await made.look(who, "eleven")
    row = await viewer.fetchrow(WITH_CONFIG, made.first)
    assert row is not None
    assert (row["system_prompt"], row["elevenlabs_agent_id"]) == ("Be kind.", None)
    assert row["config"].keys() == {"max_call_duration", "callback_url", "custom_metadata"}
    assert row["config"]["max_call_duration"] == "600"
    assert row["config"]["callback_url"] == "https://example.com/done"
    assert json.loads(row["config"]["custom_metadata"]) == {"campaign": "spring"}
    row = await viewer.fetchrow(WITH_CONFIG, made.clone)
    assert row is not None
    assert row["config"] == {}, "an agent without configuration is there, and no error"


@pytest.mark.parametrize("who", ["supervisor", "admin"])
async def test_an_agent_with_its_tools(made: Made, who: str) -> None:
    viewer = await made.look(who, "sdr")
    found = await viewer.fetch(WITH_TOOLS, str(made.first))
    assert {row["name"] for row in found} == {"issue_refund", "check_order"}
    tools = {
        row["name"]: row
        for row in await viewer.fetch("select * from agent_tools where agent_id = $1", str(made.first))
    }
    refund, check = tools["issue_refund"], tools["check_order"]
    assert json.loads(refund["required_params"]) == ["order"]
    assert json.loads(refund["optional_params"]) == ["amount", "note"]
    assert refund["webhook_url"] == "https://example.com/refund"
    assert (check["required_params"], check["optional_params"], check["webhook_url"]) == ("[]", "[]", None)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": [], "required": "order"},
        {"properties": 1, "required": {}},
        {"type": "object"},
        {},
        None,
    ],
    ids=str,
)
async def test_a_schema_of_another_shape_has_no_parameters(made: Made, schema: Any) -> None:
    await made.owner.execute(
        "update agent_tools set input_schema = $2 where agent_id = $1", made.first, schema
    )
    viewer = await made.look("supervisor", "sdr")
    rows = await viewer.fetch(
        "select required_params, optional_params from agent_tools where agent_id = $1", str(made.first)
    )
    assert {tuple(row) for row in rows} == {("[]", "[]")}


@pytest.mark.parametrize("who", ["supervisor", "admin"])
async def test_the_active_conversation_of_an_agent(made: Made, who: str) -> None:
    (row,) = await (await made.look(who, "sdr")).fetch(ACTIVE, str(made.first))
    assert row["conversation_id"] == "CA-in-progress"
    assert row["transcript"] == "Customer: Thanks,\nbye.\nAgent: Good-bye."
    assert (row["phone_number"], row["ended_at"]) == ("+18505550155", None)


async def test_conversations_by_status_without_tests(made: Made) -> None:
    viewer = await made.look("supervisor", "sdr")
    counted = {row["status"]: row["count"] for row in await viewer.fetch(BY_STATUS)}
    assert counted == {"completed": 1, "disconnected": 1, "timeout": 1, "in-progress": 1}
    await made.owner.execute("reset role")
    await made.owner.execute("update interactions set is_test = false where agent_id = $1", made.first)
    counted = {
        row["status"]: row["count"] for row in await (await made.look("supervisor", "sdr")).fetch(BY_STATUS)
    }
    assert counted == dict.fromkeys(made.interactions, 1)
    found = await ids(made.owner, "select conversation_id from conversations where status = 'failed'")
    assert found == [str(made.interactions["failed"])], "without an id of its own it has ours"
    assert await ids(await made.look("other", "sdr"), BY_STATUS) == []


async def test_agents_by_completed_tasks_and_the_mail_server(made: Made) -> None:
    admin = await made.look("admin", "escalation")
    assert str(made.first) in await ids(admin, BUSY, 2)
    assert str(made.first) not in await ids(admin, BUSY, 3)
    assert "mail.example.com" in await ids(admin, HOSTS)
    row = await admin.fetchrow("select * from agents where id = $1", made.worker)
    assert row is not None
    assert (row["type"], row["config"]) == ("email", {"smtpHost": "mail.example.com"})
    row = await admin.fetchrow("select * from agents where id = $1", made.first)
    assert row is not None
    assert row["config"]["maxCallDuration"] == 600
    assert row["capabilities"] == ["check_order", "issue_refund"]
    supervisor = await made.look("supervisor", "escalation")
    assert set(await ids(supervisor, BUSY, -1)) == {str(made.first), str(made.clone)}
    assert await ids(supervisor, HOSTS) == []


async def test_the_type_and_the_status_of_an_agent(made: Made) -> None:
    question = "select type, status from agents where id = $1"

    async def shown(change: str, *arguments: Any) -> tuple[str, ...]:
        await made.owner.execute("reset role")
        await made.owner.execute(change, *arguments)
        row = await (await made.look("admin", "escalation")).fetchrow(question, made.first)
        assert row is not None
        return tuple(row)

    assert await shown("select 1") == ("phone", "busy")
    end = "update public.interactions set status = 'completed' where status = 'active' and agent_id = $1"
    assert await shown(end, made.first) == ("phone", "idle")
    assert await shown("update public.agents set paused_at = now() where id = $1", made.first) == (
        "phone",
        "offline",
    )
    retire = "update public.agents set paused_at = null, retired_at = now() where id = $1"
    assert await shown(retire, made.first) == ("phone", "offline")
    found = await ids(made.owner, "select is_active from sdr.agents where agent_id = $1", str(made.first))
    assert found == ["False"]
    assert await ids(made.owner, "select id from eleven.agents where id = $1", made.first) == []


async def test_each_view_shows_the_rows_that_its_reader_sees_in_the_tables(made: Made) -> None:
    same = {
        "sdr.agents": "select id from agents where supervisor_id is not null",
        "sdr.agent_tools": "select t.id from agent_tools t join agents a on a.id = t.agent_id where a.supervisor_id is not null",
        "sdr.conversations": "select coalesce(external_id, id::text) from interactions where not is_test",
        "eleven.agents": "select id from agents where agent_type in ('voice', 'chat') and retired_at is null",
        "eleven.agent_config": """select c.id from agent_config c join agents a on a.id = c.agent_id
          where agent_type in ('voice', 'chat') and retired_at is null""",
        "escalation.agents": "select id from agents where agent_type <> 'chat' and not is_template",
    }  # fmt: skip
    first = {"sdr.agents": "agent_id", "sdr.agent_tools": "tool_id", "sdr.conversations": "conversation_id"}
    for who in ("supervisor", "admin", "other"):
        viewer = await made.look(who, "public")
        for view, question in same.items():
            found = await ids(viewer, f"select {first.get(view, 'id')} from {view}")
            assert sorted(found) == sorted(await ids(viewer, question)), (who, view)
            assert found or (who, view) in {("other", "sdr.conversations"), ("other", "eleven.agent_config")}


@pytest.mark.parametrize("who", ["supervisor", "admin", "other"])
async def test_no_view_shows_a_secret_or_the_prompt_of_an_unseen_agent(made: Made, who: str) -> None:
    await made.owner.execute(
        "update agents set system_prompt = 'of others' where supervisor_id = $1", made.other.id
    )
    await made.owner.execute("update agents set system_prompt = 'of nobody' where supervisor_id is null")
    hashes = await ids(made.owner, "select encode(key_hash, 'hex') from agent_keys")
    viewer = await made.look(who, "public")
    rows = await viewer.fetch(
        f"select concat(n.nspname, '.', relname) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname in {migrations.NEIGHBOURS}"
    )
    assert len(rows) == 6
    shown = "\n".join(
        [text for (view,) in rows for text in await ids(viewer, f"select v::text from {view} v")]
    )
    assert "Be kind." in shown or who == "other"
    assert SECRET.encode().hex() not in shown
    assert not [one for one in hashes if one in shown]
    assert SECRET not in shown
    if who != "admin":
        assert "of nobody" not in shown
        assert ("of others" in shown) == (who == "other")


async def test_the_views_are_only_read(made: Made) -> None:
    for schema in migrations.NEIGHBOURS:
        viewer = await made.look("admin", schema)
        async with refused(viewer, "42501"):
            await viewer.execute("delete from agents")
        async with refused(viewer, "42501"):
            await viewer.execute("update agents set name = 'x'")

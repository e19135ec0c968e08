"""COPY, LISTEN and EXPLAIN: other ways to a row, behind the same policies as SELECT."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.app_server import AppServer
from tests.conftest import until
from tests.database.acting import Connection, acting, as_owner, as_person, become
from tests.database.fates import ACTORS
from tests.database.matrix import TABLES, VIEWS
from tests.database.sample import Sample, fate_of, outcome
from tests.database.test_bells import KEYS_ONLY

READABLE = {
    name: " ".join(
        columns for group, columns in table.groups.items() if table.fate("owner", "select", group) == "sees"
    ).split()
    for name, table in TABLES.items()
    if "sees" in (table.fate("owner", "select", group) for group in table.groups)
}
HIDDEN = [
    name for name, table in TABLES.items() if name in READABLE and table.fate("other", "select", "") != "sees"
]  # some rows
RECORD = {name: "row(" + ", ".join(columns) + ")::text" for name, columns in READABLE.items()}


async def ignored(chunk: bytes) -> None:
    """Where what is copied goes."""


async def none() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("actor", ACTORS)
async def test_copy_to_is_a_select(sample: Sample, actor: str, table: str) -> None:
    schema, _, name = table.partition(".")
    for group, columns in TABLES[table].groups.items():
        listed = columns.split()
        plain = listed[-1:]  # generated columns cannot be copied from the table itself
        async with sample.being(actor) as connection:
            rows = sample.sql(f"from {table} where {TABLES[table].rows}", actor)
            whole = 0
            try:
                copied = await connection.copy_from_query(
                    f"select {', '.join(listed)} {rows}", output=ignored
                )
                if table not in VIEWS:
                    tag = await connection.copy_from_table(
                        name, schema_name=schema, columns=plain, output=ignored
                    )
                    whole = int(tag.split()[-1]) - await connection.fetchval(f"select count(*) from {table}")
                found = "sees" if copied != "COPY 0" else "nothing"
            except asyncpg.PostgresError as error:
                found = fate_of(error)
        assert (found, whole) == (TABLES[table].fate(actor, "select", group), 0), group


@pytest.mark.parametrize("table", sorted(set(TABLES) - VIEWS))
@pytest.mark.parametrize("actor", ACTORS)
async def test_copy_from_is_refused_to_all_whom_a_policy_binds(
    sample: Sample, actor: str, table: str
) -> None:
    """PostgreSQL refuses COPY into tables with policies (0A000), so nobody passes them in bulk."""
    schema, _, name = table.partition(".")
    columns = list(TABLES[table].new) or TABLES[table].groups["all"].split()
    group = next(group for group, listed in TABLES[table].groups.items() if columns[0] in listed.split())
    expected = TABLES[table].fate(actor, "insert", group)
    async with sample.being(actor) as connection:
        try:
            found = await connection.copy_to_table(name, schema_name=schema, columns=columns, source=none())
        except asyncpg.PostgresError as error:
            found = fate_of(error)
    assert found == ("refused" if expected == "refused" else "COPY 0" if actor == "service" else "0A000")


@pytest.mark.parametrize("actor", ACTORS)
async def test_nobody_reaches_the_machine(sample: Sample, actor: str) -> None:
    async with sample.being(actor) as connection:
        for statement in (
            "copy (select 1) to '/nowhere/hostile'",
            "copy (select 1) to program 'id'",
            "select pg_read_file('PG_VERSION')",
            "select pg_ls_dir('.')",
            "select lo_import('/etc/passwd')",
        ):
            assert (await outcome(connection, statement)) in ("refused", "walled", "0A000"), statement


@asynccontextmanager
async def heard_by_all(app_server: AppServer) -> AsyncIterator[dict[str, list[str]]]:
    """What each role hears on the channel; PostgreSQL lets every role listen."""
    heard: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        for login, role in (
            ("postgres", "anon"), ("postgres", "service_role"), ("floorwalker_web", "authenticated"),
            ("floorwalker_web", "agent_runtime"), ("floorwalker_web", "floorwalker_web"),
        ):  # fmt: skip
            connection = await stack.enter_async_context(app_server.database(login))
            await connection.execute(f"set role {role}")
            payloads = heard[role] = []
            await connection.add_listener(
                "floor", lambda _c, _p, _ch, said, payloads=payloads: payloads.append(str(said))
            )
        yield heard


async def ring_everything(app_server: AppServer, secret: str) -> None:
    """Insert, update and delete in every table that notifies, where that is possible, with this text."""
    person = await app_server.hire("voice")
    agent, again = person.agents[0], await app_server.add_agent(person, "voice", f"Agent {secret}")
    async with app_server.browser_of(person), app_server.api(agent) as api:
        live = await app_server.start(agent, livekit_room_id=secret, external_id=secret)
        await api.post(f"/interactions/{live}/metrics", json={"feed_text": secret})
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": secret})
        asked = await app_server.ask(agent, live, arguments={"card": secret})
        async with as_person(app_server, person, keep=True) as viewer:
            await viewer.execute(
                "select from decide_tool_permission($1, 'denied', $2, $3)",
                UUID(asked["id"]),
                secret,
                asked["arguments_digest"],
            )
        end = {"status": "completed", "archive": {"summary": secret}}
        await api.post(f"/interactions/{live}/end", json=end)
        async with acting(app_server, "service_role", keep=True) as service:
            await service.execute(
                "update interaction_archives set summary = $1 || '!' where interaction_id = $2",
                secret,
                UUID(live),
            )
            await service.execute("update agent_keys set revoked_at = now() where agent_id = $1", agent.id)
            await service.execute("delete from interactions where id = $1", UUID(live))
            await service.execute("delete from agents where id = $1", again.id)
        async with app_server.database() as owner:
            await owner.execute(
                "insert into setup_steps (agent_id, step) values ($1, 'key_accepted')", agent.id
            )
            await owner.execute("update private.settings set value = value where name = 'archive_days'")
            await owner.execute(
                """with rule as (insert into alert_rules (name, condition, amount, calls, changed_by, changed_by_name)
                  values ('x', 'silence', 3600, 'both', $1, $2) returning id)
                insert into alerts (rule_id, rule_name, condition, amount, supervisor_id, subject_id, measured,
                  calls_supervisor, calls_admins, opened_at, calm_since)
                select id, $2, 'silence', 3600, $1, $1, 3600, true, true, now(), 'infinity' from rule""",
                person.id,
                secret,
            )
            await owner.execute("delete from private.web_sessions where user_id = $1", person.id)
            await owner.execute("update users set name = $2, deactivated_at = now() where id = $1", person.id, secret)  # fmt: skip


def rung(payloads: list[str], tables: set[str]) -> bool:
    return tables <= {said.partition(":")[0] for said in payloads}


async def test_a_person_who_listens_hears_keys_and_nothing_else(app_server: AppServer) -> None:
    secret = "4111 1111 1111 1111"
    async with app_server.database() as owner:
        ringing = {
            row[0]
            for row in await owner.fetch("""
            select distinct c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
            where p.prosrc ~ 'pg_notify' and c.relname not in ('tool_grants', 'drills')""")  # whose ring is that of tool_permissions
        }
    async with heard_by_all(app_server) as heard:
        await ring_everything(app_server, secret)
        for payloads in heard.values():
            await until(partial(rung, payloads, ringing))
            keys = [said for said in payloads if said != "settings:"]
            assert not [said for said in keys if not KEYS_ONLY.fullmatch(said) or secret in said]


@asynccontextmanager
async def leaking(app_server: AppServer) -> AsyncIterator[tuple[Connection, list[str]]]:
    """A transaction with a function so cheap that the planner calls it first; and the rows it was shown."""
    shown: list[str] = []
    async with as_owner(app_server) as owner:
        await owner.execute("""
            create function public.leak(p text) returns boolean language plpgsql cost 0.0000001
            as $$ begin raise notice 'leak %', p; return true; end $$;
            grant execute on function public.leak(text) to authenticated""")
        owner.add_log_listener(lambda _c, message: shown.append(str(message.message).removeprefix("leak ")))
        yield owner, shown


@pytest.mark.parametrize("table", HIDDEN)
async def test_a_leaking_function_is_shown_no_hidden_row(
    app_server: AppServer, sample: Sample, table: str
) -> None:
    question = f"select {READABLE[table][0]} from {table} where leak({RECORD[table]})"
    rows = sample.sql(TABLES[table].rows, "owner")
    async with leaking(app_server) as (connection, shown):
        hidden = {
            row[0] for row in await connection.fetch(f"select {RECORD[table]} from {table} where {rows}")
        }
        await become(connection, sample.people["owner"])
        await connection.fetch(question)
        await asyncio.sleep(0)
        assert hidden & set(shown), "the trap works"
        shown.clear()
        await become(connection, sample.people["other"])
        await connection.fetch(question)
        await connection.fetch(f"{question} and {rows}")
        await connection.fetch(f"with q as not materialized (select * from ({question}) x) select * from q")
        await outcome(connection, f"create temp view peep as {question}")
        await outcome(connection, "select from peep")
        plan = json.dumps(await connection.fetchval(f"explain (analyze, verbose, format json) {question}"))
        await asyncio.sleep(0)
        assert not hidden & set(shown)
    assert sample.names["owner"] not in plan
    assert '"Index Cond"' in plan or not unsafe_filters(json.loads(plan)[0]["Plan"]), plan


def unsafe_filters(top: dict[str, Any]) -> list[str]:
    """Filters that call the function before the policies; not those of joined rows or of sums of visible rows."""
    found: list[str] = []
    nodes = [top]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        joined = node is top and node["Node Type"].endswith(("Join", "Nested Loop"))
        first = re.match(r"\(*(public\.)?leak\(", node.get("Filter", ""))
        if first and not (joined or node["Node Type"] == "Aggregate"):
            found.append(node["Filter"])
    return found


@pytest.mark.parametrize("table", HIDDEN)
async def test_an_error_is_no_oracle(sample: Sample, table: str) -> None:
    async with sample.being("owner") as connection:
        question = sample.sql(
            f"select from {table} where 1 / (case when {TABLES[table].rows} then 0 else 1 end) = 1", "owner"
        )
        assert await outcome(connection, question) == "22012", "the trap works"
    async with sample.being("other") as connection:
        assert await outcome(connection, question) in ("sees", "nothing")
        assert await outcome(connection, f"explain analyze {question}") == "done"
    async with sample.being("nobody") as connection:
        assert await outcome(connection, question) == "nothing"


@pytest.mark.parametrize("actor", ["nobody", "owner", "other", "its_key", "anon"])
async def test_the_planners_statistics_and_other_sessions_say_nothing(sample: Sample, actor: str) -> None:
    async with sample.being(actor) as connection:
        asked = "select from pg_stat_activity where pid <> pg_backend_pid() and query <> '<insufficient privilege>' and query <> ''"
        assert await outcome(connection, asked) == "nothing"
        assert (
            await outcome(connection, "select from pg_stats where schemaname in ('public', 'private')")
            == "nothing"
        )
        assert await outcome(connection, "select from pg_statistic") == "refused"

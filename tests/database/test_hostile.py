"""Attackers at each entry point: forged claims, other roles, other people's settings, and objects of their own making."""

import asyncio
import json
from contextlib import suppress

import asyncpg
import pytest

from tests.app_server import AppServer
from tests.database.acting import Connection, acting, as_owner, become
from tests.database.functions import FUNCTIONS
from tests.database.matrix import TABLES
from tests.database.sample import ROLES, Sample, outcome

HIDDEN = {"nothing", "22P02", "22P05"}  # no row, or not even an id (22P02: no uuid or no JSON, 22P05: a NUL)
OUT = ("refused", "walled")
FORGED = {
    "a_role_of_their_own": '{"sub": "other", "role": "service_role", "app_role": "admin", "user_role": "admin"}',
    "metadata": '{"sub": "other", "app_metadata": {"app_role": "admin"}, "user_metadata": {"app_role": "admin"}}',
    "anothers_ids": '{"sub": "other", "user_id": "owner", "id": "owner", "supervisor_id": "owner", "agent_id": "agent"}',
    "the_legacy_name": '{"sub": "other", "request.jwt.claim.sub": "owner", "claim": {"sub": "owner"}}',
    "no_sub": '{"role": "authenticated", "aud": "authenticated"}',
    "a_list_of_subs": '{"sub": ["owner", "other"], "key_id": ["key"]}',
    "an_object": '{"sub": {"sub": "owner"}, "key_id": {"key_id": "key"}}',
    "null": '{"sub": null, "key_id": null}',
    "no_uuid": '{"sub": "1", "key_id": "1"}',
    "more_than_a_uuid": '{"sub": "owner or true", "key_id": "key or true"}',
    "a_nul": '{"sub": "\\u0000owner", "key_id": "\\u0000key"}',
    "an_agent_for_a_key": '{"key_id": "agent", "sub": "agent"}',
    "a_person_for_a_key": '{"key_id": "owner"}',
    "a_key_for_a_person": '{"sub": "key"}',
    "an_array": '["owner", "key"]',
    "a_word": '"owner"',
    "no_json": "sub=owner",
    "nothing": "",
    "huge": '{"sub": "other", "x": "' + "x" * 200_000 + '"}',
}


def forged(sample: Sample, name: str) -> str:
    text = FORGED[name]
    for word, value in (
        ('"other', '"' + str(sample.people["other"].id)), ('"owner', '"' + sample.names["owner"]),
        ("000owner", "000" + sample.names["owner"]), ('"agent"', f'"{sample.names["agent"]}"'),
        ('"key"', f'"{sample.names["key"]}"'), ('"key or', f'"{sample.names["key"]} or'),
        ("000key", "000" + sample.names["key"]), ("=owner", "=" + sample.names["owner"]),
    ):  # fmt: skip
        text = text.replace(word, value)
    return text


def tables_of(actor: str) -> list[tuple[str, str]]:
    """(table, columns) that this actor reads of the sample."""
    return [
        (name, ", ".join(columns.split()))
        for name, table in TABLES.items()
        for group, columns in table.groups.items()
        if table.fate(actor, "select", group) == "sees"
    ]


async def seen(sample: Sample, connection: Connection, actor: str = "owner") -> set[str]:
    """What becomes of reading the sample's rows, in all tables that this actor reads."""
    return {
        await outcome(
            connection, sample.sql(f"select {columns} from {name} where {TABLES[name].rows}", "owner")
        )
        for name, columns in tables_of(actor)
        if (name, columns)
        not in tables_of("other")  # what everybody may read, such as the criteria of the scorecard
    }


# People and agents at the tables


@pytest.mark.parametrize("name", FORGED)
async def test_forged_claims_show_a_person_nothing(sample: Sample, name: str) -> None:
    async with sample.being("other", forged(sample, name)) as connection:
        assert await seen(sample, connection) <= HIDDEN


@pytest.mark.parametrize("name", FORGED)
async def test_forged_claims_show_an_agent_nothing(sample: Sample, name: str) -> None:
    async with sample.being("other_key", forged(sample, name)) as connection:
        assert await seen(sample, connection, "its_key") <= HIDDEN


@pytest.mark.parametrize("name", FORGED)
async def test_forged_claims_move_no_function(sample: Sample, name: str) -> None:
    for actor, calls in (
        (
            "other",
            (
                "public.set_agent_paused",
                "public.decide_tool_permission",
                "public.allow_with_grant",
                "public.revoke_grant",
            ),
        ),
        ("other_key", ("public.claim_execution", "public.report_execution")),
    ):
        async with sample.being(actor, forged(sample, name)) as connection:
            for call in calls:
                function = FUNCTIONS[call]
                question = sample.sql(f"select {function.call.replace('{id}', function.id)}", "owner")
                assert await outcome(connection, question) in {function.otherwise} | HIDDEN - {"nothing"}


async def test_the_settings_of_old_versions_say_nothing(sample: Sample) -> None:
    """Supabase's auth.uid() reads `request.jwt.claim.sub` first; a connection that others share could have kept one."""
    async with sample.being("other") as connection:
        savepoint = connection.transaction()
        await savepoint.start()
        await connection.execute(
            "select set_config('request.jwt.claim.sub', $1, true)", sample.names["owner"]
        )
        assert await seen(sample, connection) == {"nothing"}
        await savepoint.rollback()
        assert await seen(sample, connection) == {"nothing"}
    async with sample.being("other") as connection:
        for legacy in ("role", "key_id", "app_role"):
            await connection.execute(f"set local request.jwt.claim.{legacy} = 'service_role'")
        assert await seen(sample, connection) == {"nothing"}
    async with sample.being("other_key") as connection:
        await connection.execute(f"set local request.jwt.claim.key_id = '{sample.names['key']}'")
        assert await seen(sample, connection, "its_key") == {"nothing"}


@pytest.mark.parametrize("actor", ["other", "other_key", "web"])
async def test_the_web_process_and_whom_it_becomes_never_become_more(sample: Sample, actor: str) -> None:
    roles = ("service_role", "postgres", "supabase_admin", "supabase_auth_admin", "authenticator", "anon",
             "pg_read_all_data", "pg_execute_server_program", "pg_monitor")  # fmt: skip
    async with sample.being(actor) as connection:
        for role in roles:
            assert await outcome(connection, f"set local role {role}") in OUT, role
            assert await outcome(connection, f"select set_config('role', '{role}', true)") in OUT, role
            assert await outcome(connection, f"set local session authorization {role}") in OUT, role
            assert await outcome(connection, f"grant {role} to floorwalker_web") in OUT, role


async def test_a_person_who_speaks_sql_as_the_web_process_may_be_any_viewer_and_no_more(
    sample: Sample,
) -> None:
    """Claims and the two roles are the web process's to set. What protects them is that nobody else speaks SQL as it."""
    async with sample.being("other") as connection:
        await connection.execute("set local role agent_runtime")
        assert await seen(sample, connection, "its_key") == {"nothing"}
        await connection.execute("reset role")
        assert await connection.fetchval("select current_user") == "floorwalker_web"
        assert await seen(sample, connection) == {"refused"}
        claims = json.dumps(sample.claims["owner"])
        await connection.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)",
            claims,
        )
        assert await seen(sample, connection) == {"sees"}


@pytest.mark.parametrize("actor", ["other", "admin", "other_key", "web"])
async def test_row_security_is_not_turned_off(sample: Sample, actor: str) -> None:
    async with sample.being(actor) as connection:
        assert await outcome(connection, "set local session_replication_role = replica") == "refused"
        await connection.execute("set local row_security = off")
        assert await seen(sample, connection, "its_key" if actor == "other_key" else "owner") <= set(OUT)


@pytest.mark.parametrize("actor", ["anon", "web", "other", "admin", "its_key", "service"])
async def test_nobody_makes_or_changes_anything_that_lasts(sample: Sample, actor: str) -> None:
    async with sample.being(actor) as connection:
        for statement in (
            "create schema attack", "create table public.x ()", "create table private.x ()",
            "create function public.viewer_role() returns text language sql as 'select ''admin'''",
            "create or replace function private.viewer_role() returns text language sql as 'select ''admin'''",
            "create view public.x as select 1", "create operator public.= (leftarg = uuid, rightarg = text, function = x)",
            "alter table public.users disable row level security", "alter table public.users owner to current_user",
            "drop policy users_self_or_admin on public.users", "alter function private.viewer_role() security invoker",
            "create policy x on public.users using (true)", "alter table public.users disable trigger all",
            "truncate public.interactions", "drop table public.agents", "lock table public.users",
            "create trigger x before insert on public.users execute function private.touch()",
            "create rule x as on select to public.users do instead nothing", "alter role authenticated bypassrls",
            "select from auth.users", "select from supabase_migrations.schema_migrations",
        ):  # fmt: skip
            assert await outcome(connection, statement) in OUT, statement


# Objects made by a caller: PostgreSQL lets everybody create temporary ones by default.

GAMES = [
    "create temp table users as select '{owner}'::uuid as id, 'admin' as role, null::timestamptz as deactivated_at, null::timestamptz as banned_until",
    "create temp table agents as select '{agent}'::uuid as id, '{owner}'::uuid as supervisor_id, null::timestamptz as retired_at",
    "create temp table agent_keys as select gen_random_uuid() as id, '{agent}'::uuid as agent_id, null::timestamptz as revoked_at",
    "create temp view interactions as select * from public.interactions",
    "create function pg_temp.uid() returns uuid language sql as $$ select '{owner}'::uuid $$",
    "create function pg_temp.viewer_role() returns text language sql as $$ select 'admin' $$",
    "create function pg_temp.visible_supervisors() returns setof uuid language sql as $$ select '{owner}'::uuid $$",
    "create function pg_temp.current_agent() returns uuid language sql as $$ select '{agent}'::uuid $$",
    'create function pg_temp.current_setting(text, boolean) returns text language sql as $$ select \'{{"sub": "{owner}"}}\' $$',
    "create function pg_temp.same(uuid, uuid) returns boolean language sql as $$ select true $$",
    "create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.same)",
    "set local search_path = pg_temp, public, private, auth, pg_catalog",
]


@pytest.mark.parametrize(("actor", "eyes"), [("other", "owner"), ("nobody", "owner"), ("other_key", "its_key"), ("revoked_key", "its_key")])  # fmt: skip
async def test_names_of_ones_own_deceive_nobody(sample: Sample, actor: str, eyes: str) -> None:
    async with sample.being(actor) as connection:
        for game in GAMES:
            await outcome(connection, sample.sql(game, "owner"))
        assert await seen(sample, connection, eyes) == {"nothing"}
        call = "set_agent_paused('{agent}', true)" if eyes == "owner" else "claim_execution('{allowed}', 'x')"
        assert await outcome(connection, sample.sql(f"select public.{call}", "owner")) == "FW404"


@pytest.mark.parametrize("actor", ["owner", "its_key", "web", "service"])
async def test_no_code_of_a_caller_runs_as_the_owner(
    app_server: AppServer, sample: Sample, actor: str
) -> None:
    """A definer function finds pg_temp's types and tables before all others, whatever its search_path."""
    role, said = ROLES[actor], set[str]()
    bite = "language plpgsql as $$ begin raise notice 'bitten as %', current_user; return "
    traps = [f"create function pg_temp.bite(pg_catalog.text) returns pg_catalog.bool {bite} true; end $$"]
    traps += [
        f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.bite(value::pg_catalog.text))"
        for name in ("uuid", "text", "jsonb", "json", "bytea", "timestamptz")
    ]
    traps += [
        f"create function pg_temp.bite() returns trigger {bite} null; end $$",
        "create temp table doomed (interaction_id pg_catalog.uuid, started_at pg_catalog.timestamptz)",
        "grant all on doomed to public",
        "create trigger bite after truncate on doomed for each statement execute function pg_temp.bite()",
    ]
    calls = [
        sample.sql("select " + f.call.replace("{id}", f.id), actor)
        for f in FUNCTIONS.values()
        if role in f.may.split()
    ]
    async with acting(app_server, role, json.dumps(sample.claims.get(actor, {}))) as connection:
        connection.add_log_listener(lambda _c, message: said.add(str(message.message)))
        for trap in traps:
            await outcome(connection, trap)
        for call in calls:
            savepoint = connection.transaction()
            await savepoint.start()
            with suppress(asyncpg.PostgresError):
                await connection.execute(call)
            await savepoint.rollback()
        await asyncio.sleep(0)
    assert "bitten as postgres" not in said


# Switching viewers within a transaction


async def test_a_prepared_question_is_answered_for_who_asks_now(sample: Sample) -> None:
    async with sample.being("owner") as connection:
        question = await connection.prepare(
            f"select count(*) from interactions where id in ({sample.names['interactions']})"
        )
        found = [await question.fetchval() for _ in range(7)]  # often enough for a generic plan
        await become(connection, sample.people["other"])
        found.append(await question.fetchval())
        await connection.execute("set local role agent_runtime")
        await connection.execute("select set_config('request.jwt.claims', $1, true)", json.dumps(sample.claims["its_key"]))  # fmt: skip
        found.append(await question.fetchval())
    assert found == [3] * 7 + [0, 3]


async def test_a_cursor_belongs_to_who_first_fetched(sample: Sample) -> None:
    async with sample.being("owner") as connection:
        for cursor in ("fetched", "opened"):
            await connection.execute(f"declare {cursor} cursor for select id from interactions where id in ({sample.names['interactions']})")  # fmt: skip
        assert len(await connection.fetch("fetch 1 from fetched")) == 1
        await become(connection, sample.people["other"])
        assert len(await connection.fetch("fetch all from fetched")) == 2
        assert len(await connection.fetch("fetch all from opened")) == 0


async def test_a_savepoint_gives_back_who_one_was(sample: Sample) -> None:
    async with sample.being("other") as connection:
        savepoint = connection.transaction()
        await savepoint.start()
        await become(connection, sample.people["owner"])
        assert await seen(sample, connection) == {"sees"}
        with suppress(asyncpg.PostgresError):
            await connection.execute("select 1 / 0")
        await savepoint.rollback()
        assert await connection.fetchval("select current_user") == "authenticated"
        assert await seen(sample, connection) == {"nothing"}


async def test_after_the_transaction_one_is_nobody(sample: Sample) -> None:
    async with sample.being("owner") as connection:
        assert await seen(sample, connection) == {"sees"}
    async with sample.being("web") as connection:
        assert await connection.fetchval("select current_setting('request.jwt.claims', true)") in (None, "")
        assert await seen(sample, connection) == {"refused"}


@pytest.mark.parametrize(("until", "rows"), [("'infinity'", "nothing"), ("now() + interval '1 s'", "nothing"), ("now()", "sees")])  # fmt: skip
async def test_a_ban_hides_everything_until_it_is_over(
    app_server: AppServer, sample: Sample, until: str, rows: str
) -> None:
    async with as_owner(app_server) as owner:
        await owner.execute(f"update users set banned_until = {until} where id = '{sample.names['owner']}'")
        await become(owner, sample.people["owner"])
        assert await seen(sample, owner) == {rows}
        refused = await outcome(owner, "select from leaderboard()") == "FW403"
        assert refused == (rows == "nothing")

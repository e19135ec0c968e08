"""Who may do what with which table: read from the catalogue, and tried by every kind of actor."""

import secrets
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database.acting import REFUSED, Connection, acting, as_agent, as_person, refused
from tests.site import Person, Site

OF_INTERACTION = "interaction_id = any ($2::uuid[]) and $1::uuid is not null and $3::uuid is not null"
# table → which rows are the scene's ($1 supervisor, $2 interactions, $3 agent)
ROWS = {
    "users": "id = $1 and $2::uuid[] is not null and $3::uuid is not null",
    "agents": "id = $3 and $2::uuid[] is not null and $1::uuid is not null",
    "agent_tools": "agent_id = $3 and $2::uuid[] is not null and $1::uuid is not null",
    "agent_keys": "agent_id = $3 and $2::uuid[] is not null and $1::uuid is not null",
    "interactions": "id = any ($2) and $1::uuid is not null and $3::uuid is not null",
    "interaction_pulse": OF_INTERACTION,
    "realtime_metrics": OF_INTERACTION,
    "interaction_turns": OF_INTERACTION,
    "tool_permissions": OF_INTERACTION,
    "interaction_archives": OF_INTERACTION,
    "tool_grants": OF_INTERACTION,
}
VIEWS = {"supervisor_performance", "agent_performance"}
AGENTS_READ = set(ROWS) - {"users", "agent_keys", "realtime_metrics", "tool_grants"}
# role → table → what is granted, by column where it is by column
WRITES: dict[str, dict[str, set[str]]] = {
    "anon": {},
    "authenticated": {},
    "floorwalker_web": {},
    "agent_runtime": {
        "interactions": {
            *(
                f"INSERT {c}"
                for c in ["agent_id", "external_id", "interaction_type", "livekit_room_id", "phone_number"]
            ),
            *(f"UPDATE {c}" for c in ("livekit_room_id", "phone_number", "status")),
        },
        "interaction_turns": {f"INSERT {c}" for c in ("captured_at", "interaction_id", "speaker", "text")},
        "tool_permissions": {
            f"INSERT {c}" for c in ("arguments", "interaction_id", "tool_description", "tool_name")
        },
        "interaction_archives": {
            *(f"INSERT {c}" for c in ("interaction_id",)),
            *(
                f"{verb} {c}"
                for verb in ("INSERT", "UPDATE")
                for c in ("csat_score", "issues", "resolution_time_seconds", "summary", "tags")
            ),
        },
    },
}


@dataclass
class Scene:
    person: Person
    interactions: list[UUID]

    @property
    def arguments(self) -> tuple[UUID, list[UUID], UUID]:
        return self.person.id, self.interactions, self.person.agents[0].id


async def play(site: Site, person: Person) -> Scene:
    """At least one row in every table: an archived interaction, and an active one with everything."""
    agent = person.agents[0]
    done = await site.start(agent)
    async with site.api(agent) as api:
        archive = {"summary": "All went well."}
        await api.post(f"/interactions/{done}/end", json={"status": "completed", "archive": archive})
        live = await site.start(agent, phone_number="+18505550155")
        await api.post(f"/interactions/{live}/metrics", json={"sentiment": "good", "satisfaction_score": 90})
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "hello"})
    await site.ask(agent, live)
    async with site.database() as owner:
        await owner.execute(
            "insert into tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name) values ($1, $2, 'x', $2, 'x')",
            UUID(live),
            person.id,
        )
    return Scene(person, [UUID(done), UUID(live)])


async def cut_off(site: Site, scene: Scene, column: str, value: str) -> None:
    async with site.database() as owner:
        await owner.execute(f"update users set {column} = {value} where id = $1", scene.person.id)


@pytest.fixture(scope="session")
async def scene(site: Site) -> Scene:
    return await play(site, await site.hire("voice"))


@pytest.fixture(scope="session")
async def stranger(site: Site) -> Person:
    return await site.hire("voice")


@pytest.fixture(scope="session")
async def admin(site: Site) -> Person:
    return await site.hire("admin")


async def seen(connection: Connection, table: str, scene: Scene) -> int:
    query = f"select count(*) from public.{table} where {ROWS[table]}"
    return int(await connection.fetchval(query, *scene.arguments))


async def test_every_table_is_in_the_matrix(site: Site) -> None:
    async with site.database() as owner:
        tables = await owner.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        )
        views = await owner.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')"
        )
    assert {row[0] for row in tables} == set(ROWS)
    assert {row[0] for row in views} == VIEWS


async def test_every_table_has_row_level_security_and_a_comment(site: Site) -> None:
    async with site.database() as owner:
        rows = await owner.fetch("""
            select c.oid::regclass::text as name, c.relrowsecurity as walled, obj_description(c.oid) as said
            from pg_class c where c.relkind in ('r', 'p') and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)""")
    assert not [row["name"] for row in rows if not row["walled"] or not row["said"]]
    assert len(rows) > len(ROWS)


async def test_every_public_table_has_a_policy(site: Site) -> None:
    async with site.database() as owner:
        rows = await owner.fetch("select distinct tablename from pg_policies where schemaname = 'public'")
    assert {row[0] for row in rows} == set(ROWS)


async def test_views_look_through_the_readers_eyes(site: Site) -> None:
    async with site.database() as owner:
        rows = await owner.fetch("""
            select relname from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace
            and not coalesce('security_invoker=true' = any (reloptions), false)""")
    assert not rows


async def test_every_function_has_a_fixed_search_path_and_a_comment(site: Site) -> None:
    async with site.database() as owner:
        rows = await owner.fetch("""
            select p.oid::regprocedure::text as name, p.prosecdef, coalesce(p.proconfig, '{}') as settings, obj_description(p.oid) as said
            from pg_proc p where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
              and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')""")
    assert len(rows) > 30
    assert not [row["name"] for row in rows if 'search_path=""' not in row["settings"]]
    assert not [row["name"] for row in rows if not row["said"]]


async def test_nothing_is_granted_to_everybody_or_to_anon(site: Site) -> None:
    """An empty list of rights means PostgreSQL's defaults, and those let everybody execute."""
    async with site.database() as owner:
        functions = await owner.fetch("""
            select p.oid::regprocedure::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and (a.grantee = 0 or a.grantee = 'anon'::regrole)
              and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')""")
        relations = await owner.fetch("""
            select c.oid::regclass::text from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
            where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and (a.grantee = 0 or a.grantee = 'anon'::regrole)
            union select a.attrelid::regclass::text from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) x
            where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and (x.grantee = 0 or x.grantee = 'anon'::regrole)""")
        private = await owner.fetchval("select has_schema_privilege('anon', 'private', 'usage')")
    assert (functions, relations, private) == ([], [], False)


@pytest.mark.parametrize("role", WRITES)
async def test_what_a_role_may_write_is_what_is_written_here(site: Site, role: str) -> None:
    async with site.database() as owner:
        rows = await owner.fetch(
            """select c.relname, p.verb || ' ' || a.attname as right from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
            (values ('INSERT'), ('UPDATE')) p (verb)
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
              and has_column_privilege($1, c.oid, a.attnum, p.verb)
            union all select c.relname, v.verb from pg_class c, (values ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) v (verb)
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and has_table_privilege($1, c.oid, v.verb)""",
            role,
        )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["relname"], set()).add(row["right"])
    assert found == WRITES[role]


@pytest.mark.parametrize("table", [*ROWS, *VIEWS])
async def test_the_web_process_alone_reads_nothing(site: Site, table: str) -> None:
    async with site.database("floorwalker_web") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"select 1 from public.{table} limit 1")


@pytest.mark.parametrize("table", ["settings", "web_sessions", "idempotency_keys", "profile_faults"])
@pytest.mark.parametrize("role", ["authenticated", "agent_runtime", "service_role", "anon"])
async def test_private_tables_are_closed_to_every_role(site: Site, role: str, table: str) -> None:
    async with acting(site, role) as connection, refused(connection, REFUSED):
        await connection.fetch(f"select 1 from private.{table} limit 1")


async def test_the_web_process_is_no_owner_and_no_superuser(site: Site) -> None:
    async with site.database() as owner:
        row = await owner.fetchrow("""
            select rolsuper, rolinherit, rolbypassrls, rolcreaterole, rolcreatedb,
              (select count(*) from pg_class where relowner = r.oid) as owned,
              pg_has_role('floorwalker_web', 'service_role', 'member') as serves
            from pg_roles r where rolname = 'floorwalker_web'""")
    assert row is not None
    assert set(row.values()) == {False}


@pytest.mark.parametrize("table", ROWS)
async def test_who_sees_a_supervisors_rows(
    site: Site, scene: Scene, stranger: Person, admin: Person, table: str
) -> None:
    async with as_person(site, scene.person) as connection:
        assert await seen(connection, table, scene) > 0
    async with as_person(site, admin) as connection:
        assert await seen(connection, table, scene) > 0
    async with as_person(site, stranger) as connection:
        assert await seen(connection, table, scene) == 0
    async with acting(site, "authenticated") as connection:
        assert await seen(connection, table, scene) == 0
    async with acting(site, "anon") as connection, refused(connection, REFUSED):
        await seen(connection, table, scene)


@pytest.mark.parametrize("table", ROWS)
async def test_which_rows_an_agents_key_sees(site: Site, scene: Scene, stranger: Person, table: str) -> None:
    async with as_agent(site, scene.person.agents[0]) as mine, as_agent(site, stranger.agents[0]) as other:
        if table in AGENTS_READ:
            assert await seen(mine, table, scene) > 0
            assert await seen(other, table, scene) == 0
        else:
            async with refused(mine, REFUSED):
                await seen(mine, table, scene)


@pytest.mark.parametrize(
    ("column", "value"), [("deactivated_at", "now()"), ("banned_until", "now() + interval '1 day'")]
)
async def test_who_is_deactivated_or_banned_sees_not_even_their_own(
    site: Site, column: str, value: str
) -> None:
    gone = await play(site, await site.hire("chat"))
    boss = await site.hire("admin")
    await cut_off(site, gone, column, value)
    async with as_person(site, gone.person) as connection:
        assert {table: await seen(connection, table, gone) for table in ROWS} == dict.fromkeys(ROWS, 0)
        async with refused(connection, "FW403"):
            await connection.fetch("select * from leaderboard()")
        async with refused(connection, "FW404"):
            await connection.execute("select from set_agent_paused($1, true)", gone.person.agents[0].id)
    await cut_off(site, Scene(boss, []), column, value)
    async with as_person(site, boss) as connection:
        assert await connection.fetchval("select count(*) from users") == 0
        assert await connection.fetchval("select count(*) from interactions") == 0


async def test_a_ban_that_is_over_gives_the_rows_back(site: Site) -> None:
    person = await site.hire("voice")
    await cut_off(site, Scene(person, []), "banned_until", "now() - interval '1 second'")
    async with as_person(site, person) as connection:
        assert await connection.fetchval("select count(*) from agents") == 1


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("who", ["owner", "admin"])
async def test_people_write_no_table(site: Site, scene: Scene, admin: Person, who: str, table: str) -> None:
    async with site.database() as owner:
        column = await owner.fetchval(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum = 2",
            f"public.{table}",
        )
    async with as_person(site, scene.person if who == "owner" else admin) as connection:
        for statement in (
            f"delete from public.{table}",
            f"update public.{table} set {column} = {column}",
            f"insert into public.{table} ({column}) values (null)",
            f"truncate public.{table}",
        ):
            async with refused(connection, REFUSED):
                await connection.execute(statement)


async def test_forged_claims_open_nothing(site: Site, scene: Scene, stranger: Person, admin: Person) -> None:
    claims = {
        "sub": str(stranger.id),
        "role": "service_role",
        "app_role": "admin",
        "app_metadata": {"app_role": "admin"},
        "key_id": str(admin.id),
        "user_id": str(admin.id),
        "email": admin.email,
    }
    async with acting(site, "authenticated", claims) as connection:
        assert {table: await seen(connection, table, scene) for table in ROWS} == dict.fromkeys(ROWS, 0)
    async with acting(
        site, "agent_runtime", {"sub": str(scene.person.id), "role": "authenticated"}
    ) as connection:
        assert {t: await seen(connection, t, scene) for t in AGENTS_READ} == dict.fromkeys(AGENTS_READ, 0)
    for key in (str(uuid4()), str(scene.person.agents[0].id)):
        async with acting(site, "agent_runtime", {"key_id": key}) as connection:
            assert await seen(connection, "agents", scene) == 0


async def test_a_person_becomes_neither_agent_nor_the_service(site: Site, scene: Scene) -> None:
    async with as_person(site, scene.person) as connection:
        for role in ("service_role", "postgres", "supabase_auth_admin"):
            async with refused(connection, REFUSED):
                await connection.execute(f"set local role {role}")
        for call in ("private.current_agent()", "private.sweep(true)", "private.expire_tool_permissions()",
                     "private.reap_interactions()", "private.cleanup_realtime_metrics()", "cleanup_old_archives(1)",
                     f"claim_execution('{uuid4()}', 'x')", "private.configure('{}')", r"private.agent_of_key('\x00')",
                     r"private.find_web_session('\x00')", "private.live_web_sessions('{}')", "private.scores('month', 'UTC')"):  # fmt: skip
            async with refused(connection, REFUSED):
                await connection.execute(f"select {call}")


async def test_an_agent_writes_no_other_agents_rows(site: Site, scene: Scene, stranger: Person) -> None:
    done, live = scene.interactions
    async with as_agent(site, stranger.agents[0]) as thief:
        for statement, arguments in (
            ("insert into interactions (agent_id, interaction_type) values ($1, 'voice')", [scene.person.agents[0].id]),
            ("insert into interaction_turns (interaction_id, speaker, text) values ($1, 'agent', 'x')", [live]),
            ("insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund')", [live]),
            ("insert into interaction_archives (interaction_id, summary) values ($1, 'x')", [done]),
        ):  # fmt: skip
            with pytest.raises(asyncpg.PostgresError) as raised:
                async with thief.transaction():
                    await thief.execute(statement, *arguments)
            assert raised.value.sqlstate in {REFUSED, "FW404", "FW409"}, statement
        for statement, row in (
            ("update interactions set status = 'failed' where id = $1", live),
            ("update interaction_archives set summary = 'x' where interaction_id = $1", done),
        ):
            assert await thief.execute(statement, row) == "UPDATE 0"
        async with refused(thief, "FW404"):
            await thief.execute(
                "select claim_execution((select id from tool_permissions limit 1), $1)", secrets.token_hex(4)
            )


async def test_an_agent_cannot_give_its_interaction_away_or_bend_time(site: Site, scene: Scene) -> None:
    async with as_agent(site, scene.person.agents[0]) as agent:
        for change in (
            "supervisor_id = gen_random_uuid()",
            "started_at = now() - interval '1 day'",
            "agent_id = gen_random_uuid()",
        ):
            async with refused(agent, REFUSED):
                await agent.execute(f"update interactions set {change} where id = $1", scene.interactions[1])
        for column in ("status", "expires_at", "responded_at", "supervisor_id"):
            async with refused(agent, REFUSED):
                await agent.execute(f"update tool_permissions set {column} = {column}")

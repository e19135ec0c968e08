"""What the owner sees: migrations, triggers, people, and whether everything leads to one project."""

import pytest

from server.cli.doctor import owner
from server.embedded.postgres import SUPERUSER
from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.cli.doctor.conftest import Cloud, Connection, Project, bad, found, one
from tests.conftest import free_port

LOGIN = """insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data)
  values (gen_random_uuid(), 'authenticated', 'authenticated', $1, case when $2 then now() end, $3::text::jsonb)"""
ADMIN = '{"app_role": "admin"}'


async def looked(project: Project, **changes: str) -> list[str]:
    return await found(owner.check(project.place(**changes)))


@pytest.fixture
async def settled(project: Project) -> Project:
    """With an admin."""
    async with project.spoiled() as connection:
        await connection.execute(LOGIN, "boss@example.org", True, ADMIN)
    return project


async def test_all_is_well(cloud: Cloud) -> None:
    findings = await found(owner.check(cloud.place()))
    assert not bad(findings)
    one(findings, "the owner, postgres, may migrate")
    one(findings, "the owner and the web process use the same database")
    one(findings, f"the schema is up to date ({max(migrations.versions())})")
    one(findings, "there is one admin")
    one(findings, "every login", "became a person")
    one(findings, "SUPABASE_URL and the database are of one project")


async def test_migrations_are_missing(settled: Project) -> None:
    last = max(migrations.versions())
    async with settled.spoiled(f"delete from supabase_migrations.schema_migrations where version = '{last}'"):
        findings = await looked(settled)
    assert bad(findings) == [one(findings, "✗ migrations are missing (1,", last, "floorwalker migrate")]
    async with settled.spoiled("drop schema supabase_migrations cascade"):
        findings = await looked(settled)
    one(findings, f"✗ migrations are missing ({len(migrations.versions())},")


async def test_the_database_is_newer_than_the_program(settled: Project) -> None:
    async with settled.spoiled(
        "insert into supabase_migrations.schema_migrations (version) values ('20991231000000')"
    ):
        findings = await looked(settled)
    assert bad(findings) == [one(findings, "✗ the database is newer", "20991231000000", "update")]


@pytest.mark.parametrize("how", ["disable trigger floorwalker_20_profile_update", "disable trigger user"])
async def test_a_trigger_that_is_off(settled: Project, how: str) -> None:
    async with settled.spoiled(f"alter table auth.users {how}", role="supabase_auth_admin"):
        findings = await looked(settled)
    assert bad(findings) == [one(findings, "✗ auth.users lacks a trigger")]


async def test_nobody_is_an_admin(project: Project) -> None:
    findings = await looked(project)
    assert bad(findings) == [one(findings, "✗ there is no admin", "floorwalker create-admin")]
    async with project.spoiled() as connection:
        await connection.execute(LOGIN, "invited@example.org", False, ADMIN)
        findings = await looked(project)
        assert bad(findings) == [one(findings, "! an admin is invited")]
        await connection.execute("update auth.users set email_confirmed_at = now()")
        assert not bad(await looked(project))
        await connection.execute("update auth.users set banned_until = 'infinity'")
        one(await looked(project), "✗ there is no admin")


async def test_a_login_that_could_not_become_a_person(settled: Project) -> None:
    async def fail(connection: Connection, email: str) -> None:
        await connection.execute(LOGIN, email, True, '{"app_role": "supervisor"}')

    async with settled.spoiled() as connection:
        await fail(connection, "half@example.org")
        findings = await looked(settled)
        assert bad(findings) == [
            one(
                findings, "! of the last 7 days' logins", "(1)", "half@example.org", "users_supervisor_fields"
            )
        ]
        await connection.execute("update private.profile_faults set created_at = now() - interval '8 days'")
        assert not bad(await looked(settled))
        await fail(connection, "gone@example.org")
        await connection.execute("delete from auth.users where email = 'gone@example.org'")
        assert not bad(await looked(settled)), "nothing is left to put right"


async def test_sample_people_in_a_hosted_project(settled: Project) -> None:
    await migrations.seed(settled.url())
    findings = await looked(settled)
    assert bad(findings) == [
        one(findings, "✗ anybody who knows the published password can sign in as admin@example.com")
    ]


async def test_an_owner_who_is_none(settled: Project) -> None:
    findings = await looked(settled, DATABASE_OWNER_URL=settled.url("floorwalker_web"))
    assert findings == [
        one(findings, "✗ DATABASE_OWNER_URL signs in as floorwalker_web, which may not change the schema")
    ]
    findings = await looked(settled, DATABASE_OWNER_URL="")
    assert findings == [one(findings, "! DATABASE_OWNER_URL is not set")]
    dead = f"postgresql://postgres:hidden@127.0.0.1:{free_port()}/postgres"
    findings = await looked(settled, DATABASE_OWNER_URL=dead)
    assert findings == [one(findings, "✗ DATABASE_OWNER_URL", "cannot be used")]
    assert "hidden" not in findings[0]


async def test_the_owner_of_another_database(cloud: Cloud, settled: Project) -> None:
    findings = await looked(settled, DATABASE_URL=cloud.app_server.database_url("floorwalker_web"))
    assert bad(findings) == [one(findings, "✗ DATABASE_OWNER_URL", "is another database than DATABASE_URL")]


async def test_the_auth_server_of_another_project(
    cloud: Cloud, settled: Project, app_server: AppServer
) -> None:
    findings = await looked(settled, SUPABASE_SECRET_KEY=cloud.secret)
    assert bad(findings) == [one(findings, "✗ SUPABASE_URL", "are of two projects")]


async def test_before_the_first_migration_the_owner_may_make_it(project: Project) -> None:
    async with project.spoiled("drop schema private cascade", "drop table public.users cascade"):
        findings = await looked(project)
    assert not bad(findings)
    async with project.spoiled(
        "revoke all on schema public from postgres, pg_database_owner, public", role=SUPERUSER
    ):
        findings = await looked(project)
    one(findings, "✗ DATABASE_OWNER_URL signs in as postgres, which may not change the schema")

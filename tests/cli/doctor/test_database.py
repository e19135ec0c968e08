"""The database as it should be, and spoiled in one way after the other."""

import pytest

from server.cli.doctor import database
from server.embedded.postgres import SUPERUSER
from tests.cli.doctor.conftest import Cloud, Project, bad, found, one


async def looked(project: Project, **changes: str) -> list[str]:
    return await found(database.check(project.place(**changes)))


async def test_all_is_well(cloud: Cloud, project: Project) -> None:
    for findings in (await looked(project), await found(database.check(cloud.place()))):
        assert not bad(findings)
        one(findings, "PostgreSQL")
        one(findings, "this machine's clock and the database's agree")
        one(findings, "signs in as floorwalker_web, which owns nothing")
        one(findings, "becomes authenticated and agent_runtime")
        one(findings, "without a viewer, every table is refused")
        one(findings, "row-level security is on for all")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://floorwalker_web:hidden@127.0.0.1:1/postgres",
        "postgresql://floorwalker_web:hid/den@127.0.0.1:5432/postgres",  # the slash is not escaped
        "hidden",
        "postgresql://hidden:hidden",
        "postgresql://a@127.0.0.1:port/hidden?password=hidden",
    ],
)
async def test_no_way_there_is_a_sentence_without_the_password(project: Project, url: str) -> None:
    findings = await looked(project, DATABASE_URL=url)
    assert findings == [one(findings, "✗ DATABASE_URL", "cannot be used")]
    assert "hid" not in findings[0].replace("/hidden", "")
    assert "den" not in findings[0].replace("/hidden", "")


async def test_the_wrong_role(project: Project) -> None:
    findings = await looked(project, DATABASE_URL=project.url())
    one(
        findings,
        "✗",
        "signs in (DATABASE_URL) as postgres, which bypasses row-level security",
        "floorwalker_web",
    )
    one(findings, "✗ postgres sees public.users without a viewer")
    findings = await looked(project, DATABASE_URL=project.url(SUPERUSER))
    one(findings, "✗", "a superuser")


@pytest.mark.parametrize(
    ("spoil", "mend", "words"),
    [
        ("alter role floorwalker_web bypassrls", "alter role floorwalker_web nobypassrls", ["bypasses row-level security"]),
        ("alter role floorwalker_web superuser", "alter role floorwalker_web nosuperuser", ["is a superuser"]),
        ("grant service_role to floorwalker_web", "revoke service_role from floorwalker_web", ["may become service_role"]),
        ("set role postgres; revoke authenticated from floorwalker_web", "grant authenticated to floorwalker_web", ["cannot become authenticated", "migrate"]),
        ("create schema hers authorization floorwalker_web", "drop schema hers", ["owns something"]),
    ],
)  # fmt: skip
async def test_the_right_role_with_the_wrong_rights(
    project: Project, spoil: str, mend: str, words: list[str]
) -> None:
    async with project.spoiled(spoil, role=SUPERUSER) as root:
        try:
            findings = await looked(project)
        finally:
            await root.execute(mend)
    one(findings, "✗ floorwalker_web", *words)
    assert not bad(await looked(project))


async def test_a_grant_that_somebody_made_by_hand(project: Project) -> None:
    async with project.spoiled("grant select on public.users, public.agents to floorwalker_web"):
        findings = await looked(project)
    assert bad(findings) == [one(findings, "✗ floorwalker_web sees public.users without a viewer", "revoke")]
    async with project.spoiled("revoke select on public.users from floorwalker_web"):
        findings = await looked(project)
    assert bad(findings) == [one(findings, "✗ floorwalker_web sees public.agents without a viewer")]


async def test_a_table_without_row_level_security(project: Project) -> None:
    async with project.spoiled("create table public.bare (id integer)"):
        findings = await looked(project)
    assert bad(findings) == [one(findings, "✗ row-level security is off for public.bare")]


async def test_a_view_that_was_made_anew_from_its_definition_alone(project: Project) -> None:
    again = """do $$ begin execute 'create or replace view public.agent_performance as '
      || pg_get_viewdef('public.agent_performance'::regclass); end $$"""
    async with project.spoiled(again):
        findings = await looked(project)
    told = one(findings, "✗ public.agent_performance shows rows past row-level security", "alter view")
    assert bad(findings) == [told]


async def test_no_schema_yet(project: Project) -> None:
    async with project.spoiled("drop schema private cascade"):
        findings = await looked(project)
    assert bad(findings) == [one(findings, "✗ the database has no schema yet", "floorwalker migrate")]

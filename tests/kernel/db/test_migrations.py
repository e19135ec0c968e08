"""Migrations: once, twice, on every PostgreSQL of this machine, on every kind of project, and over older data."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest

from server.embedded.postgres import SUPERUSER, Postgres
from server.errors import Unavailable
from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.catalogue import Catalogue, Connection, catalogue, differences, rows
from tests.conftest import ROOT, a_folder

OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
needs_another = [
    pytest.mark.full,
    pytest.mark.skipif(not OTHERS, reason="no other PostgreSQL is installed in /usr/lib/postgresql"),
]
HOME = None  # the binaries of the wheel
BARE = """
do $$
declare
  maker text;
  kind text;
begin
  foreach maker in array array['postgres', 'supabase_admin'] loop
    foreach kind in array array['tables', 'functions', 'sequences'] loop
      execute format('alter default privileges for role %I in schema public revoke all on %s '
        'from postgres, anon, authenticated, service_role', maker, kind);
    end loop;
  end loop;
end $$
"""


@contextmanager
def running(folder: Path | None) -> Iterator[Postgres]:
    """A PostgreSQL of its own as a hosted project has it, before the first migration."""
    with a_folder() as place:
        postgres = Postgres(place / "home", bin_folder=folder, settings={"fsync": "off"})
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


@asynccontextmanager
async def connected(postgres: Postgres, role: str = "postgres") -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(postgres.url(role))
    try:
        yield connection
    finally:
        await connection.close()


async def defined(postgres: Postgres, *, bare: bool) -> Catalogue:
    """Migrate twice, and return the catalogue; `bare`: a project whose default privileges grant nothing."""
    if bare:
        async with connected(postgres, SUPERUSER) as root:
            await root.execute(BARE)
            assert await root.fetchval("select count(*) from pg_default_acl") == 0
    async with connected(postgres) as owner:
        assert not await owner.fetchval("select rolsuper from pg_roles where rolname = current_user")
        for thing in ("table auth.own (id integer)", "function auth.own() returns integer return 1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await owner.execute(f"create {thing}")
        assert len(await migrations.migrate(postgres.url("postgres"))) == len(files())
        first = await catalogue(owner)
        assert await migrations.migrate(postgres.url("postgres")) == []
        assert not differences(first, await catalogue(owner))
    return first


def files() -> list[str]:
    return sorted(path.stem for path in (migrations.FOLDER / "migrations").glob("*.sql"))


def without_spelling(found: Catalogue) -> Catalogue:
    """The part of a catalogue that can be compared between versions of PostgreSQL and kinds of projects.

    NOT NULL is a named constraint since 18; here it stays a property of the column. MAINTAIN is a privilege since
    17, which only owners have. Before 16, a view's columns are shown with their table, and the creator of a role is not its
    member. Default privileges are the project's own; ours are those that grant something to others than the creator.
    """
    kept = dict(found)
    kept["constraints"] = [line for line in found["constraints"] if "'NOT NULL " not in line]
    kept["relations"] = sorted(_relation(line) for line in found["relations"])
    kept["members"] = [line for line in found["members"] if f"'{SUPERUSER}', True" not in line]
    kept["default privileges"] = [
        line
        for line in found["default privileges"]
        if f"'{SUPERUSER}'" not in line and not re.search(r"'postgres=\w+/postgres'\)$", line)
    ]
    return kept


def _relation(line: str) -> str:
    line = re.sub(r"postgres postgres MAINTAIN f(; )?", "", line)
    assert "MAINTAIN" not in line
    return re.sub(r"\b\w+\.(?=\w)", "", line) if "'v'" in line else line


async def test_all_are_recorded_where_supabase_looks_for_them(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select version || '_' || name as file, statements from supabase_migrations.schema_migrations order by version"
        )
    assert [row["file"] for row in rows] == files()
    assert all(row["statements"] for row in rows)


async def test_an_installation_without_migrations_says_so(
    app_server: AppServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    with pytest.raises(Unavailable, match="no migrations"):
        await migrations.migrate(app_server.database_url("postgres"))


async def test_a_second_run_changes_nothing(app_server: AppServer) -> None:
    assert await migrations.migrate(app_server.database_url()) == []


async def test_one_that_fails_leaves_nothing_behind(
    app_server: AppServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    broken = tmp_path / "migrations" / "20991231000000_broken.sql"
    broken.write_text("create table public.half_done (id integer); select 1 / 0;")
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrations.migrate(app_server.database_url())
    async with app_server.database() as owner:
        assert await owner.fetchval("select to_regclass('public.half_done')") is None
        assert not await owner.fetchval(
            "select exists (select from supabase_migrations.schema_migrations where version = '20991231000000')"
        )


@pytest.fixture(scope="module")
async def reference() -> Catalogue:
    """The wheel's PostgreSQL with the hosted default, which opens all of public to the API roles."""
    with running(HOME) as postgres:
        return without_spelling(await defined(postgres, bare=False))


async def test_a_project_without_default_privileges_ends_up_the_same(reference: Catalogue) -> None:
    """So every grant is written out, and every grant that must not exist is revoked."""
    with running(HOME) as postgres:
        assert not differences(reference, without_spelling(await defined(postgres, bare=True)))


@pytest.mark.parametrize("bare", [False, True], ids=["open", "bare"])
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(path, id=path.parent.name, marks=needs_another)
        for path in OTHERS or [Path("/none/15/bin")]
    ],
)
async def test_another_postgresql_ends_up_the_same(reference: Catalogue, folder: Path, bare: bool) -> None:
    with running(folder) as postgres:
        assert not differences(reference, without_spelling(await defined(postgres, bare=bare)))
        await migrations.seed(postgres.url("postgres"))
        async with connected(postgres) as owner:
            assert await owner.fetchval("select count(*) from public.agents") == 5
            assert await owner.fetchval("select count(*) from private.profile_faults") == 0


FIRST = "20261101*.sql"  # the migrations of the first release
WORK = """
insert into public.interactions (agent_id, interaction_type, phone_number, started_at)
  select id, agent_type, '+1850555010' || slot, now() - interval '1 hour' from public.agents;
insert into public.realtime_metrics (interaction_id, sentiment, satisfaction_score, feed_text)
  select id, 'good', 80, 'All is well' from public.interactions;
insert into public.tool_permissions (interaction_id, tool_name, arguments)
  select id, 'issue_refund', '{"order": "W1"}' from public.interactions;
update public.interactions set status = 'completed' where interaction_type = 'voice';
insert into public.interaction_archives (interaction_id, summary, issues, csat_score)
  select id, 'A refund', '[{"issue": "refund", "status": "resolved", "priority": "low"}]', 4
  from public.interactions where status = 'completed';
"""
KEPT = ("interactions", "realtime_metrics", "tool_permissions", "interaction_archives", "agents", "users")


async def counted(owner: Connection) -> dict[str, int]:
    found = await rows(owner)
    return {name: len(found[f"public.{name}"]) for name in KEPT}


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(HOME, id="wheel"),
        *(pytest.param(path, id=path.parent.name, marks=needs_another) for path in OTHERS),
    ],
)
async def test_what_was_written_before_an_upgrade_is_there_afterwards(
    folder: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    for path in (migrations.FOLDER / "migrations").glob(FIRST):
        shutil.copy(path, tmp_path / "migrations")
    shutil.copy(migrations.FOLDER / "seed.sql", tmp_path)
    with running(folder) as postgres:
        url = postgres.url("postgres")
        with monkeypatch.context() as older:
            older.setattr(migrations, "FOLDER", tmp_path)
            await migrations.migrate(url)
            await migrations.seed(url)
        async with connected(postgres) as owner:
            await owner.execute(WORK)
            before = await counted(owner)
            assert set(await migrations.migrate(url)) == set(files()) - {
                path.stem for path in (tmp_path / "migrations").iterdir()
            }
            assert await counted(owner) == before
            assert before["interactions"] == 5
            assert before["interaction_archives"] == 3
            sums = await owner.fetchrow(
                "select sum(completed), sum(handle_seconds), sum(csat), sum(fcr_known) from private.agent_sums"
            )
            assert sums is not None
            assert tuple(sums) == (3, 3 * 3600, 12, 3)
            pulses = await owner.fetchrow(
                """select count(*), count(*) filter (where p.started_at = i.started_at)
                from public.interaction_pulse p join public.interactions i on i.id = p.interaction_id"""
            )
            assert pulses is not None
            assert tuple(pulses) == (2, 2)
            states = await owner.fetch("select distinct status from public.tool_permissions order by 1")
            assert [row["status"] for row in states] == ["cancelled", "pending"]


@pytest.mark.full
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(path, id=path.parent.name, marks=needs_another)
        for path in OTHERS or [Path("/none/15/bin")]
    ],
)
def test_the_matrix_and_all_functions_hold_on_another_postgresql(folder: Path) -> None:
    """The tests of the database once more, in a process of their own; the server joins the PostgreSQL it finds."""
    chosen = ["-q", "-m", "not full", "-p", "no:cacheprovider", "tests/database"]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", *chosen],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_BIN": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:]

"""Without a web process: the sweeper's steps as jobs of pg_cron, made by the owner of a hosted project."""

from pathlib import Path

import asyncpg
import pytest

from server.embedded.postgres import SUPERUSER, Postgres
from server.kernel.db import migrations, sweeper
from tests.app_server import DEADLINE
from tests.conftest import a_folder, until
from tests.docs.examples import example

FOLDERS = [
    path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path.parent / "lib/pg_cron.so").exists()
]
SETTINGS = {
    "fsync": "off",
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "postgres",
    "cron.use_background_workers": "on",  # otherwise it signs in over TCP
}
STEPS = (*sweeper.ALWAYS, *sweeper.RETENTION)
# Due at once: a request without an answer, and an old archive.
DUE = """
select private.configure('{"permission_seconds": 1}');
insert into public.interactions (agent_id, interaction_type) select id, agent_type from public.agents;
insert into public.tool_permissions (interaction_id, tool_name, arguments)
  select id, 'issue_refund', '{}' from public.interactions;
update public.interactions set status = 'completed' where interaction_type = 'chat';
insert into public.interaction_archives (interaction_id, summary)
  select id, 'Long ago' from public.interactions where status = 'completed';
update public.interaction_archives set created_at = now() - interval '91 days';
"""


@pytest.mark.full
@pytest.mark.skipif(not FOLDERS, reason="pg_cron is not installed (Debian: postgresql-15-cron)")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
async def test_every_step_can_be_a_job(folder: Path) -> None:
    with a_folder() as place:
        postgres = Postgres(place / "home", bin_folder=folder, settings=SETTINGS)
        postgres.start()
        try:
            await migrations.migrate(postgres.url("postgres"))
            await migrations.seed(postgres.url("postgres"))
            root = await asyncpg.connect(postgres.url(SUPERUSER))
            await root.execute("create extension pg_cron; grant usage on schema cron to postgres")
            parts = (
                await root.fetchval("select extversion from pg_extension where extname = 'pg_cron'")
            ).split(".")
            await root.close()
            # Intervals of seconds exist since 1.5; before, a job runs each minute at most.
            often = "1 seconds" if tuple(int(part[:1]) for part in parts[:2]) >= (1, 5) else "* * * * *"
            owner = await asyncpg.connect(postgres.url("postgres"))
            await owner.execute(DUE)
            await owner.execute(example("cron.sql").replace("1 seconds", often))
            jobs = await owner.fetch("select jobname from cron.job")
            assert {row["jobname"] for row in jobs} == {f"floorwalker-{step}" for step in STEPS}

            async def done() -> bool:
                runs = await owner.fetch(
                    "select jobname, status from cron.job_run_details join cron.job using (jobid)"
                )
                assert not [run for run in runs if run["status"] == "failed"]
                found = await owner.fetch(
                    "select status, count(*) from public.tool_permissions group by 1 order by 1"
                )
                ended = [tuple(row) for row in found] == [("cancelled", 2), ("timeout", 3)]
                return ended and len({run["jobname"] for run in runs if run["status"] == "succeeded"}) == len(
                    STEPS
                )

            await until(done, 130 + DEADLINE)
            assert await owner.fetchval("select count(*) from public.interaction_archives") == 0
            assert (
                await owner.fetchval("select count(*) from public.interactions where status = 'active'") == 3
            )
            await owner.close()
        finally:
            postgres.stop()

"""Keep a backup of the present version, which all later ones must restore: `python -m tests.keep_backup`.

To be run when a release is made. It writes tests/backups/<the last migration's number>.dump.
"""

import asyncio
from pathlib import Path

from server.kernel.db import migrations
from tests.test_process import command
from tests.used_home import connected, create_used_home, started

FOLDER = Path(__file__).parent / "backups"


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{max(migrations.versions())}.dump"
    async with create_used_home() as used_home:
        with started(used_home.home) as postgres:
            async with connected(
                postgres.url("postgres")
            ) as owner:  # a month of sample history would add nothing
                people = [used_home.person.id, used_home.outsider.id]
                await owner.execute("delete from public.interactions where supervisor_id <> all ($1)", people)
            made = command("backup", str(file), FLOORWALKER_HOME=str(used_home.home))
        assert made.returncode == 0, made.stderr


if __name__ == "__main__":
    asyncio.run(main())

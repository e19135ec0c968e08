"""A process that owns or joins the PostgreSQL of a home and says so, until its input ends."""

import asyncio
import json
import os
import pwd
import sys
from pathlib import Path

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres, StartError


async def stay(postgres: Postgres) -> None:
    keeping = asyncio.create_task(postgres.keep())
    await asyncio.to_thread(sys.stdin.read)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def server_process(postgres: Postgres) -> int:
    connection = await asyncpg.connect(postgres.url(SUPERUSER))
    file = await connection.fetchval("select pg_read_file('postmaster.pid')")
    await connection.close()
    return int(file.splitlines()[0])


def main() -> None:
    if len(sys.argv) > 2:
        account = pwd.getpwnam(sys.argv[2])
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    postgres = Postgres(Path(sys.argv[1]), settings={"fsync": "off"})
    try:
        postgres.start()
    except StartError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    said = {
        "owner": postgres.owner,
        "pid": asyncio.run(server_process(postgres)),
        "url": postgres.url("postgres"),
    }
    print(json.dumps(said), flush=True)
    asyncio.run(stay(postgres))
    postgres.stop()


if __name__ == "__main__":
    main()

"""An upgrade of an earlier home with people at work: requests that were pending can be decided."""

import asyncio
import re
import shutil
from pathlib import Path
from secrets import token_urlsafe

import httpx
import pytest

from server.embedded import restore
from server.embedded.postgres import Postgres
from server.kernel.auth import digest
from server.kernel.db import backups, migrations
from tests.app_server import AppServer
from tests.conftest import a_folder, free_port, serving
from tests.kernel.db.test_migrations import connected
from tests.test_process import command

BEFORE_HELD_DECISIONS = "20261127"  # the first version that is newer
SAMPLE = {"email": "supervisor1@example.com", "password": "floorwalker"}


async def test_requests_that_waited_before_an_upgrade_are_decided_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    for path in (migrations.FOLDER / "migrations").glob("*.sql"):
        if path.name < BEFORE_HELD_DECISIONS:
            shutil.copy(path, tmp_path / "migrations")
    shutil.copy(migrations.FOLDER / "seed.sql", tmp_path)
    with a_folder() as place:
        postgres = Postgres(place / "home")
        postgres.start()
        try:
            with monkeypatch.context() as older:
                older.setattr(migrations, "FOLDER", tmp_path)
                await migrations.migrate(postgres.url("postgres"))
                await migrations.seed(postgres.url("postgres"))
            async with connected(postgres) as owner:
                agent = await owner.fetchval("select id from agents where name = 'Voice Agent 1'")
                key = f"fw_{token_urlsafe(32)}"
                await owner.execute(
                    "insert into agent_keys (agent_id, key_hash, hint) values ($1, $2, 'hint')",
                    agent,
                    digest(key),
                )
                interaction = await owner.fetchval(
                    "insert into interactions (agent_id, interaction_type) values ($1, 'voice') returning id",
                    agent,
                )
                waiting = await owner.fetch(
                    """insert into tool_permissions (interaction_id, tool_name, arguments)
                    select $1, 'issue_refund', json_build_object('amount', n) from generate_series(1, 3) n
                    returning id::text, arguments_digest""",
                    interaction,
                )
                await owner.execute(  # one of the old kind, which allows everything
                    """insert into tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name)
                    select id, supervisor_id, 'issue_voucher', supervisor_id, 'John' from interactions where id = $1""",
                    interaction,
                )
                ask = "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_voucher') returning status"
                assert await owner.fetchval(ask, interaction) == "allowed"
            old_backup = place / "old.dump"
            await backups.backup(postgres.url("postgres"), old_backup, restore.programs(postgres))
        finally:
            postgres.stop()
        with serving(place / "home", free_port()) as app_server:
            async with httpx.AsyncClient(base_url=app_server.url, timeout=60) as browser:
                assert (await browser.post("/login", data=SAMPLE)).status_code == 303
                page = (await browser.get("/")).text
                shown = re.findall(r'name="arguments_digest" value="(\w+)"', page)
                assert {row["arguments_digest"] for row in waiting} == set(shown)
                first, second, third = waiting
                for row, status in ((first, "allowed"), (second, "denied")):
                    data = {"status": status, "arguments_digest": row["arguments_digest"]}
                    answer = await browser.post(f"/tool-permissions/{row['id']}/decision", data=data)
                    assert answer.status_code == 303
            async with app_server.database() as owner:
                await owner.execute("update agent_tools set undo_seconds = 60 where agent_id = $1", agent)
                assert await owner.fetchval(
                    "select status from tool_permissions where id::text = $1", third["id"]
                ) == ("pending")
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(
                base_url=f"{app_server.url}/api/v1", headers=headers, timeout=60
            ) as api:
                read = [(await api.get(f"/tool-permissions/{row['id']}")).json()["status"] for row in waiting]
                assert read == ["allowed", "denied", "pending"]
                claim = {"arguments_digest": first["arguments_digest"]}
                claim_path = f"/tool-permissions/{first['id']}/execution"
                assert (await api.post(claim_path, json=claim)).status_code == 201
                body = {"tool_name": "issue_voucher", "arguments": {}}
                again = await api.post(f"/interactions/{interaction}/tool-permissions", json=body)
                assert again.json()["status"] == "pending", "an old grant allows nothing any more"
            await ended(app_server)
            brought_back = await asyncio.to_thread(
                command, "restore", str(old_backup), FLOORWALKER_HOME=str(app_server.home)
            )
            assert brought_back.returncode == 0, brought_back.stderr
            await ended(app_server)


async def ended(app_server: AppServer) -> None:
    """The grant of the old kind is kept, and has ended."""
    async with app_server.database() as owner:
        grants = await owner.fetch("select ended_how, scope, uses, granted_by_name from tool_grants")
    assert [tuple(row) for row in grants] == [("updated", "any", 1, "John")]

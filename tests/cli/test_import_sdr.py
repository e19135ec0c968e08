"""`floorwalker import-sdr`: what comes of each row, a second time, and an import that is interrupted."""

import asyncio
import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.app_server import DEADLINE, AppServer, Person
from tests.cli.sdr_files import MAPPED, TALK, add, add_agent, add_call, change, import_, make, one, rows_of
from tests.conftest import ROOT, until
from tests.test_process import sentence


async def test_everything_comes_and_a_second_time_nothing_changes(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    agent = add_agent(
        file, boss, interrupt_enabled=0, silence_threshold_sec=1.5, created_at="2026-01-02 03:04:05"
    )
    add(
        file, "agent_tools", tool_id=f"t {agent}", agent_id=agent, name="book", description="Books a date.",
        required_params='["date"]', optional_params='[{"name": "note", "type": "string", "description": "Why."}]',
        webhook_url="https://example.com/book",
    )  # fmt: skip
    call = add_call(file, agent)
    add(file, "knowledge_bases", kb_id="k", agent_id=agent, name="Prices", file_type="pdf")
    answer = await import_(app_server, file)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == [
        f"agent {agent}: imported",
        f"tool t {agent}: imported",
        f"conversation {call}: imported",
        "not imported: 1 of knowledge_bases",
        "3 rows: 3 imported, 0 changed, 0 unchanged, 0 refused",
    ]
    row = await one(app_server, "select * from agents where supervisor_id = $1", boss.id)
    assert (row["name"], row["system_prompt"], row["agent_type"], row["voice_id"]) == (
        "Ada",
        "Sell.",
        "voice",
        "aura-2-thalia-en",
    )
    assert (row["interrupt_enabled"], row["silence_threshold_seconds"], row["slot"]) == (False, 1.5, 1)
    assert row["created_at"] == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    tool = await one(app_server, "select * from agent_tools where agent_id = $1", row["id"])
    assert (tool["mode"], tool["tool_config"]) == ("runs", {"endpoint": "https://example.com/book"})
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {"date": {}, "note": {"type": "string", "description": "Why."}},
        "required": ["date"],
    }
    shown = await one(app_server, "select * from sdr.conversations where conversation_id = $1", call)
    assert shown["transcript"] == (
        "Agent: Hello.\nHow are you?\nCustomer: Fine: thank you.\nCustomer: Bye.\nAgent: Good-bye."
    )
    assert (shown["status"], shown["phone_number"]) == ("completed", "+18505550155")
    told = await one(app_server, "select * from interactions where external_id = $1", call)
    assert (told["duration_seconds"], told["is_test"], told["status"]) == (300, False, "completed")
    async with app_server.database() as owner:
        assert not await owner.fetchval(
            "select count(*) from interaction_turns where interaction_id = $1 and late", told["id"]
        )
    before = await rows_of(app_server, boss)
    again = await import_(app_server, file)
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1] == "3 rows: 0 imported, 0 changed, 3 unchanged, 0 refused"
    assert await rows_of(app_server, boss) == before


@pytest.mark.full
async def test_a_file_that_sqlalchemy_wrote(app_server: AppServer, boss: Person, folder: Path) -> None:
    file, agent, at = make(folder / "mapped.db", MAPPED), str(uuid4()), "2026-11-01 10:00:00.123456"
    add_agent(
        file, None, agent_id=agent, user_id=str(boss.id), voice_provider="deepgram", voice_id="x", model_provider="y",
        model_name="z", interrupt_enabled=1, silence_threshold_sec=0.8, created_at=at, updated_at=at, is_active=1,
    )  # fmt: skip
    add(
        file, "agent_tools", tool_id=str(uuid4()), agent_id=agent, name="book", description="", required_params="[]",
        optional_params=None, webhook_url=None, created_at=at,
    )  # fmt: skip
    call = add_call(file, agent, created_at=at, started_at=at, ended_at="2026-11-01 10:00:01.123456")
    answer = await import_(app_server, file)
    assert answer.stdout.endswith("3 rows: 3 imported, 0 changed, 0 unchanged, 0 refused\n"), answer.stdout
    row = await one(
        app_server,
        "select a.id, i.started_at from agents a join interactions i on i.agent_id = a.id where external_id = $1",
        call,
    )
    assert row["id"] == UUID(agent), "a UUID stays"
    assert row["started_at"] == dt.datetime(2026, 11, 1, 10, 0, 0, 123456, dt.UTC)
    assert (await import_(app_server, file)).stdout.endswith("0 changed, 3 unchanged, 0 refused\n")


@pytest.mark.full
async def test_what_changed_in_the_file_changes_here_and_what_people_set_stays(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    agent = add_agent(file, boss)
    add(
        file,
        "agent_tools",
        tool_id=agent,
        agent_id=agent,
        name="pay",
        description="Pays.",
        required_params='["amount"]',
    )
    call = add_call(file, agent, status="in-progress", ended_at=None, transcript="Agent: Hello.")
    assert "its end is not in the file" in (await import_(app_server, file)).stdout
    row = await one(
        app_server, "select id, status, end_reason from interactions where external_id = $1", call
    )
    assert (row["status"], row["end_reason"]) == ("failed", "disconnected")
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    async with app_server.database() as owner:
        await owner.execute(
            "update agent_tools set mode = 'asks', input_schema = $2 where agent_id in (select id from agents where supervisor_id = $1)",
            boss.id, schema,
        )  # fmt: skip
    change(file, "agents", "true", name="Grace", user_id="somebody else")
    change(file, "agent_tools", "true", description="Pays money.", webhook_url="https://example.com/pay")
    change(file, "conversations", "true", status="completed", ended_at="2026-11-01 10:01:00", transcript=TALK)
    answer = await import_(app_server, file)
    assert answer.stdout.splitlines() == [
        f"agent {agent}: changed (name)",
        f"tool {agent}: changed (description; tool_config)",
        f"conversation {call}: changed (status; end_reason; ended_at; transcript)",
        "3 rows: 0 imported, 3 changed, 0 unchanged, 0 refused",
    ]
    tool = await one(
        app_server,
        "select t.* from agent_tools t join agents a on a.id = t.agent_id where supervisor_id = $1 and name = 'Grace'",
        boss.id,
    )
    assert (tool["mode"], tool["requires_permission"], tool["input_schema"]) == ("asks", True, schema)
    told = await one(app_server, "select * from interactions where external_id = $1", call)
    assert (told["id"], told["status"], told["end_reason"], told["duration_seconds"]) == (
        row["id"],
        "completed",
        None,
        60,
    )
    assert told["reaped_at"] is None
    assert (await import_(app_server, file)).stdout.endswith("0 changed, 3 unchanged, 0 refused\n")


@pytest.mark.parametrize(
    ("status", "here", "reason"),
    [
        ("completed", "completed", None), ("failed", "failed", "error"), ("disconnected", "completed", "disconnected"),
        ("timeout", "completed", "timeout"),
    ],
)  # fmt: skip
async def test_a_status_comes_as_ours_and_is_shown_as_theirs(
    app_server: AppServer, boss: Person, file: Path, status: str, here: str, reason: str | None
) -> None:
    call = add_call(file, add_agent(file, boss), status=status)
    assert (await import_(app_server, file)).returncode == 0
    row = await one(app_server, "select status, end_reason from interactions where external_id = $1", call)
    assert tuple(row) == (here, reason)
    shown = await one(app_server, "select status from sdr.conversations where conversation_id = $1", call)
    assert shown["status"] == status


@pytest.mark.full
async def test_a_supervisor_is_an_id_an_address_a_username_or_the_one_that_is_named(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    for user in (str(boss.id), boss.email.upper(), boss.username):
        add_agent(file, None, user_id=user)
    nobody = add_agent(file, None, user_id="user_17")
    chat, gone = await app_server.hire("chat"), await app_server.hire("voice", agents=0)
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", gone.id)
    others = [add_agent(file, None, user_id=user) for user in (chat.username, gone.username)]
    unowned = add_agent(file, None)
    answer = await import_(app_server, file)
    assert answer.returncode == 1
    for agent in (nobody, *others):
        assert f"agent {agent}: refused: its user_id " in answer.stdout
    assert (
        f"agent {unowned}: refused: it has no user_id, so there is no active voice supervisor here: name one with --supervisor"
        in answer.stdout
    )
    assert answer.stdout.endswith("7 rows: 3 imported, 0 changed, 0 unchanged, 4 refused\n")
    named = await app_server.hire("voice", agents=0)
    answer = await import_(app_server, file, "--supervisor", named.username)
    assert answer.stdout.count("refused: a supervisor has at most three agents\n") == 1, answer.stdout
    assert answer.stdout.endswith("7 rows: 3 imported, 0 changed, 3 unchanged, 1 refused\n")
    for user in ("nobody-of-this-name", chat.username):
        sentence(
            await import_(app_server, file, "--supervisor", user),
            f"--supervisor {user}",
            "no active voice supervisor",
        )


@pytest.mark.full
async def test_a_fourth_agent_is_refused_with_what_is_its_own_and_a_retired_one_is_not(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    for _ in range(3):
        add_agent(file, boss)
    fourth, old = add_agent(file, boss), add_agent(file, boss, is_active=0)
    add(file, "agent_tools", tool_id=fourth, agent_id=fourth, name="x", description="x")
    lost, kept = add_call(file, fourth), add_call(file, old)
    answer = await import_(app_server, file)
    assert answer.returncode == 1
    assert answer.stdout.splitlines()[3:] == [
        f"agent {fourth}: refused: a supervisor has at most three agents",
        f"tool {fourth}: refused: its agent is refused",
        f"agent {old}: imported (retired, because it is not active)",
        f"conversation {lost}: refused: its agent is neither here nor imported",
        f"conversation {kept}: imported",
        "8 rows: 5 imported, 0 changed, 0 unchanged, 3 refused",
    ]


async def test_an_agent_that_is_active_no_more_retires_and_stays_so(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    agent = add_agent(file, boss)
    await import_(app_server, file)
    change(file, "agents", "true", is_active=0)
    assert f"agent {agent}: changed (retired)\n" in (await import_(app_server, file)).stdout
    change(file, "agents", "true", is_active=1)
    answer = await import_(app_server, file)
    assert f"agent {agent}: unchanged (it is retired here and stays so)\n" in answer.stdout


@pytest.mark.full
async def test_a_dry_run_tells_the_same_and_writes_nothing(
    app_server: AppServer, boss: Person, file: Path
) -> None:
    add_call(file, add_agent(file, boss))
    add_agent(file, None)
    before = await rows_of(app_server, boss)
    dry = await import_(app_server, file, "--dry-run")
    assert await rows_of(app_server, boss) == before
    wet = await import_(app_server, file)
    assert dry.stdout.replace("dry run, nothing was written: ", "") == wet.stdout
    assert (dry.returncode, wet.returncode) == (1, 1)


@pytest.mark.parametrize("how", ["killed", "cut off"])
async def test_an_import_that_is_interrupted_leaves_nothing(
    app_server: AppServer, boss: Person, file: Path, how: str
) -> None:
    """It waits for a lock of the test when the first agent is written and the second is not."""
    held = await app_server.hire("voice", agents=0)
    add_call(file, add_agent(file, boss))
    add_agent(file, held)
    home = {
        "FLOORWALKER_HOME": str(app_server.home),
        "PORT": app_server.url.rpartition(":")[2],
        "PATH": "/usr/bin:/bin",
    }
    async with app_server.database() as owner, app_server.database() as other:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("select from users where id = $1 for update", held.id)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", "import-sdr", str(file),
            cwd=ROOT, env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        waiting = """select pid from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'insert into public.agents'"""

        async def waits() -> bool:
            return bool(await other.fetchval(waiting))

        await until(waits)
        if how == "killed":
            process.send_signal(signal.SIGKILL)
        else:
            await other.execute(f"select pg_terminate_backend(pid) from ({waiting}) w")
        out, said = await asyncio.wait_for(process.communicate(), DEADLINE)
        await transaction.rollback()
    assert out == b""
    if how == "cut off":
        assert process.returncode == 1
        assert said.startswith(b"floorwalker: nothing was imported: the database does not answer")
    assert not (await rows_of(app_server, boss))["agents"]
    assert (await import_(app_server, file)).stdout.endswith(
        "3 rows: 3 imported, 0 changed, 0 unchanged, 0 refused\n"
    )

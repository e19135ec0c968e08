"""`floorwalker replay` beside a running server: what it plays and leaves out, its output, and its exit status."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.app_server import AppServer, decision
from tests.demo.folders import conversation, folder

DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Replayed:
    status: int | None
    out: list[str]
    said: list[str]


async def replayed(app_server: AppServer, where: Path, *options: str) -> Replayed:
    """Run the command, and allow meanwhile whatever its agents ask for."""
    environment = {"FLOORWALKER_HOME": str(app_server.home), "PORT": app_server.url.rpartition(":")[2]}
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "server",
            "replay",
            str(where),
            "--speed",
            "400",
            "--supervisors",
            "2",
            *options,
        ),
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = asyncio.create_task(process.communicate())
    async with app_server.browser_of(await app_server.hire("admin")) as admin:
        while not running.done():
            async with app_server.database() as owner:
                waiting = await owner.fetch(
                    """
                    select t.id, t.arguments_digest from public.tool_permissions t
                      join public.users u on u.id = t.supervisor_id
                    where t.status = 'pending' and u.email like '%@replay.example.com'
                    """
                )
            for row in waiting:
                await admin.post(f"/tool-permissions/{row['id']}/decision", data=decision(row, "allowed"))
            await asyncio.sleep(0.1)
    out, said = await running
    assert "Traceback" not in said.decode()
    return Replayed(process.returncode, out.decode().splitlines(), said.decode().splitlines())


async def asked(app_server: AppServer) -> dict[str, set[tuple[bool, bool]]]:
    """The tools that a replay asked for: whether they were the agent's own, and whether they ran."""
    async with app_server.database() as owner:
        rows = await owner.fetch(
            """
            select t.tool_name, t.known_tool, t.execution_succeeded from public.tool_permissions t
              join public.users u on u.id = t.supervisor_id where u.email like '%@replay.example.com'
            """
        )
    found: dict[str, set[tuple[bool, bool]]] = {}
    for row in rows:
        found.setdefault(row["tool_name"], set()).add((row["known_tool"], row["execution_succeeded"]))
    return found


async def test_the_tools_of_every_folder_are_the_agents_own(app_server: AppServer, tmp_path: Path) -> None:
    parcels = folder(tmp_path / "parcels", {"a.jsonl": [conversation("a"), conversation("b")]})
    garden = folder(tmp_path / "garden", {"a.jsonl": [conversation("c", "garden")]})
    for where, count in ((parcels, 2), (garden, 1), (parcels, 2)):
        played = await replayed(app_server, where)
        assert played.status == 0, played.said
        assert played.out[-1] == f"{count} of {count} conversations played, 0 left out"
        assert any("voice1@replay.example.com" in line for line in played.out)
    assert await asked(app_server) == {"redirect_parcel": {(True, True)}, "order_seeds": {(True, True)}}


async def test_what_cannot_be_played_is_named_and_the_rest_is_played(
    app_server: AppServer, tmp_path: Path
) -> None:
    many = conversation("too-much")
    many["turns"][3]["tool_args"] = {"text": "x" * 40_000}
    records: list[Any] = [
        conversation("empty", turns=[]),
        conversation("good"),
        b"{",
        conversation("null", labels={"outcome": None}),
        many,
    ]
    where = folder(
        tmp_path / "f", {"a.jsonl": records, "b.jsonl": b"", "c.jsonl": [conversation("also-good")]}
    )
    played = await replayed(app_server, where)
    assert played.status == 0, played.said
    assert played.out[-2].startswith("3 interactions, ")
    assert played.out[-2].endswith(" 1 cut short")
    assert played.out[-1] == "2 of 6 conversations played, 4 left out"
    named = [
        "left out: a.jsonl line 1 (empty): nobody says anything in it, and no tool is called",
        "left out: a.jsonl line 3: it is not JSON: ",
        "left out: a.jsonl line 4 (null): labels.outcome: expected ",
        "note: b.jsonl has no conversations: it is empty",
        "cut short: a.jsonl line 5 (too-much): 422 arguments: ",
    ]
    assert len(played.said) == len(named)
    for line, beginning in zip(played.said, named, strict=True):
        assert line.startswith(beginning)


async def test_a_limit_says_how_many_it_leaves_for_another_time(
    app_server: AppServer, tmp_path: Path
) -> None:
    where = folder(
        tmp_path / "f", {"a.jsonl": [b"{", conversation("a"), conversation("b"), conversation("c")]}
    )
    played = await replayed(app_server, where, "--limit", "1")
    assert played.status == 0, played.said
    assert played.out[-1] == "1 of 4 conversations played, 1 left out, 2 beyond --limit 1"


async def test_where_nothing_can_be_played_the_status_is_1(app_server: AppServer, tmp_path: Path) -> None:
    broken = folder(tmp_path / "broken", {"a.jsonl": [b"{", conversation("x", turns=None)]})
    played = await replayed(app_server, broken)
    assert played.status == 1
    assert played.out == ["0 of 2 conversations played, 2 left out"]
    assert [line.partition(":")[0] for line in played.said] == ["left out", "left out"]
    for where, words in (
        (tmp_path / "nowhere", "there is no folder"),
        (tmp_path, "no conversations/*.jsonl in"),
    ):
        played = await replayed(app_server, where)
        assert played.status == 1
        [line] = played.said
        assert line.startswith(f"floorwalker: {words}")


@pytest.mark.skipif(not DATA.exists(), reason="the recorded conversations are not here (../shared/data)")
async def test_the_recorded_conversations_play(app_server: AppServer) -> None:
    calls = 2
    for _ in range(2):  # the second time its people and agents are there already
        played = await replayed(app_server, DATA, "--limit", str(calls))
        assert played.status == 0, played.said
        assert played.said == []
        assert any("voice1@replay.example.com" in line for line in played.out)
        assert played.out[-2].startswith(f"{calls} interactions, ")
        assert played.out[-2].endswith(" 0 cut short")
        assert (
            played.out[-1] == f"{calls} of 572 conversations played, 0 left out, 570 beyond --limit {calls}"
        )
    assert {known for known, _ in set().union(*(await asked(app_server)).values())} <= {True}

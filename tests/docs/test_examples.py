"""The code blocks of the documentation do what their page says, pasted in the order in which they stand there."""

import asyncio
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from server.settings import Settings
from tests.app_server import DEADLINE, AppServer, decision
from tests.children import ending_with_us
from tests.conftest import ROOT, a_folder, free_port, serving, until
from tests.demo.folders import conversation, folder
from tests.docs.examples import example
from tests.new_project import new_project

SHOWN = "http://127.0.0.1:8000"  # the address in the example files
ADMIN = {"email": "admin@example.com", "password": "floorwalker"}
OF_A_PERSON = (
    "select t.id, t.arguments_digest, t.arguments from public.tool_permissions t where t.status = 'pending'"
)

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[AppServer]:
    """As `DEMO=0 make run` serves it: with the sample people and their agents."""
    with a_folder() as place, serving(place / "home", free_port()) as running:
        yield running


@pytest.fixture
async def free(server: AppServer) -> AsyncIterator[None]:
    """No agent has an active interaction, before and after."""
    yield
    async with server.database() as owner:
        await owner.execute("update public.interactions set status = 'failed' where status = 'active'")


def environment(server: AppServer, **more: str) -> dict[str, str]:
    """A shell in which `floorwalker` is the program under test."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "FLOORWALKER_HOME": str(server.home),
        "PORT": server.url.rpartition(":")[2],
        **more,
    }


async def shell(server: AppServer, script: str, place: Path, **more: str) -> str:
    """Run it as a shell would that stops at the first error; its output."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script.replace(SHOWN, server.url)),
        cwd=place,
        env=environment(server, **more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=ending_with_us(signal.SIGKILL),
    )
    out, said = await process.communicate()
    assert process.returncode == 0, f"{out.decode()}\n{said.decode()}"
    return out.decode()


@asynccontextmanager
async def deciding(server: AppServer, status: str, reason: str = "") -> AsyncIterator[None]:
    """The sample admin answers every request."""

    async def decide() -> None:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=DEADLINE) as browser,
            server.database() as owner,
        ):
            assert (await browser.post("/login", data=ADMIN)).status_code == 303
            while True:
                for row in await owner.fetch(OF_A_PERSON):
                    await browser.post(
                        f"/tool-permissions/{row['id']}/decision", data=decision(row, status, reason=reason)
                    )
                await asyncio.sleep(0.05)

    task = asyncio.create_task(decide())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def key(server: AppServer, place: Path) -> str:
    return (await shell(server, example("key.sh") + 'echo "$FLOORWALKER_KEY"', place)).strip()


async def newest(server: AppServer) -> dict[str, Any]:
    async with server.database() as owner:
        row = await owner.fetchrow(
            """select i.status, i.phone_number, t.status as decided, t.reason, t.execution_succeeded as ran,
              (select count(*) from public.interaction_turns n where n.interaction_id = i.id) as turns,
              (select count(*) from public.realtime_metrics m where m.interaction_id = i.id) as metrics,
              (select a.csat_score from public.interaction_archives a where a.interaction_id = i.id) as csat
            from public.interactions i join public.tool_permissions t on t.interaction_id = i.id
            order by i.started_at desc limit 1"""
        )
    assert row is not None
    return dict(row)


async def test_an_agent_is_made_by_commands(server: AppServer, tmp_path: Path) -> None:
    out = await shell(server, example("agent.sh"), tmp_path)
    assert '"name": "issue_refund"' in out
    key = await shell(server, 'floorwalker agent-key create --agent "Refund Agent" | tail -n 1', tmp_path)
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE) as agent:
        answer = await agent.get("/api/v1/agent", headers={"Authorization": f"Bearer {key.strip()}"})
    tools = {tool["tool_name"]: tool["mode"] for tool in answer.json()["tools"]}
    assert tools == {"get_order": "runs", "issue_refund": "asks"}


@pytest.mark.full
@needs_curl
@pytest.mark.usefixtures("free")
async def test_an_agent_is_connected_with_curl(server: AppServer, tmp_path: Path) -> None:
    steps = [example("key.sh"), example("who-am-i.sh"), example("start.sh"), example("report.sh")]
    steps += [example("permission.sh"), example("execution.sh"), example("end.sh")]
    async with deciding(server, "allowed"):
        out = await shell(server, "\n".join(steps), tmp_path)
    assert '"name":"Voice Agent 1"' in out
    assert '"status":"allowed"' in out
    found = await newest(server)
    assert found == {
        "status": "completed", "phone_number": "+14155550123", "decided": "allowed", "reason": None,
        "ran": True, "turns": 1, "metrics": 1, "csat": 82,
    }  # fmt: skip


@pytest.mark.full
@needs_curl
@pytest.mark.usefixtures("free")
async def test_without_an_allow_the_shell_runs_no_tool(server: AppServer, tmp_path: Path) -> None:
    steps = [example("key.sh"), example("start.sh"), example("permission.sh"), example("execution.sh")]
    async with deciding(server, "denied", "Offer a voucher"):
        out = await shell(server, "\n".join(steps), tmp_path)
    assert '"status":"denied"' in out
    assert (await newest(server))["ran"] is None


@pytest.mark.parametrize(
    ("status", "reason", "says", "ran"),
    [
        ("allowed", "", "The refund was made: 42.50 for A-1001", True),
        ("denied", "Offer a voucher", "The refund was not made: denied. Offer a voucher", None),
    ],
)
@pytest.mark.usefixtures("free")
async def test_an_agent_is_connected_with_python(
    server: AppServer, tmp_path: Path, status: str, reason: str, says: str, ran: bool | None
) -> None:
    (tmp_path / "agent.py").write_text(example("agent.py").replace(SHOWN, server.url))
    async with deciding(server, status, reason):
        out = await shell(
            server, f"{sys.executable} agent.py", tmp_path, FLOORWALKER_KEY=await key(server, tmp_path)
        )
    assert out == f"{says}\n"
    found = await newest(server)
    assert (found["status"], found["decided"], found["ran"]) == ("completed", status, ran)
    assert (found["turns"], found["metrics"]) == (1, 1)


@pytest.mark.usefixtures("free")
async def test_without_an_allow_the_python_tool_does_not_run(server: AppServer, tmp_path: Path) -> None:
    """The interaction ends while the agent waits: cancelled means no, and the agent says so."""
    (tmp_path / "agent.py").write_text(example("agent.py").replace(SHOWN, server.url))
    running = asyncio.create_task(
        shell(server, f"{sys.executable} agent.py", tmp_path, FLOORWALKER_KEY=await key(server, tmp_path))
    )
    async with server.database() as owner:
        await until(lambda: owner.fetchval("select id from tool_permissions where status = 'pending'"))
        await owner.execute("update public.interactions set status = 'completed' where status = 'active'")
    assert await running == "The refund was not made: cancelled.\n"
    assert (await newest(server))["ran"] is None


def curls(page: str) -> dict[str, str]:
    return {
        name: html.unescape(text)
        for name, text in re.findall(r'<pre data-call="([\w-]+)"[^>]*><code>(.*?)</code>', page, re.DOTALL)
    }


def variables() -> set[str]:
    return set(re.findall(r"(?m)^(?:export )?([A-Z_]+)=", example("api.sh")))


@pytest.mark.full
@needs_curl
@pytest.mark.usefixtures("free")
async def test_each_call_of_the_reference_works_as_it_is_shown(server: AppServer, tmp_path: Path) -> None:
    async with server.browser_of(None) as browser:
        calls = curls((await browser.get("/api")).text)
    given = {
        "FLOORWALKER_API": f"{server.url}/api/v1",
        "FLOORWALKER_KEY": await key(server, tmp_path),
        "INTERACTION": "",
        "PERMISSION": "",
        "DIGEST": "",
        "EXECUTION": "",
    }
    assert given.keys() == variables()
    done = set()

    async def call(name: str, **kept: str) -> Any:
        done.add(name)
        answer = json.loads(await shell(server, calls[name], tmp_path, **given))
        given.update({variable: answer[field] for variable, field in kept.items()})
        return answer

    await call("get-agent")
    await call("post-interactions", INTERACTION="id")
    assert [one["id"] for one in await call("get-interactions")] == [given["INTERACTION"]]
    assert (await call("get-interactions-id"))["external_id"] == "call-7"
    assert (await call("patch-interactions-id"))["phone_number"] == "+14155550124"
    assert (await call("post-interactions-id-metrics"))["outcomes"] == ["stored"]
    assert (await call("post-interactions-id-turns"))["outcomes"] == ["stored"]
    await call("post-interactions-id-tool-permissions", PERMISSION="id", DIGEST="arguments_digest")
    async with deciding(server, "allowed"):
        assert (await call("get-tool-permissions-id"))["status"] == "allowed"
    await call("post-tool-permissions-id-execution", EXECUTION="execution_id")
    assert (await call("patch-tool-permissions-id-execution"))["execution_succeeded"] is True
    await call("post-interactions-id-tool-permissions", PERMISSION="id")
    assert (await call("delete-tool-permissions-id"))["status"] == "cancelled"
    assert (await call("post-interactions-id-end"))["status"] == "completed"
    assert (await call("put-interactions-id-archive"))["csat_score"] == 82
    assert done == calls.keys()


@pytest.mark.full
@needs_curl
async def test_the_probes_answer(server: AppServer, tmp_path: Path) -> None:
    out = await shell(server, example("probes.sh"), tmp_path)
    assert out.startswith("ok")
    assert "floorwalker_streams" in out


@pytest.mark.full
async def test_a_backup_comes_back_beside_the_running_server(server: AppServer, tmp_path: Path) -> None:
    await shell(server, example("backup.sh"), tmp_path)
    await shell(server, example("parts.sh"), tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["rows.dump", "schema.dump", "today.dump"]  # noqa: PTH208
    async with server.database() as owner:
        assert await owner.fetchval("select count(*) from public.users") >= 3


@pytest.mark.full
@needs_curl
async def test_people_move_to_a_new_project(server: AppServer, tmp_path: Path) -> None:
    with a_folder() as place, new_project(place) as project:
        script = example("people.sh").replace("https://<project>.supabase.co", project.url)
        await shell(server, script.replace("sb_secret_…", project.keys.secret), tmp_path)
        people = "select id, email, encrypted_password as hash from auth.users where deleted_at is null order by id"
        there = await asyncpg.connect(project.postgres.url("supabase_auth_admin"))
        try:
            async with server.database("supabase_auth_admin") as here:
                moved, known = await there.fetch(people), await here.fetch(people)
        finally:
            await there.close()
    assert [row["email"] for row in moved] == [row["email"] for row in known]
    for new, old in zip(moved, known, strict=True):
        assert new["id"] == old["id"]
        assert old["hash"] in (None, "", new["hash"]), "a person without a password gets an unknown one"


@pytest.mark.full
async def test_recordings_are_replayed(server: AppServer, tmp_path: Path) -> None:
    folder(tmp_path / "recordings", {"one.jsonl": [conversation("P-1")]})
    async with deciding(server, "allowed"):
        out = await shell(server, example("replay.sh").replace("--speed 20", "--speed 400"), tmp_path)
    assert "1 interaction" in out


@pytest.mark.full
async def test_a_second_process_joins(server: AppServer, tmp_path: Path) -> None:
    port = str(free_port())
    script = (
        example("second-process.sh")
        .replace("8001", port)
        .replace("floorwalker serve", "exec floorwalker serve")
    )
    process = subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment
        ["bash", "-c", script], cwd=tmp_path, env=environment(server), start_new_session=True
    )
    try:
        await until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
    assert _answers(f"{server.url}/readyz")


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.full
@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
async def test_the_proxy_passes_pages_and_streams_on(tmp_path: Path) -> None:
    port = free_port()
    with (
        a_folder() as place,
        serving(place / "home", free_port(), PUBLIC_URL="http://floor.example.com") as web,
    ):
        # Without TLS, for which a certificate would be needed.
        plain = re.sub(r"(?m)^ *ssl_.*\n", "", example("proxy.conf"))
        block = plain.replace("443 ssl http2", f"127.0.0.1:{port}").replace(SHOWN, web.url)
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {block} }}"
        )
        command = ["nginx", "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr"]
        process = subprocess.Popen(command, preexec_fn=ending_with_us(signal.SIGTERM))  # noqa: ASYNC220, PLW1509 - it starts in a moment
        person = await web.hire("voice")
        host = {"Host": "floor.example.com"}
        try:
            await until(lambda: _answers(f"http://127.0.0.1:{port}/healthz"))
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=host, timeout=DEADLINE
            ) as browser:
                answer = await browser.post(
                    "/login", data={"email": person.email, "password": "correct horse battery"}
                )
                assert answer.status_code == 303, answer.text
                cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
                pages = [(await browser.get(f"/docs/{name}")).text for name in ("deploy", "connect")]
                assert f"proxy_pass {web.url};" in pages[0], "not to the proxy itself"
                assert "http://floor.example.com/api/v1" in pages[1]
                assert web.url not in pages[1]
                began = time.monotonic()
                async with browser.stream("GET", "/stream?page=floor", headers=cookie) as stream:
                    async for text in stream.aiter_text():
                        if "ping" in text:
                            break
                assert time.monotonic() - began < DEADLINE
        finally:
            process.terminate()
            process.wait(DEADLINE)


def test_the_project_block_names_settings() -> None:
    exported = set(re.findall(r"(?m)^export ([A-Z_]+)=", example("project.sh")))
    assert len(exported) == 7
    assert {name.lower() for name in exported} <= Settings.model_fields.keys()

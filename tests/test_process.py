"""The server as a process: started, stopped, killed, started again; a wrong setting ends it with a sentence."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.embedded.keys import Keys
from tests.app_server import DEADLINE, PASSWORD, AppServer
from tests.conftest import ROOT, a_folder, free_port, serving, until

HOSTED = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    "SECRET_KEY": "a secret of more than thirty-two characters",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `floorwalker …` to its end with nothing but this environment."""
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def left_behind(home: Path) -> list[str]:
    """PostgreSQL processes of this home that are still there."""
    listed = ["ps", "-ww", "-eo", "pid,args"]  # ww: whole lines, whatever the terminal's width
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if f"postgres -D {home}/" in line]


async def test_ctrl_c_leaves_no_process_behind_and_the_data_is_there_next_time(folder: Path) -> None:
    home, port = folder / "home", free_port()
    with serving(home, port) as app_server:
        person = await app_server.hire("voice")
        interaction = await app_server.start(person.agents[0])
        async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
            await browser.post("/login", data={"email": person.email, "password": PASSWORD})
            async with browser.stream(
                "GET", "/stream?page=floor"
            ) as stream:  # an open stream holds nothing up
                async for line in stream.aiter_lines():
                    if "agents" in line:
                        break
                assert left_behind(home)
                app_server.process.send_signal(signal.SIGINT)
                assert app_server.process.wait(DEADLINE) == 0
    await until(lambda: not left_behind(home))
    with serving(home, port) as app_server:
        async with app_server.api(person.agents[0]) as api:
            assert (await api.get(f"/interactions/{interaction}")).json()["status"] == "active"
        async with app_server.browser_of(person) as browser:
            assert interaction not in browser.cookies


async def test_what_is_sent_by_halves_when_it_stops_is_refused_in_words_and_logs_no_fault(
    folder: Path,
) -> None:
    heads = {
        "/login": "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000",
        "/api/v1/interactions": "Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 1000",
    }
    with serving(folder / "home", free_port()) as app_server:
        person = await app_server.hire("voice")
        port = int(app_server.url.rpartition(":")[2])
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for (path, head), (_, writer) in zip(heads.items(), connections, strict=False):
            given = head.format(key=person.agents[0].key)
            writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{given}\r\n\r\n{{".encode())
        connections[-1][1].write(b"POST /login HTTP/1.1\r\nHo")  # not even its head
        await asyncio.sleep(0.5)
        app_server.process.send_signal(signal.SIGTERM)
        answers = [await asyncio.wait_for(reader.read(), DEADLINE) for reader, _ in connections]
        assert app_server.process.wait(DEADLINE) == 0
        for _, writer in connections:
            writer.close()
        for answer in answers[:-1]:
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert b"retry-after: 5" in answer.lower()
            assert b"Please send this again" in answer
        log = app_server.log.read_text()
        assert "Traceback" not in log
        assert "error" not in log.lower()


async def test_killed_with_9_the_next_start_recovers_and_sign_ins_still_stand(folder: Path) -> None:
    home, port = folder / "home", free_port()
    with serving(home, port) as app_server:
        person = await app_server.hire("chat")
        async with app_server.browser_of(person) as browser:
            cookies = dict(browser.cookies)
        interaction = await app_server.start(person.agents[0])
        app_server.process.kill()
        app_server.process.wait()
    with serving(home, port) as app_server:
        async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=DEADLINE) as again:
            page = await again.get("/")
        assert page.status_code == 200
        assert "in chat" in page.text
        async with app_server.api(person.agents[0]) as api:
            ended = await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        assert ended.status_code == 200


async def test_postgresql_killed_under_a_running_server_comes_back(folder: Path) -> None:
    with serving(folder / "home", free_port()) as app_server:
        person = await app_server.hire("voice")
        async with app_server.browser_of(person) as browser:
            pid = left_behind(app_server.home)[0].split()[0]
            os.kill(int(pid), signal.SIGKILL)

            async def back() -> bool:
                return (await browser.get("/")).status_code == 200

            await until(back)
        async with app_server.api(person.agents[0]) as api:

            async def started() -> bool:
                """PostgreSQL's last processes may answer the first page and then be gone, too: a program tries again."""
                body, key = {"interaction_type": "voice"}, {"Idempotency-Key": "after the kill"}
                answer = await api.post("/interactions", json=body, headers=key)
                assert answer.status_code in (201, 503), answer.text
                assert answer.status_code == 201 or "retry-after" in answer.headers
                return answer.status_code == 201

            await until(started)


@pytest.mark.full
def test_two_checkouts_do_not_disturb_one_another(folder: Path) -> None:
    with serving(folder / "one", free_port()) as one, serving(folder / "two", free_port()) as two:
        assert one.database_url() != two.database_url()
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(DEADLINE) == 0
        assert httpx.get(f"{two.url}/readyz", timeout=DEADLINE).status_code == 200


def test_commands_work_beside_a_running_server(app_server: AppServer) -> None:
    made = command("agent-key", "create", "--agent", "Voice Agent 1", FLOORWALKER_HOME=str(app_server.home))
    assert made.returncode == 0, made.stderr
    key = made.stdout.splitlines()[-1]
    agent = httpx.get(f"{app_server.url}/api/v1/agent", headers={"Authorization": f"Bearer {key}"})
    assert agent.json()["name"] == "Voice Agent 1"
    asked = command(
        "psql", "-Atc", "select count(*) from public.users", FLOORWALKER_HOME=str(app_server.home)
    )
    assert asked.returncode == 0, asked.stderr
    assert int(asked.stdout) >= 3
    assert "up to date" in command("migrate", FLOORWALKER_HOME=str(app_server.home)).stdout
    nobody = command("agent-key", "create", "--agent", "Nobody", FLOORWALKER_HOME=str(app_server.home))
    assert (nobody.returncode, nobody.stderr) == (1, "floorwalker: There is no agent 'Nobody'.\n")


def test_a_port_in_use_is_one_sentence(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = command("serve", PORT=str(port), FLOORWALKER_HOME=str(folder / "home"))
    sentence(refused, f"port {port}", "set another PORT")
    assert not (folder / "home").exists()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "no"}, ["PORT"]),
        ({"PERMISSION_SECONDS": "0"}, ["PERMISSION_SECONDS"]),
        ({"PERMISSION_SECONDS": "361"}, ["PERMISSION_SECONDS", "360"]),
        ({"FLOORWALKER_HOME": "/proc/nowhere"}, ["FLOORWALKER_HOME", "choose another folder"]),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, ["SUPABASE_URL", "SECRET_KEY", "set all"]),
        ({"SUPABASE_URL": "http://127.0.0.1:9"}, ["DATABASE_URL", "set all"]),
        ({"DATABASE_URL": "not a url", **HOSTED}, ["DATABASE_URL", "cannot be used"]),
        (
            {"DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/x", **HOSTED},
            ["DATABASE_URL", "127.0.0.1:1/x"],
        ),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x", **HOSTED, "SECRET_KEY": "short"}, ["SECRET_KEY"]),
        ({"FANOUT_URL": "http://me:hidden@127.0.0.1:4222"}, ["FANOUT_URL", "nats://host:4222"]),
        ({"FANOUT_URL": "nats://me:hidden@127.0.0.1:port"}, ["FANOUT_URL", "nats://host:4222"]),
        ({"FANOUT_URL": "nats://one:4222,,"}, ["FANOUT_URL", "several with commas"]),
        ({"PUBLIC_URL": "floor.example.com"}, ["PUBLIC_URL", "https://floor.example.com"]),
        ({"PUBLIC_URL": "https://floor.example.com/here"}, ["PUBLIC_URL", "nothing after it"]),
        ({"PUBLIC_URL": "https://me:hidden@floor.example.com"}, ["PUBLIC_URL", "https://floor.example.com"]),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,proxy.local"}, ["TRUSTED_PROXIES", "'proxy.local'", "10.0.0.0/8"]),
        ({"TRUSTED_PROXIES": "*"}, ["TRUSTED_PROXIES", "'*'", "or none"]),
        (
            {"METRICS_HOURS": "49", "ARCHIVE_DAYS": "2"},
            ["METRICS_HOURS (49)", "ARCHIVE_DAYS (2 days", "kept longer"],
        ),
        ({"STALE_SECONDS": "600"}, ["STALE_SECONDS (600)", "REAP_SECONDS (600)", "less than"]),
    ],
)
def test_a_wrong_setting_is_one_sentence(environment: dict[str, str], words: list[str]) -> None:
    sentence(command("serve", **{"PORT": str(free_port()), **environment}), *words)


def test_a_nats_that_is_not_there_stops_nobody(folder: Path) -> None:
    unreachable = f"nats://floor:hidden@127.0.0.1:{free_port()}"
    with serving(folder / "home", free_port(), FANOUT_URL=unreachable) as app_server:
        assert httpx.get(f"{app_server.url}/readyz", timeout=DEADLINE).json() == {
            "database": True,
            "listener": True,
            "notifications": True,
        }
    written = app_server.log.read_text()
    assert "fanout_not_reached" in written
    assert "hidden" not in written
    assert "Traceback" not in written


def sentence(answer: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert answer.returncode != 0
    assert answer.stderr.startswith("floorwalker: ")
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert all(word in answer.stderr for word in words), answer.stderr
    assert "hidden" not in answer.stderr


def test_without_fanout_its_library_is_not_imported(folder: Path) -> None:
    script = """
import asyncio, sys, server.__main__
from server import app, settings
async def live():
    parts, handle = app.create_app(settings.load())
    async with handle.lifespan(parts):
        print("nats" in sys.modules)
asyncio.run(live())
"""
    given = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", **HOSTED}
    for environment, imported in (
        (given, "False\n"),
        (given | {"FANOUT_URL": "nats://127.0.0.1:1"}, "True\n"),
    ):
        answer = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.endswith(imported)


async def test_a_hosted_project_serves_people_and_agents_alike(app_server: AppServer, folder: Path) -> None:
    """Hosted mode, with another server's embedded database and Auth playing the cloud."""
    person = await app_server.hire("voice")
    hosted = {
        "DATABASE_URL": app_server.database_url("floorwalker_web"),
        "SUPABASE_URL": app_server.url,
        "SUPABASE_PUBLISHABLE_KEY": Keys.load_or_create(app_server.home).publishable,
        "SECRET_KEY": HOSTED["SECRET_KEY"],
    }
    with serving(folder / "unused", free_port(), **hosted) as other:
        cloud = AppServer(other.url, app_server.home, other.process, other.log)
        async with cloud.browser_of(person) as browser:
            interaction = await cloud.start(person.agents[0])
            assert interaction in (await browser.get("/")).text
            assert (await browser.get("/auth/v1/health")).status_code == 404
    assert not (folder / "unused").exists()


def test_with_everything_hosted_no_embedded_part_is_imported(app_server: AppServer) -> None:
    """The hosted mode, with the embedded database and Auth playing the cloud."""
    script = """
import asyncio, sys, httpx, server.__main__
from server import app, settings
parts = app.create_app(settings.load())[0]
assert not [name for name in sys.modules if name.startswith("server.embedded")], "imported"
print(sorted(route.path for route in parts.routes if route.path.startswith("/auth")))
"""
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": app_server.database_url("floorwalker_web"),
            **HOSTED,
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "[]\n"), answer.stderr

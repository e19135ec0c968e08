"""At any address that it listens on, people reach the server and the demo plays; where nobody can sign in, the page says why."""

import re

import httpx
import pytest

from tests.app_server import DEADLINE, PASSWORD, AppServer
from tests.conftest import ROOT, a_folder, free_port, serving, until
from tests.test_process import command

DATA = ROOT.parent / "shared" / "data"
WHY = "Nobody can sign in at this address"


async def is_playing(app_server: AppServer) -> None:
    """The demo's agents begin to speak with the server they belong to."""

    async def calls() -> int:
        async with app_server.database() as owner:
            return int(await owner.fetchval("select count(*) from interactions where status = 'active'"))

    await until(calls)


@pytest.mark.parametrize("host", ["::1", pytest.param("127.0.0.2", marks=pytest.mark.full)])
async def test_the_demo_plays_and_people_come_in(host: str) -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), "--demo", HOST=host) as app_server:
        assert host in app_server.url
        await is_playing(app_server)
        person = await app_server.hire("voice")
        async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
            answer = await browser.post("/login", data={"email": person.email, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            cookie = re.match(r"([\w-]+)=([\w-]+)", answer.headers["set-cookie"])
            assert cookie is not None
            home = await browser.get("/", headers={"Cookie": cookie[0]})
            assert person.name in home.text


@pytest.mark.full
@pytest.mark.skipif(not DATA.exists(), reason="the recorded conversations are not here (../shared/data)")
@pytest.mark.parametrize("host", ["::1", "127.0.0.2", "0.0.0.0"])
def test_the_replay_plays(host: str) -> None:
    with (
        a_folder() as folder,
        serving(folder / "home", free_port(), HOST=host, PERMISSION_SECONDS="1") as app_server,
    ):
        here = {
            "FLOORWALKER_HOME": str(app_server.home),
            "HOST": host,
            "PORT": app_server.url.rpartition(":")[2],
        }
        answer = command("replay", str(DATA), "--limit", "2", "--speed", "200", "--supervisors", "2", **here)
        assert answer.returncode == 0, answer.stderr
        assert f"Watch at {app_server.url}" in answer.stdout
        assert "2 interactions" in answer.stdout
        assert "0 cut short" in answer.stdout


async def test_the_sign_in_page_says_why_it_cannot_work_over_plain_http_and_what_to_set() -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), HOST="0.0.0.0") as app_server:
        port = app_server.url.rpartition(":")[2]
        async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
            for name in ("192.0.2.7", "floor.example.com", "[2001:db8::7]"):
                page = await client.get("/login", headers={"Host": f"{name}:{port}"})
                assert page.status_code == 200
                assert WHY in page.text
                assert "PUBLIC_URL" in page.text
            for name in ("127.0.0.1", "localhost", "[::1]"):
                assert WHY not in (await client.get("/login", headers={"Host": f"{name}:{port}"})).text
            # A proxy has taken https off, and the browser says so by what it says at all.
            behind = {"Host": "floor.example.com", "Sec-Fetch-Site": "none"}
            assert WHY not in (await client.get("/login", headers=behind)).text


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("[::1]", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST", 200),
        ("::1", 400),
        ("[::1", 400),
        ("[::1]:x", 400),
        ("localhost@evil.example", 400),
        ("evil.example@localhost", 400),
        ("localhost/evil.example", 400),
        ("evil.example", 400),
        ("evil.example[::1]", 400),
        ("[::1].evil.example", 400),
        ("localhost?x", 400),
        ("localhost#x", 400),
        ("", 400),
    ],
)
async def test_only_names_of_this_machine_are_answered_on_loopback(
    app_server: AppServer, host: str, answer: int
) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        assert (await client.get("/healthz", headers={"Host": host})).status_code == answer

"""The published password admits nobody where others reach the server; there a link makes the first admin."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app_server import DEADLINE, AppServer
from tests.conftest import a_folder, free_port, serving
from tests.outbox import emails, path_in

OPEN = {"HOST": "0.0.0.0", "DEMO": "0"}
PROXIED = {"PUBLIC_URL": "https://floor.example.com", "DEMO": "0"}
SAMPLES = ("admin@example.com", "supervisor1@example.com", "supervisor2@example.com")
PUBLISHED = "floorwalker"
ADMIN = {"email": "ada@example.org", "name": "Ada", "password": "correct horse"}


class Browser:
    """A browser that trusts this machine's plain http with secure cookies, as browsers do."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http, self.cookies = http, dict[str, str]()

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": kept} if kept else {}
        answer = await self.http.request(method, path, headers=headers, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def sign_in(self, email: str, password: str) -> int:
        answer = await self.ask("POST", "/login", data={"email": email, "password": password})
        return answer.status_code


@asynccontextmanager
async def browser_at(app_server: AppServer) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as http:
        yield Browser(http)


async def get_in(app_server: AppServer, password: str = PUBLISHED) -> list[str]:
    """The sample people who can sign in with it."""
    async with browser_at(app_server) as browser:
        return [email for email in SAMPLES if await browser.sign_in(email, password) == 303]


async def link_of(app_server: AppServer) -> str | None:
    """The path of the link that the last start printed; once the server says that it is there."""
    said = app_server.log.read_text()
    last = said[said.rindex("Floorwalker is at") :]
    found = re.search(r"/first-admin\?token=\S+", last)
    return found[0] if found else None


@pytest.mark.parametrize(
    "reached", [OPEN, pytest.param(PROXIED, marks=pytest.mark.full)], ids=["open", "proxied"]
)
async def test_a_first_day(reached: dict[str, str]) -> None:
    """From the printed link to a supervisor who decides."""
    with a_folder() as folder:
        port = free_port()
        with serving(folder / "home", port, **reached) as app_server:
            assert await get_in(app_server) == []
            link = await link_of(app_server)
            assert link is not None
            async with browser_at(app_server) as outsider, browser_at(app_server) as browser:
                for wrong in ("/first-admin", "/first-admin?token=x", "/first-admin?token=%00é"):
                    assert (await outsider.ask("GET", wrong)).status_code == 404
                assert (await outsider.ask("POST", "/first-admin", data=ADMIN)).status_code == 404
                token = link.partition("token=")[2]
                page = await browser.ask("GET", link)
                assert (page.status_code, "Create admin" in page.text) == (200, True)
                poor = {**ADMIN, "token": token, "password": "x", "email": "nobody"}
                refused = await browser.ask("POST", "/first-admin", data=poor)
                assert refused.status_code == 422
                assert "This is not an e-mail address." in refused.text
                tries = [{**ADMIN, "token": token, "email": f"ada{n}@example.org"} for n in range(5)]
                answers = await asyncio.gather(
                    *(browser.ask("POST", "/first-admin", data=one) for one in tries)
                )
                made = [n for n, answer in enumerate(answers) if answer.status_code == 200]
                assert len(made) == 1, "of five at once one is the admin"
                assert (await outsider.ask("GET", link)).status_code == 404, "then the link is void"
                admin = tries[made[0]]["email"]
                assert await browser.sign_in(admin, ADMIN["password"]) == 303
                people = (await browser.ask("GET", "/people")).text
                assert "example.com" not in people, "without the demo there are no sample people"
                await decide(app_server, browser)
        with serving(folder / "home", port, **reached) as app_server:
            assert await link_of(app_server) is None


async def decide(app_server: AppServer, admin: Browser) -> None:
    """The admin sends a supervisor an e-mail; with its link they come in, and decide."""
    person = await app_server.hire("voice")
    sent = await admin.ask("POST", f"/people/{person.id}/email")
    assert sent.status_code == 303
    for _ in range(200):
        if found := emails(app_server, person.email):
            break
        await asyncio.sleep(0.1)
    path = path_in(found[-1])
    async with browser_at(app_server) as browser:
        page = (await browser.ask("GET", path)).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        where = path.partition("?")[0]
        chosen = await browser.ask("POST", where, data={**hidden, "password": "a new password"})
        assert chosen.status_code == 303, chosen.text
        headers = {"Authorization": f"Bearer {person.agents[0].key}"}
        async with httpx.AsyncClient(
            base_url=f"{app_server.url}/api/v1", headers=headers, timeout=DEADLINE
        ) as api:
            live = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
            body = {"tool_name": "issue_refund", "arguments": {"amount": 5}}
            asked = (await api.post(f"/interactions/{live}/tool-permissions", json=body)).json()
            assert "issue_refund" in (await browser.ask("GET", "/")).text
            form = {"status": "allowed", "arguments_digest": asked["arguments_digest"]}
            done = await browser.ask("POST", f"/tool-permissions/{asked['id']}/decision", data=form)
            assert done.status_code == 303
            answer = (await api.get(f"/tool-permissions/{asked['id']}")).json()
    assert (answer["status"], answer["responded_by"]) == ("allowed", person.username)


@pytest.mark.full
async def test_the_demo_of_a_server_that_others_reach_has_people_without_a_password() -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), "--demo", **OPEN) as app_server:
        assert await get_in(app_server) == []
        async with app_server.database() as owner:
            people = await owner.fetch("select email, encrypted_password from auth.users order by email")
            assert await owner.fetchval("select count(*) from agents") >= 6
        assert "supervisor1@example.com" in [row["email"] for row in people]
        assert not [row["email"] for row in people if row["encrypted_password"]]


@pytest.mark.full
async def test_an_older_home_that_others_reach_now() -> None:
    with a_folder() as folder:
        home, port = folder / "home", free_port()
        with serving(home, port, DEMO="0") as app_server:
            assert await get_in(app_server) == list(SAMPLES)
            async with app_server.database() as owner:  # one of them chose another password
                await owner.execute(
                    "update auth.users set encrypted_password = $1 where email = 'supervisor2@example.com'",
                    "$2a$10$" + "a" * 53,
                )
            async with browser_at(app_server) as browser:
                assert await browser.sign_in(SAMPLES[0], PUBLISHED) == 303
                backup = await asyncio.to_thread(made_backup, app_server, folder)
        with serving(home, port, **OPEN) as app_server:
            assert await get_in(app_server) == []
            assert await link_of(app_server) is not None
            async with app_server.database() as owner:
                kept = await owner.fetch("select email from auth.users where encrypted_password <> ''")
                assert [row["email"] for row in kept] == ["supervisor2@example.com"]
                for table in ("private.web_sessions", "auth.sessions"):
                    signed_in = await owner.fetch(
                        f"select distinct email from {table} s join auth.users u on u.id = s.user_id"
                    )
                    assert [row["email"] for row in signed_in] == ["supervisor2@example.com"]
            # Nor does a backup bring the password back while others reach the server.
            await asyncio.to_thread(run, app_server, "restore", str(backup))
            assert await get_in(app_server) == []
        with serving(home, port, DEMO="0") as app_server:
            assert await get_in(app_server) == [SAMPLES[0], SAMPLES[1]]


@pytest.mark.full
async def test_a_second_server_of_the_home_opens_nothing_of_the_first() -> None:
    with a_folder() as folder:
        home = folder / "home"
        with serving(home, free_port(), **OPEN) as reached:
            assert await get_in(reached) == []
            link = await link_of(reached)
            assert link is not None
            with serving(home, free_port(), DEMO="0") as alone:
                assert await get_in(alone) == list(SAMPLES)
                assert await get_in(reached) == []
                async with browser_at(reached) as browser:
                    assert (await browser.ask("GET", link)).status_code == 200, (
                        "the sample admin is none there"
                    )


def made_backup(app_server: AppServer, folder: Path) -> Path:
    run(app_server, "backup", str(folder / "all.dump"))
    return folder / "all.dump"


def run(app_server: AppServer, *arguments: str) -> None:
    from tests.test_process import command

    done = command(*arguments, FLOORWALKER_HOME=str(app_server.home))
    assert done.returncode == 0, done.stderr

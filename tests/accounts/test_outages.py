"""What people see while the Auth server is away or frozen: an error in words within seconds, and nobody is signed out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import httpx
import pytest

from server.kernel.auth import Auth
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import age, hosted, sessions_here, signed_in
from tests.conftest import a_folder, free_port, serving


@pytest.fixture(scope="module")
async def frozen() -> AsyncIterator[str]:
    """A server that accepts connections and sends nothing."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1")
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.fixture(scope="module", params=["away", "frozen"])
def web(app_server: AppServer, frozen: str, request: pytest.FixtureRequest) -> Iterator[AppServer]:
    """A web process whose Auth server does not answer."""
    address = frozen if request.param == "frozen" else f"http://127.0.0.1:{free_port()}"
    with (
        a_folder() as folder,
        serving(folder / "web", free_port(), **hosted(app_server, SUPABASE_URL=address)) as one,
    ):
        yield AppServer(one.url, app_server.home, one.process, one.log)


async def test_the_sign_in_page_says_so(web: AppServer, voice: Person) -> None:
    async with httpx.AsyncClient(base_url=web.url, timeout=DEADLINE) as browser:
        assert (await browser.get("/login")).status_code == 200
        fields = {"email": voice.email, "password": PASSWORD, "next": "/leaderboard"}
        answer = await browser.post("/login", data=fields)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "does not work at the moment" in answer.text
    assert f'value="{voice.email}"' in answer.text
    assert 'name="next" value="/leaderboard"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_person_who_is_in_stays_in_until_their_token_ends_and_is_told_then(
    web: AppServer, app_server: AppServer, auth: Auth, voice: Person
) -> None:
    cookie = await signed_in(auth, voice)
    async with httpx.AsyncClient(base_url=web.url, cookies={web.cookie: cookie}, timeout=DEADLINE) as browser:
        assert (await browser.get("/")).status_code == 200
        await age(app_server, voice, "30 seconds")
        pages = await asyncio.gather(*(browser.get("/") for _ in range(20)))
        assert {page.status_code for page in pages} == {200}
        await age(app_server, voice, "-1 second")
        for path in ("/", "/login", "/stream?page=floor"):
            page = await browser.get(path)
            assert (page.status_code, page.headers["retry-after"]) == (503, "5"), path
            assert "You are still signed in" in page.text
            assert "set-cookie" not in page.headers
    assert await sessions_here(app_server, voice) == 1
    assert await auth.viewer(cookie), "and is in again where it answers"


async def test_a_person_who_signs_out_is_out(
    web: AppServer, app_server: AppServer, auth: Auth, voice: Person
) -> None:
    cookie = await signed_in(auth, voice)
    async with httpx.AsyncClient(base_url=web.url, cookies={web.cookie: cookie}, timeout=DEADLINE) as browser:
        assert (await browser.post("/logout")).headers["location"] == "/login"
    assert await sessions_here(app_server, voice) == 0

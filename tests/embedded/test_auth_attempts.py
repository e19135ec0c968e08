"""Failed sign-ins count together, at the sign-in page and at the Auth service's own address."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from server.embedded.keys import Keys
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.conftest import a_folder, free_port, prepared, serving


@pytest.fixture(scope="module")
def strict() -> Iterator[AppServer]:
    """A server that allows three attempts per minute, behind a proxy that names the client."""
    with (
        a_folder() as folder,
        serving(
            prepared(folder / "home"), free_port(), LOGIN_PER_MINUTE="3", TRUSTED_PROXIES="127.0.0.1"
        ) as running,
    ):
        yield running


@pytest.fixture
async def victim(strict: AppServer) -> Person:
    return await strict.hire("voice")


@asynccontextmanager
async def from_address(app_server: AppServer, address: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-Forwarded-For": address, "apikey": Keys.load_or_create(app_server.home).publishable}
    async with httpx.AsyncClient(base_url=app_server.url, headers=headers, timeout=DEADLINE) as client:
        yield client


async def at_token(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post("/auth/v1/token?grant_type=password", json=body)


async def at_login(client: httpx.AsyncClient, email: str, password: str) -> int:
    return (await client.post("/login", data={"email": email, "password": password})).status_code


async def test_attempts_at_an_account_count_together_and_lock_nobody_out_elsewhere(
    strict: AppServer, victim: Person
) -> None:
    async with from_address(strict, "192.0.2.1") as attacker, from_address(strict, "192.0.2.3") as owner:
        assert await at_login(attacker, victim.email, "wrong") == 401
        assert (await at_token(attacker, victim.email, "wrong")).status_code == 400
        assert (await at_token(attacker, f" {victim.email.upper()} ", "wrong")).status_code == 400
        refused = await at_token(attacker, victim.email, PASSWORD)
        assert (refused.status_code, refused.json()["error_code"]) == (429, "over_request_rate_limit")
        assert "wait" in refused.json()["msg"]
        assert await at_login(attacker, victim.email, PASSWORD) == 429
        assert (await at_token(owner, victim.email, PASSWORD)).status_code == 200
        assert await at_login(owner, victim.email, PASSWORD) == 303


async def test_an_office_behind_one_address_gets_in_beside_an_attacker(
    strict: AppServer, victim: Person
) -> None:
    office = [victim, *[await strict.hire("chat") for _ in range(3)]]
    async with from_address(strict, "192.0.2.51") as here, from_address(strict, "192.0.2.51") as browser:
        answers = await asyncio.gather(*(at_login(here, one.email, PASSWORD) for one in office * 6))
        assert answers == [303] * 24
        assert await at_login(browser, victim.email, PASSWORD) == 303
        browser.cookies.delete(strict.cookie)  # signed out, and the browser is still known
        attempts = await asyncio.gather(*(at_login(here, office[1].email, "wrong") for _ in range(20)))
        assert sorted(attempts) == [401] * 3 + [429] * 17
        assert await at_login(browser, victim.email, PASSWORD) == 303


async def test_attempts_from_an_address_count_together(strict: AppServer, victim: Person) -> None:
    async with from_address(strict, "192.0.2.11") as here, from_address(strict, "192.0.2.12") as there:
        for number in range(2):
            assert (await at_token(here, f"nobody-{number}@example.com", "wrong")).status_code == 400
        assert await at_login(here, "nobody@example.com", "wrong") == 401
        assert (await at_token(here, victim.email, PASSWORD)).status_code == 429
        assert await at_login(here, victim.email, PASSWORD) == 429
        assert await at_login(there, victim.email, PASSWORD) == 303


async def test_right_ones_are_not_counted(strict: AppServer, victim: Person) -> None:
    async with from_address(strict, "192.0.2.21") as client:
        for _ in range(5):
            assert (await at_token(client, victim.email, PASSWORD)).status_code == 200
            assert await at_login(client, victim.email, PASSWORD) == 303
        attempts = [await at_login(client, victim.email, "wrong") for _ in range(4)]
        assert attempts == [401, 401, 401, 429], "one that is made at the sign-in page counts once"


async def test_attempts_at_a_link_count_for_the_address(strict: AppServer, victim: Person) -> None:
    async with from_address(strict, "192.0.2.31") as here, from_address(strict, "192.0.2.32") as there:
        link = {"type": "recovery", "token_hash": await strict.link(victim)}
        for number in range(3):
            wrong = {"type": "recovery", "email": victim.email, "token": f"{number:010}"}
            assert (await here.post("/auth/v1/verify", json=wrong)).status_code == 403
        refused = await here.post("/auth/v1/verify", json=link)
        assert (refused.status_code, refused.json()["error_code"]) == (429, "over_request_rate_limit")
        assert await at_login(here, victim.email, PASSWORD) == 429
        assert (await there.post("/auth/v1/verify", json=link)).status_code == 200

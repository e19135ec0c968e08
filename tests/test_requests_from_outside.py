"""Headers of every answer, accepted host names, and which proxies are believed about a client's address."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from server.settings import Settings
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person, decision
from tests.auth_process import hosted
from tests.conftest import a_folder, free_port, serving

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
FLOOR = {"Host": "floor.example.com"}


def has_the_headers(answer: httpx.Response, *, secure: bool) -> None:
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert all(
        len(answer.headers.get_list(name)) == 1
        for name in (*ALWAYS, "cache-control")
        if name in answer.headers
    )
    assert ("strict-transport-security" in answer.headers) == secure
    assert "server" not in answer.headers
    if not answer.request.url.path.startswith("/static/"):
        assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nothing", "/stream?page=floor", "/healthz", "/readyz", "/static/nothing.css", "/static/css/base.css", "/api/v1/agent", "/api/openapi.json", "/tool-permissions/x/decision"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_answer_has_the_security_headers(app_server: AppServer, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        has_the_headers(await client.request(method, path), secure=False)


@asynccontextmanager
async def signed_in(web: AppServer, person: Person) -> AsyncIterator[httpx.AsyncClient]:
    """A browser beyond the proxy, as far as the web process can see."""
    async with httpx.AsyncClient(base_url=web.url, headers=FLOOR, timeout=DEADLINE) as browser:
        answer = await browser.post("/login", data={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].partition(";")[0]
        browser.headers["Cookie"] = cookie
        yield browser


async def test_answers_of_every_kind_have_them_and_over_https_one_more(
    behind: AppServer, voice: Person, app_server: AppServer
) -> None:
    admin = await app_server.hire("admin")
    asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
    path, form = f"/tool-permissions/{asked['id']}/decision", decision(asked, "denied")
    fragment = {"HX-Request": "true"}
    async with (
        signed_in(behind, voice) as browser,
        signed_in(behind, admin) as boss,
        httpx.AsyncClient(base_url=behind.url, headers=FLOOR, timeout=DEADLINE) as outsider,
    ):
        kinds = {
            "a page": (200, await browser.get("/")),
            "a page's head": (200, await browser.head("/")),
            "a fragment": (200, await browser.post(path, data=form, headers=fragment)),
            "a conflict": (409, await browser.post(path, data=form, headers=fragment)),
            "a list for a spreadsheet": (200, await browser.get("/leaderboard.csv")),
            "a redirect": (303, await outsider.get("/leaderboard")),
            "a fragment that is sent away": (204, await outsider.get("/", headers=fragment)),
            "a slash too many": (307, await outsider.get("/login/")),
            "an icon that is elsewhere": (301, await outsider.get("/favicon.ico")),
            "a refusal": (403, await browser.get("/system")),
            "nothing there": (404, await browser.get("/nothing")),
            "nothing there, for a fragment": (404, await browser.get("/nothing", headers=fragment)),
            "not so": (405, await browser.delete("/login")),
            "a form that is wrong": (422, await outsider.post("/login", data={})),
            "no form": (422, await outsider.post("/login", json={})),
            "from another site": (
                403,
                await outsider.post("/login", headers={"Sec-Fetch-Site": "cross-site"}),
            ),
            "another name": (400, await outsider.get("/", headers={"Host": "evil.example"})),
            "too large": (413, await outsider.post("/login", data={"email": "x" * 300_000})),
            "a static file": (200, await outsider.get("/static/css/base.css")),
            "no static file": (404, await outsider.get("/static/nothing.css")),
            "a program's call without a key": (401, await outsider.get("/api/v1/agent")),
            "a stream's end": (200, await outsider.get("/stream?page=floor")),
        }
        async with browser.stream("GET", "/stream?page=floor") as stream:
            kinds["a stream"] = (200, stream)
        async with app_server.database() as owner:
            await owner.execute("alter function public.system_report() rename to reported")
            try:
                kinds["our fault"] = (500, await boss.get("/system"))
            finally:
                await owner.execute("alter function public.reported() rename to system_report")
    for kind, (status, answer) in kinds.items():
        assert answer.status_code == status, kind
        assert (answer.headers.get("connection") == "close") == (status == 500), kind
        has_the_headers(answer, secure=True)


# Names


async def test_a_name_that_was_let_in_once_lets_no_other_in(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        for host, status in [
            ("127.0.0.1", 200),
            ("127.0.0.1", 200),
            ("evil.example", 400),
            ("127.0.0.1", 200),
        ]:
            assert (await client.get("/login", headers={"Host": host})).status_code == status
    for two in (("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1")):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(app_server.url.rpartition(":")[2]))
        hosts = "".join(f"Host: {name}\r\n" for name in two)
        writer.write(f"GET /login HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert b" 400 " in answer.split(b"\r\n")[0] or b"evil" not in answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", ""])
async def test_another_name_is_not_ours(app_server: AppServer, host: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "<form" not in answer.text


async def test_behind_a_proxy_our_name_is_the_public_one_and_this_machines(behind: AppServer) -> None:
    port = behind.url.rpartition(":")[2]
    async with httpx.AsyncClient(base_url=behind.url, timeout=DEADLINE) as client:
        for host, status in {
            "floor.example.com": 200, "FLOOR.example.com": 200, "floor.example.com:443": 200, f"127.0.0.1:{port}": 200, "localhost": 200,
            "evil.example": 400, "evil.floor.example.com": 400, "floor.example.com.evil.example": 400, "example.com": 400,
        }.items():  # fmt: skip
            assert (await client.get("/login", headers={"Host": host})).status_code == status, host
        forwarded = {"Host": f"127.0.0.1:{port}", "X-Forwarded-Host": "evil.example"}
        assert "evil" not in str((await client.get("/login/", headers=forwarded)).headers)


# Proxies


def test_who_is_believed() -> None:
    def proxies(**given: str) -> list[str]:
        return Settings(_env_file=None, **given).proxies  # type: ignore[arg-type]

    machine = ["127.0.0.1/32", "::1/128", "::ffff:127.0.0.1/128"]
    assert proxies() == []
    assert proxies(public_url="https://floor.example.com") == machine
    assert proxies(public_url="https://floor.example.com", trusted_proxies="none") == []
    assert proxies(trusted_proxies="10.0.0.0/8, 2001:db8::7") == [
        "10.0.0.0/8", "2001:db8::7/128", "::ffff:10.0.0.0/104"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def proxied(app_server: AppServer) -> Iterator[AppServer]:
    """A web process behind a proxy at 127.0.0.2, with a cache at 10.1.2.3 before that."""
    environment = hosted(
        app_server,
        PUBLIC_URL="https://floor.example.com",
        TRUSTED_PROXIES="127.0.0.2,10.0.0.0/8",
        LOGIN_PER_MINUTE="3",
    )
    with a_folder() as folder, serving(folder / "web", free_port(), **environment) as web:
        yield AppServer(web.url, app_server.home, web.process, web.log)


@asynccontextmanager
async def from_address(web: AppServer, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """The client at this address of the machine."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=web.url, headers=FLOOR, transport=transport) as client:
        yield client


async def stored_address(
    web: AppServer, client: httpx.AsyncClient, person: Person, headers: list[tuple[str, str]]
) -> str:
    fields = {"email": person.email, "password": PASSWORD}
    assert (await client.post("/login", data=fields, headers=headers)).status_code == 303
    async with web.database() as owner:
        found: str = await owner.fetchval(
            "select address from private.web_sessions where user_id = $1 order by created_at desc limit 1",
            person.id,
        )
    return found


REAL, FORGED, CACHE = "203.0.113.9", "198.51.100.66", "10.1.2.3"
FORWARDED = [
    ([], None),
    ([REAL], REAL),
    ([f"{FORGED}, {REAL}"], REAL),
    ([FORGED, REAL], REAL),
    ([f"{FORGED}, {REAL}, {CACHE}"], REAL),
    ([f"{REAL}:4711"], REAL),
    (["2001:db8::9"], "2001:db8::9"),
    (["[2001:db8::9]:4711"], "2001:db8::9"),
    ([""], None),
]


@pytest.mark.parametrize(("forwarded", "expected"), FORWARDED)
async def test_the_address_is_the_last_that_a_trusted_proxy_saw(
    proxied: AppServer, voice: Person, forwarded: list[str], expected: str | None
) -> None:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    async with from_address(proxied, "127.0.0.2") as proxy, from_address(proxied, "127.0.0.1") as liar:
        assert await stored_address(proxied, proxy, voice, headers) == (expected or "127.0.0.2")
        assert await stored_address(proxied, liar, voice, headers) == "127.0.0.1"


async def test_without_a_setting_this_machine_is_believed_behind_a_proxy_and_nobody_otherwise(
    app_server: AppServer, behind: AppServer, voice: Person
) -> None:
    headers = [("X-Forwarded-For", REAL)]
    async with from_address(behind, "127.0.0.1") as proxy, from_address(behind, "127.0.0.2") as liar:
        assert await stored_address(behind, proxy, voice, headers) == REAL
        assert await stored_address(behind, liar, voice, headers) == "127.0.0.2"
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        assert await stored_address(app_server, client, voice, headers) == "127.0.0.1"


async def test_attempts_are_counted_for_the_real_address(proxied: AppServer) -> None:
    async def attempt(client: httpx.AsyncClient, number: int, *forwarded: str) -> int:
        fields = {"email": f"{number}-{forwarded}@example.com", "password": "wrong"}
        headers = [("X-Forwarded-For", value) for value in forwarded]
        return (await client.post("/login", data=fields, headers=headers)).status_code

    async with from_address(proxied, "127.0.0.2") as proxy, from_address(proxied, "127.0.0.3") as liar:
        through = [await attempt(proxy, n, f"198.51.100.{n}", REAL) for n in range(4)]
        assert through == [401, 401, 401, 429], "what was forged before the proxy makes no new address"
        assert await attempt(proxy, 9, "203.0.113.10") == 401, "and others are others"
        assert [await attempt(liar, n, f"192.0.2.{n}") for n in range(4)] == [401, 401, 401, 429]


async def test_a_browser_that_is_known_is_let_in_while_its_account_is_under_attack(
    proxied: AppServer, voice: Person
) -> None:
    async def sign_in(client: httpx.AsyncClient, password: str, cookie: str = "") -> httpx.Response:
        fields = {"email": voice.email, "password": password}
        return await client.post("/login", data=fields, headers={"Cookie": cookie})

    async with from_address(proxied, "127.0.0.4") as office, from_address(proxied, "127.0.0.5") as elsewhere:
        first = await sign_in(office, PASSWORD)
        [device] = [
            one.partition(";")[0] for one in first.headers.get_list("set-cookie") if "-device=" in one
        ]
        attack = [(await sign_in(office, "wrong")).status_code for _ in range(5)]
        assert attack == [401, 401, 401, 429, 429]
        outsider = await sign_in(office, PASSWORD)
        assert (outsider.status_code, "wait" in outsider.text) == (429, True)
        assert (await sign_in(office, PASSWORD, device)).status_code == 303
        assert (await sign_in(elsewhere, PASSWORD)).status_code == 303


async def test_the_numbers_for_prometheus_are_for_this_machine_only(behind: AppServer) -> None:
    async with from_address(behind, "127.0.0.1") as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/metrics", headers={"X-Forwarded-For": REAL})).status_code == 404

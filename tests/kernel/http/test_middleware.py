"""The protection around every request: origins, headers, host names."""

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from server.errors import RequestError
from server.kernel.http import SameOrigin, trusted_hosts
from server.kernel.http.cookies import cookie_name
from server.settings import Settings
from tests.app_server import DEADLINE, AppServer, Person, decision

PUBLIC = "https://floor.example.com"
# PUBLIC_URL; the Host that reaches us; what the browser says (Sec-Fetch-Site, Origin); whether an unsafe method passes.
ORIGINS = [
    # A program says neither.
    (None, "127.0.0.1:8000", None, None, True),
    (PUBLIC, "floor.example.com", None, None, True),
    # The browser's own Sec-Fetch-Site counts first.
    (None, "127.0.0.1:8000", "same-origin", None, True),
    (None, "127.0.0.1:8000", "same-origin", "http://127.0.0.1:8000", True),
    (
        None,
        "127.0.0.1:8000",
        "same-origin",
        "null",
        True,
    ),  # a page whose policy says nothing of where it is from
    (None, "127.0.0.1:8000", "none", None, True),
    (None, "127.0.0.1:8000", "same-site", "http://127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", "cross-site", None, False),
    (None, "127.0.0.1:8000", "cross-site", "http://127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", "", None, False),
    (None, "127.0.0.1:8000", "Same-Origin", None, False),
    (None, "127.0.0.1:8000", "same-origin, cross-site", None, False),
    (PUBLIC, "floor.example.com", "same-origin", PUBLIC, True),
    (PUBLIC, "10.0.0.7:8000", "same-origin", PUBLIC, True),
    (PUBLIC, "floor.example.com", "same-site", "https://evil.example.com", False),
    (PUBLIC, "floor.example.com", "cross-site", PUBLIC, False),
    # Without it, the page's origin has to be ours: scheme, host and port.
    (None, "127.0.0.1:8000", None, "http://127.0.0.1:8000", True),
    (None, "FLOOR.local", None, "http://floor.local", True),
    (None, "floor.local:80", None, "http://floor.local", True),
    (None, "[::1]:8000", None, "http://[::1]:8000", True),
    (None, "127.0.0.1:8000", None, "https://127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", None, "http://127.0.0.1", False),
    (None, "127.0.0.1:8000", None, "http://127.0.0.1:8001", False),
    (None, "127.0.0.1:8000", None, "http://localhost:8000", False),
    (None, "127.0.0.1:8000", None, "http://evil.example", False),
    (None, "127.0.0.1:8000", None, "http://127.0.0.1:8000.evil.example", False),
    (None, "127.0.0.1:8000", None, "http://user@127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", None, "http://127.0.0.1:8000/", False),
    (None, "127.0.0.1:8000", None, "ftp://127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", None, "127.0.0.1:8000", False),
    (None, "127.0.0.1:8000", None, "http://127.0.0.1:99999", False),
    (None, "127.0.0.1:8000", None, "http://[", False),
    (None, "127.0.0.1:8000", None, "null", False),
    (None, "127.0.0.1:8000", None, "", False),
    (None, None, None, "http://127.0.0.1:8000", False),
    (None, "[", None, "http://[", False),
    # Behind a proxy that is PUBLIC_URL, by whatever name the proxy calls us.
    (PUBLIC, "floor.example.com", None, PUBLIC, True),
    (PUBLIC, "10.0.0.7:8000", None, PUBLIC, True),
    (PUBLIC, "127.0.0.1:8000", None, f"{PUBLIC}:443", True),
    (PUBLIC, "floor.example.com", None, "http://floor.example.com", False),
    (PUBLIC, "floor.example.com", None, f"{PUBLIC}:8443", False),
    (PUBLIC, "127.0.0.1:8000", None, "http://127.0.0.1:8000", False),
    (PUBLIC, "127.0.0.1:8000", None, "https://127.0.0.1:8000", False),
    (PUBLIC, "evil.example", None, "https://evil.example", False),
    (PUBLIC, "floor.example.com", None, "null", False),
    ("http://floor.local:8080", "10.0.0.7", None, "http://floor.local:8080", True),
    ("http://floor.local:8080", "10.0.0.7", None, "http://floor.local", False),
]


@pytest.mark.parametrize(("public_url", "host", "fetch_site", "origin", "passes"), ORIGINS)
async def test_unsafe_methods_are_for_our_own_pages_and_for_programs(
    public_url: str | None, host: str | None, fetch_site: str | None, origin: str | None, passes: bool
) -> None:
    reached: list[str] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["method"])

    def refuse(_connection: HTTPConnection, error: RequestError) -> Response:
        assert error.status == 403
        return Response(status_code=403)

    async def receive() -> Message:
        raise AssertionError("nobody reads a body at this wall")

    async def send(message: Message) -> None:
        pass

    wall = SameOrigin(inside, public_url=public_url, refuse=refuse)
    given = {"host": host, "sec-fetch-site": fetch_site, "origin": origin}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    for method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "GET", "HEAD", "OPTIONS"):
        scope = {"type": "http", "scheme": "http", "method": method, "headers": headers}
        await wall(scope, receive, send)
    assert (
        reached
        == ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "GET", "HEAD", "OPTIONS"][0 if passes else 5 :]
    )


async def test_said_twice_it_has_to_be_true_twice(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        for name, own, foreign in (
            ("Sec-Fetch-Site", "same-origin", "cross-site"),
            ("Origin", app_server.url, "https://evil.example"),
        ):
            for values, status in (((own, own), 422), ((own, foreign), 403), ((foreign, own), 403)):
                answer = await client.post("/login", headers=[(name, value) for value in values])
                assert answer.status_code == status, values


@pytest.mark.parametrize(
    "path", ["/login", "/logout", "/nothing", "/api/v1/interactions", "/stream", "/auth/v1/token"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_wall_stands_before_every_address(app_server: AppServer, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, "another site" in answer.text) == (403, True)
        assert (await client.request(method, path, headers={"Origin": "null"})).status_code == 403
        assert (await client.request(method, path, headers={"Origin": app_server.url})).status_code != 403


async def test_another_sites_form_decides_nothing(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.browser_of(voice) as browser:
        answer = await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data=decision(asked, "allowed"),
            headers={"Origin": "https://evil.example"},
        )
    assert answer.status_code == 403
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def test_what_is_signed_in_is_kept_by_no_cache_and_static_is(
    app_server: AppServer, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        page = await browser.get("/")
        assert page.headers["cache-control"] == "private, no-store"
        style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
        assert "immutable" in (await browser.get(style)).headers["cache-control"]
        assert "immutable" not in (await browser.get(style.partition("?")[0])).headers.get(
            "cache-control", ""
        )


async def test_static_text_is_compressed_once_for_every_client_that_accepts_it(app_server: AppServer) -> None:
    path = "/static/js/queue.js"
    plain = {"Accept-Encoding": "identity"}
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        whole = await client.get(path, headers=plain)
        assert "content-encoding" not in whole.headers
        packed = await client.get(path, headers={"Accept-Encoding": "gzip, br"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == whole.content
        assert int(packed.headers["content-length"]) < len(whole.content) / 2
        assert packed.headers["vary"] == whole.headers["vary"] == "Accept-Encoding"
        assert packed.headers["etag"] != whole.headers["etag"]
        assert packed.headers["content-type"] == whole.headers["content-type"]
        for answer in (whole, packed):
            again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
        head = await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        icon = await client.get("/static/vendor/none.js")
        assert icon.status_code == 404


async def test_static_files_stay_in_their_folder(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        for path in (
            "/static/../pyproject.toml",
            "/static/%2e%2e/pyproject.toml",
            "/static/..%2fpyproject.toml",
            "/static//etc/passwd",
            "/static/%00",
        ):
            assert (await client.get(path)).status_code == 404, path


def test_beyond_loopback_the_cookie_is_bound_to_host_and_https() -> None:
    at_home = Settings(_env_file=None, host="127.0.0.1")
    outside = Settings(_env_file=None, host="0.0.0.0", public_url="https://floor.example.com")
    behind = Settings(_env_file=None, host="127.0.0.1", public_url="https://floor.example.com")
    assert [cookie_name(s) for s in (at_home, outside, behind)] == [
        f"floorwalker-{at_home.port}",
        *["__Host-floorwalker"] * 2,
    ]
    assert "floor.example.com" in trusted_hosts(outside)
    assert "*" not in trusted_hosts(outside)
    assert "*" not in trusted_hosts(at_home)


async def test_a_form_that_is_too_large_is_413(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.post("/login", data={"email": "x" * 300_000, "password": "x"})
    assert answer.status_code == 413

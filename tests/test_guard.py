"""The walls around every request: origins, headers, hosts."""

import asyncio

import httpx
import pytest

from server.guard import cookie_name, trusted_hosts
from server.settings import Settings
from tests.site import Person, Site

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Sec-Fetch-Site, Origin (HOST is ours), and whether an unsafe method may pass.
ORIGINS = [
    (None, None, True),
    ("same-origin", None, True),
    ("same-origin", "HOST", True),
    ("none", None, True),
    ("same-site", "HOST", False),
    ("cross-site", None, False),
    ("cross-site", "HOST", False),
    ("", None, False),
    ("nonsense", "HOST", False),
    (None, "HOST", True),
    (None, "http://evil.example", False),
    (None, "null", False),
    (None, "", False),
    (None, "http://127.0.0.1", False),
    (None, "http://127.0.0.1:1", False),
    (None, "HOST.evil.example", False),
    (None, "http://user@127.0.0.1", False),
]


def origin_headers(site: Site, fetch_site: str | None, origin: str | None) -> dict[str, str]:
    found = {}
    if fetch_site is not None:
        found["Sec-Fetch-Site"] = fetch_site
    if origin is not None:
        found["Origin"] = origin.replace("HOST", site.url)
    return found


@pytest.mark.parametrize(("fetch_site", "origin", "passes"), ORIGINS)
@pytest.mark.parametrize("path", ["/login", "/logout", "/api/v1/interactions"])
async def test_unsafe_methods_are_for_our_own_pages_and_programs(
    site: Site, path: str, fetch_site: str | None, origin: str | None, passes: bool
) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.post(path, headers=origin_headers(site, fetch_site, origin))
    assert (answer.status_code != 403) == passes, answer.text


@pytest.mark.parametrize(("fetch_site", "origin", "passes"), ORIGINS)
async def test_reading_is_allowed_from_anywhere(
    site: Site, fetch_site: str | None, origin: str | None, passes: bool
) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        assert (
            await client.get("/login", headers=origin_headers(site, fetch_site, origin))
        ).status_code == 200


async def test_another_sites_form_decides_nothing(site: Site, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await site.ask(agent, await site.start(agent))
    async with site.browser_of(voice) as browser:
        answer = await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data={"status": "allowed"},
            headers={"Origin": "https://evil.example"},
        )
    assert answer.status_code == 403
    async with site.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nothing", "/stream?page=floor", "/healthz", "/readyz", "/static/nothing.css", "/static/css/base.css", "/api/v1/agent", "/api/openapi.json", "/tool-permissions/x/decision"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_answer_has_the_security_headers(site: Site, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.request(method, path)
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    if not path.startswith("/static/"):
        assert answer.headers["cache-control"] == "private, no-store"


async def test_what_is_signed_in_is_kept_by_no_cache_and_static_is(site: Site, voice: Person) -> None:
    async with site.browser_of(voice) as browser:
        page = await browser.get("/")
        assert page.headers["cache-control"] == "private, no-store"
        style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
        assert "immutable" in (await browser.get(style)).headers["cache-control"]
        assert "immutable" not in (await browser.get(style.partition("?")[0])).headers.get(
            "cache-control", ""
        )


async def test_static_text_is_compressed_once_for_whoever_takes_it(site: Site) -> None:
    path = "/static/js/floor.js"
    plain = {"Accept-Encoding": "identity"}
    async with httpx.AsyncClient(base_url=site.url) as client:
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


async def test_a_name_that_was_let_in_once_lets_no_other_in(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        for host, status in [
            ("127.0.0.1", 200),
            ("127.0.0.1", 200),
            ("evil.example", 400),
            ("127.0.0.1", 200),
        ]:
            assert (await client.get("/login", headers={"Host": host})).status_code == status
    for two in (("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1")):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
        hosts = "".join(f"Host: {name}\r\n" for name in two)
        writer.write(f"GET /login HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert b" 400 " in answer.split(b"\r\n")[0] or b"evil" not in answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", ""])
async def test_another_name_is_not_ours(site: Site, host: str) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "<form" not in answer.text


async def test_static_files_stay_in_their_folder(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
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


async def test_a_form_that_is_too_large_is_413(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.post("/login", data={"email": "x" * 300_000, "password": "x"})
    assert answer.status_code == 413

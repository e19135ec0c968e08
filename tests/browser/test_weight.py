"""What a first page weighs, in a browser that has nothing of it: requests, bytes on the wire, layout shift."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.test_interaction_page import reviewed, say
from tests.conftest import a_folder, free_port, prepared, serving
from tests.proxy import between

REQUESTS, BYTES, SHIFT = 15, 100_000, 0.01
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput)
  shifts.push([one.value, ...one.sources.map(({node}) => node?.outerHTML?.slice(0, 80))]); })
  .observe({ type: "layout-shift", buffered: true });
"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app_server() -> Iterator[AppServer]:
    """One of its own, because what other tests leave behind changes while a page is weighed."""
    with (
        a_folder() as folder,
        serving(prepared(folder / "home"), free_port(), STALE_SECONDS="500") as running,
    ):
        yield running


class Weighed:
    """What a page takes from the network: addresses, and bytes as they come over the wire with their headers."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.sizes: dict[str, float] = {}

    async def watch(self, page: Page) -> None:
        session = await page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._finished)
        await session.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        self.addresses[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def size_of(self, *names: str) -> float:
        return sum(
            size for one, size in self.sizes.items() if any(name in self.addresses[one] for name in names)
        )

    def __str__(self) -> str:
        return "\n".join(f"{size:7,.0f} {self.addresses[one]}" for one, size in self.sizes.items())


async def signed_in(browser: Browser, app_server: AppServer, person: Person | None) -> BrowserContext:
    """A browser with an empty cache that counts what moves; of this person, or of nobody."""
    context = await browser.new_context(base_url=app_server.url, viewport={"width": 1440, "height": 900})
    await context.add_init_script(SHIFTS)
    if person is not None:
        async with app_server.browser_of(person) as client:
            session = client.cookies[app_server.cookie]
        await context.add_cookies([{"name": app_server.cookie, "value": session, "url": app_server.url}])
    return context


async def weigh(browser: Browser, app_server: AppServer, person: Person | None, path: str) -> None:
    """Open the page in a browser with an empty cache, and compare with the budget."""
    context = await signed_in(browser, app_server, person)
    page, weighed = await context.new_page(), Weighed()
    await weighed.watch(page)
    await page.goto(path)
    if await page.locator("#connection").count():
        await expect(page.locator("#connection")).to_have_text("Live")
    await page.wait_for_load_state("load")
    await page.evaluate("document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 500)))")
    shifts = await page.evaluate("shifts")
    assert len(weighed.addresses) <= REQUESTS, f"{len(weighed.addresses)} requests\n{weighed}"
    total = sum(weighed.sizes.values()) - weighed.size_of(
        "uplot", "js/chart"
    )  # which come when the page is shown
    assert total <= BYTES, f"{total:,.0f} bytes\n{weighed}"
    assert sum(value for value, *_ in shifts) <= SHIFT, shifts
    await context.close()


@pytest.mark.parametrize("path", ["/", "/interactions", "/leaderboard", "/account"])
async def test_the_first_page_of_a_supervisor(
    browser: Browser, app_server: AppServer, voice: Person, path: str
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent, phone_number="+18505550155")
    await say(app_server, agent, live, "The second one came broken too.", "I am sorry.")
    for n in range(3):
        await app_server.ask(agent, live, arguments={f"name {k}": f"{n}-{k}" for k in range(9)})
    await weigh(browser, app_server, voice, path)


@pytest.mark.parametrize(
    "path",
    ["/", "/agents", "/people", "/system", "/settings", "/alerts", "/leaderboard", "/tool-permissions"],
)
async def test_the_first_page_of_an_admin(
    browser: Browser, app_server: AppServer, voice: Person, path: str
) -> None:
    admin = await app_server.hire("admin")
    await app_server.start(voice.agents[0], phone_number="+18505550155")
    await weigh(browser, app_server, admin, path)


async def test_nothing_moves_while_a_long_list_arrives(browser: Browser, app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    for _ in range(12):
        await app_server.hire("voice", agents=3)
    async with app_server.database() as owner:
        await owner.execute(
            """update public.agents set name = 'Z, a longer name than those before it'
            where id = (select max(id::text)::uuid from public.agents)"""
        )
    async with between(app_server) as proxy:
        context = await signed_in(browser, app_server, admin)
        page = await context.new_page()
        await page.goto(
            f"{proxy.app_server.url}/account"
        )  # from now on the style sheet is there before the page
        proxy.halves = True
        await page.goto(f"{proxy.app_server.url}/agents")
        await page.evaluate("document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 300)))")
        shifts = await page.evaluate("shifts")
        assert sum(value for value, *_ in shifts) <= SHIFT, shifts
        await context.close()


@pytest.mark.parametrize("over", [True, False], ids=["ended", "live"])
async def test_the_page_of_an_interaction(
    browser: Browser, app_server: AppServer, voice: Person, *, over: bool
) -> None:
    live = await reviewed(app_server, voice, over=over)
    await weigh(browser, app_server, voice, f"/interactions/{live}")


async def test_the_page_of_who_is_not_signed_in(browser: Browser, app_server: AppServer) -> None:
    await weigh(browser, app_server, None, "/login")


async def test_pages_come_compressed_and_streams_calls_and_files_as_they_are(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    async with app_server.browser_of(voice) as client:
        first, second = await client.get("/"), await client.get("/")
        assert first.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in first.headers["vary"].lower()
        assert first.headers["x-padding"] != second.headers["x-padding"]
        plain = await client.get("/", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert "content-encoding" not in (await client.get("/interactions.csv?days=")).headers
        async with client.stream("GET", "/stream?page=floor") as stream:
            assert "content-encoding" not in stream.headers
    async with app_server.api(agent) as api:
        assert "content-encoding" not in (await api.get("/agent")).headers

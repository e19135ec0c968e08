"""What axe says of every page, light and dark, narrow and wide."""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from server.docs.views import CHAPTERS
from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, press
from tests.conftest import a_folder, free_port, prepared, serving

pytestmark = pytest.mark.browser

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
OPEN = "() => document.querySelectorAll('details').forEach(one => { one.open = true })"
# What sticks out of the window, the first of them.
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth;
  const out = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
  return wide ? ["wider than the screen: " + out.slice(-3).map((one) => one.outerHTML.slice(0, 90))] : [];
}"""
SIGNED_OUT = [
    "/login",
    "/recovery",
    "/recovery?token_hash=x",
    "/invitation?token_hash=x",
    "/invitation",
    "/api",
    "/docs",
    *(f"/docs/{chapter.name}" for chapter in CHAPTERS[1:]),
]


@pytest.fixture(scope="module")
def app_server() -> Iterator[AppServer]:
    """One of its own: axe takes minutes for the lists that all other tests fill."""
    with a_folder() as folder, serving(prepared(folder / "home"), free_port()) as running:
        yield running


async def complaints(page: Page) -> list[str]:
    """What axe finds with everything opened, and whether the page is wider than the screen."""
    await page.evaluate(OPEN)
    response: dict[str, Any] = (await Axe().run(page)).response
    assert response["passes"], "axe looked at nothing"
    found = [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in response["violations"]]
    wide: list[str] = await page.evaluate(TOO_WIDE)
    return found + wide


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.full)])
async def test_axe_finds_nothing_on_the_pages_of_nobody(
    app_server: AppServer, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(
        base_url=app_server.url, color_scheme=scheme, viewport={"width": 360, "height": 740}
    )
    page = await context.new_page()
    for path in SIGNED_OUT:
        await page.goto(path)
        assert not await complaints(page), path
    await context.close()


async def decided(app_server: AppServer, person: Person, interaction: str) -> str:
    """A denied request with nested arguments, and one that a standing approval allowed."""
    arguments = {"order": {"id": "W1", "lines": [{"sku": "kettle", "n": 2}]}, "amount": 12.5, "note": None}
    asked = await app_server.ask(person.agents[0], interaction, arguments=arguments)
    granted = await app_server.ask(person.agents[0], interaction)
    async with app_server.browser_of(person) as browser:
        data = decision(asked, "denied", reason="Against the policy")
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=data)
        form = decision(granted, "allowed", scope="any", uses="3", minutes="30")
        await browser.post(f"/tool-permissions/{granted['id']}/standing-approval", data=form)
    await app_server.ask(person.agents[0], interaction)
    return str(asked["id"])


async def reviewed(app_server: AppServer, person: Person) -> tuple[str, str]:
    """An interaction that has ended, with all that a review has; and its note of two versions."""
    agent = await app_server.add_agent(person, "voice", "An agent that has ended")
    ended, note = await app_server.start(agent, phone_number="+18505550155"), str(uuid4())
    async with app_server.api(agent) as api, app_server.browser_of(person) as browser:
        await api.post(f"/interactions/{ended}/turns", json={"speaker": "customer", "text": "Hello."})
        await api.post(f"/interactions/{ended}/end", json={"status": "completed"})
        for path, data in (
            ("notes", {"note": note, "words": "It was kind."}),
            (f"notes/{note}", {"version": "1", "words": "It was not."}),
            ("flag", {"version": "0", "state": "open", "assigned_to": str(person.id), "reason": "Look."}),
            ("tags", {"tag": "kettle"}),
            ("score", {"version": "1", "place": "1", "answer": "partly"}),
        ):
            assert (await browser.post(f"/interactions/{ended}/{path}", data=data)).status_code == 303, path
    return ended, note


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (360, "light"),
        pytest.param(1440, "dark", marks=pytest.mark.full),
        pytest.param(360, "dark", marks=pytest.mark.full),
        pytest.param(1440, "light", marks=pytest.mark.full),
    ],
)
async def test_axe_finds_nothing_on_an_admins_pages(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: Literal["light", "dark"], width: int
) -> None:
    interaction = await app_server.start(voice.agents[0])
    await app_server.ask(voice.agents[0], interaction)
    answered = await decided(app_server, voice, interaction)
    ended, note = await reviewed(app_server, voice)
    page = await sign_in(await app_server.hire("admin"))
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    places = [
        "/",
        "/leaderboard",
        "/people",
        "/people/new",
        f"/people/{voice.id}",
        "/account",
        "/system",
        "/settings",
        "/alerts",
        "/alerts/rules/new",
    ]
    places += [
        "/tool-permissions",
        "/tool-permissions?q=nothing-has-this",
        "/tool-permissions/times",
        "/tool-permissions/standing-approvals",
        "/tool-permissions/drills",
        "/interactions?days=",
        "/interactions?q=nothing-has-this&days=",
    ]
    places += [f"/interactions/{ended}{part}" for part in ("", "/print", f"/notes/{note}")]
    places += ["/scorecard", f"/tool-permissions/{answered}", f"/interactions/{interaction}", "/nothing-here"]
    for path in places:
        await page.goto(path)
        assert not await complaints(page), path


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_axe_finds_nothing_on_a_supervisors_pages(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: Literal["light", "dark"]
) -> None:
    interaction = await app_server.start(voice.agents[0])
    await app_server.ask(voice.agents[0], interaction)
    page = await sign_in(voice)
    await page.emulate_media(color_scheme=scheme)
    for path in ("/", "/leaderboard", "/account", "/alerts", f"/interactions/{interaction}", "/people"):
        await page.goto(path)
        assert not await complaints(page), path


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.full)])
async def test_axe_finds_nothing_where_a_request_is_answered(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: Literal["light", "dark"]
) -> None:
    """The request on a page of its own, in both dialogs, in the second step, and refused."""
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), accepts_changes=True)
    path = f"/tool-permissions/{asked['id']}"
    page = await sign_in(voice)
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(path)
    assert not await complaints(page)
    for name in ("Standing approval for", "Reason or changes for"):
        await page.get_by_role("link", name=name).click()
        await page.get_by_role("dialog").locator("form").wait_for()
        assert not await complaints(page), name
        await page.keyboard.press("Escape")
    for form in ("standing-approval", "answer"):
        await page.goto(f"{path}/{form}")
        assert not await complaints(page), form
    await page.locator("#value-0").fill("changed")
    await page.get_by_role("button", name="Review the changes").click()
    await page.get_by_role("button", name="with these changes").wait_for()
    assert not await complaints(page), "the second step"
    async with app_server.browser_of(voice) as other:
        await other.post(f"{path}/decision", data=decision(asked, "denied"))
    await press(page.get_by_role("button", name="with these changes"))
    await page.get_by_text("Nothing was decided").or_(page.get_by_text("is already denied")).first.wait_for()
    assert not await complaints(page), "refused"


async def test_axe_would_find_something(browser: Browser, app_server: AppServer) -> None:
    context = await browser.new_context(base_url=app_server.url)
    page = await context.new_page()
    await page.goto("/login")
    await page.evaluate("() => { document.querySelector('label').remove() }")
    assert any("label" in one for one in await complaints(page))
    await context.close()

"""People and accounts in a real Chromium, by keyboard; and what axe says of every page, light and dark."""

import asyncio
import re
from typing import Any, Literal
from uuid import uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from server.docs.views import CHAPTERS
from tests.app_server import PASSWORD, AppServer, Person, decision
from tests.browser.conftest import SignIn
from tests.outbox import emails, path_in

pytestmark = pytest.mark.browser

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
OPEN = "() => document.querySelectorAll('details').forEach(one => { one.open = true })"
TWICE = """async () => {
  const button = document.querySelector("form[action='/account/name'] button");
  button.click();
  await new Promise((done) => setTimeout(done, 100));
  button.click();
}"""
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


async def test_axe_would_find_something(browser: Browser, app_server: AppServer) -> None:
    context = await browser.new_context(base_url=app_server.url)
    page = await context.new_page()
    await page.goto("/login")
    await page.evaluate("() => { document.querySelector('label').remove() }")
    assert any("label" in one for one in await complaints(page))
    await context.close()


async def test_somebody_is_invited_by_keyboard_alone_and_comes_in(
    app_server: AppServer, browser: Browser, sign_in: SignIn
) -> None:
    admin = await app_server.hire("admin")
    page = await sign_in(admin)
    await page.goto("/people/new")
    email = f"invited-{admin.username.split()[-1]}@example.com"
    await page.get_by_role("radio", name="Supervisor of voice agents").focus()
    await page.keyboard.press("ArrowUp")  # round to admin, who has no username
    await expect(page.get_by_label("Username")).to_be_hidden()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("radio", name="Supervisor of chat agents")).to_be_checked()
    for words in (email, "Ida Invited"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(words)
    await page.keyboard.press("Tab")
    await page.keyboard.type("UPPER case")
    await expect(page.get_by_label("Password", exact=True)).to_be_hidden()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("2 to 100 small letters")).to_be_visible()
    await expect(page.get_by_label("E-mail", exact=True)).to_have_value(email)  # nothing typed is lost
    await page.get_by_label("Username").fill(f"ida-{email[8:14]}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("The invitation was sent.")

    context = await browser.new_context(base_url=app_server.url)
    hers = await context.new_page()
    await hers.goto(path_in(emails(app_server, email)[-1]))
    await expect(hers.get_by_label("Password", exact=True)).to_be_focused()
    await hers.keyboard.type(PASSWORD)
    await hers.keyboard.press("Tab")
    await hers.keyboard.type(PASSWORD)
    await hers.keyboard.press("Enter")
    await expect(hers.locator("#connection")).to_have_text("Live")
    await expect(hers.get_by_role("link", name="Ida Invited")).to_be_visible()

    # Deactivated in one browser, gone from the other, whose stream is open.
    await page.reload()
    await page.get_by_text("Deactivate …").click()
    await page.get_by_role("button", name="Deactivate Ida Invited").click()
    await expect(page.get_by_role("status")).to_contain_text("signed out everywhere")
    await expect(hers).to_have_url(f"{app_server.url}/login")
    await context.close()


async def test_another_browser_is_signed_out_and_leaves_its_page(voice: Person, sign_in: SignIn) -> None:
    here, there = await sign_in(voice), await sign_in(voice)
    await here.goto("/account")
    rows = here.locator("#account li", has_not=here.get_by_text("this browser"))
    await (
        rows.filter(has=here.get_by_role("button", name="Sign out", exact=True)).get_by_role("button").click()
    )
    await expect(here.get_by_role("status")).to_have_text("That browser was signed out.")
    await expect(there).to_have_url(re.compile(r"/login(\?|$)"))


async def test_a_second_click_while_the_answer_is_on_its_way_sends_nothing(
    voice: Person, sign_in: SignIn
) -> None:
    page, sent = await sign_in(voice), list[str]()

    async def slow(route: Route) -> None:
        sent.append(route.request.url)
        await asyncio.sleep(0.5)
        await route.continue_()

    await page.goto("/account")
    await page.route("**/account/name", slow)
    await page.get_by_label("Name").fill("Renamed Once")
    await page.evaluate(TWICE)
    await expect(page.get_by_text("Your name was changed.")).to_be_visible()
    assert len(sent) == 1


async def test_an_interaction_that_moves_away_says_so_to_who_had_it_open(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    taker = await app_server.hire("voice", agents=0)
    interaction = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    await page.goto(f"/interactions/{interaction}")
    await expect(page.locator("#connection")).to_have_text("Live")
    async with app_server.browser_of(await app_server.hire("admin")) as admin:
        moved = await admin.post(f"/agents/{voice.agents[0].id}/move", data={"supervisor_id": str(taker.id)})
        assert moved.status_code == 303
    await expect(page.get_by_text("There is no such interaction.")).to_be_visible()

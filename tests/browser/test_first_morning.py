"""An admin's first morning in a real Chromium: from an empty home to a decided first call, and what changes during a call."""

import asyncio
import re
import sys
from collections.abc import Awaitable
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.agents.conftest import make_agent, row, tool_form
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.browser.conftest import SignIn, press
from tests.browser.test_axe import complaints
from tests.browser.test_floor import ALLOW
from tests.browser.test_pages import fits
from tests.conftest import a_folder, free_port, serving, until
from tests.embedded.test_sample_people import OPEN, link_of

pytestmark = pytest.mark.browser

MOST_ACTIONS = 40
KEY = re.compile(r"fw_[A-Za-z0-9_-]{43}")


class Hand:
    """Clicks and fills, and counts both."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions = page, 0

    async def click(self, role: str, name: str) -> None:
        await self.act(self.page.get_by_role(role, name=name, exact=True).click())  # type: ignore[arg-type]

    async def fill(self, label: str, text: str) -> None:
        await self.act(self.page.get_by_label(label, exact=True).fill(text))

    async def act(self, action: Awaitable[object]) -> None:
        self.actions += 1
        await action


async def run_code(code: str) -> "asyncio.subprocess.Process":
    """The Python code of the page, as a program of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


async def test_a_first_morning_takes_forty_actions_at_most(browser: Browser) -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), **OPEN) as app_server:
        link = await link_of(app_server)
        assert link is not None
        context = await browser.new_context(base_url=app_server.url)
        context.set_default_timeout(1000 * DEADLINE)
        page = await context.new_page()
        hand = Hand(page)
        await page.goto(link)
        for label, text in (("E-mail", "ada@example.org"), ("Name", "Ada"), ("Password", PASSWORD)):
            await hand.fill(label, text)
        await hand.click("button", "Create admin")
        await hand.click("link", "Sign in")
        await hand.fill("E-mail", "ada@example.org")
        await hand.fill("Password", PASSWORD)
        await hand.click("button", "Sign in")
        await hand.click("link", "Set up your floor")
        for label, text in (("E-mail", "zoe@example.org"), ("Name", "Zoe"), ("Username", "zoe")):
            await hand.fill(label, text)
        await hand.click("radio", "With a password that you give them")
        await hand.fill("Password", PASSWORD)
        await hand.click("button", "Add supervisor")
        await hand.fill("Name", "Parcel agent")
        await hand.fill("Prompt", "You help customers whose parcel is late.")
        await hand.click("button", "Add agent")
        await hand.click("link", "Add a tool")
        await hand.fill("Name", "issue_refund")
        await hand.fill("Name of argument 1", "amount")
        await hand.act(page.get_by_label("Type of argument 1").select_option("number"))
        await hand.click("button", "Add tool")
        await hand.click("button", "Go on")
        await expect(page.locator("#connection")).to_have_text("Live")
        assert not await complaints(page)
        await hand.click("button", "Make the key")
        await expect(page.get_by_role("textbox", name="The new key", exact=True)).to_have_value(KEY)
        assert page.url.endswith("/first-call"), "a reload does not send the form again"
        await hand.click("radio", "Python")
        code = await page.locator("#snippet-python").inner_text()
        running = await run_code(code)
        step = page.locator("#first-call li.arrived")
        await expect(step).to_have_count(4)
        await hand.click("link", "Wallboard")
        await hand.act(press(page.get_by_role("button", name=ALLOW).first))
        assert hand.actions <= MOST_ACTIONS, hand.actions
        out, _ = await asyncio.wait_for(running.communicate(), DEADLINE)
        assert running.returncode == 0, out.decode()
        assert "allowed" in out.decode()
        await page.go_back()
        await expect(page.get_by_role("heading", name="Parcel agent is on the floor")).to_be_visible()
        await expect(step).to_have_count(5)
        await expect(page.locator("#first-call")).to_contain_text("allowed by Ada")
        assert not await complaints(page)
        await fits(page, "first call")
        await context.close()


@pytest.mark.full
async def test_a_prompt_is_changed_during_a_call_compared_and_restored(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    page = await sign_in(voice)
    await page.get_by_role("link", name=agent.name, exact=True).click()
    await page.get_by_role("link", name="Edit the prompt").click()
    await page.get_by_label("Prompt", exact=True).fill("Be kind.\nOffer a replacement once.")
    await page.get_by_label("What changes, in a few words").fill("One offer")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("status")).to_have_text("Saved as a new version.")
    await expect(page.locator(".diff ins")).to_have_text("Offer a replacement once.")
    await expect(page.locator(".versions li.current")).to_contain_text("One offer")
    assert not await complaints(page)
    found = await row(app_server, "select agent_version from interactions where id = $1", UUID(interaction))
    assert found["agent_version"] == 1, "the call keeps its version"
    await page.get_by_role("link", name="Version 1").click()
    await page.get_by_role("button", name="Restore the prompt of version 1").click()
    await expect(page.get_by_role("status")).to_have_text("Restored as a new version.")
    await expect(page.locator(".diff del")).to_have_text("Offer a replacement once.")
    async with app_server.api(agent) as api:
        assert (await api.get("/agent")).json()["system_prompt"] == "Be kind."


@pytest.mark.full
async def test_a_clone_with_another_voice_by_keyboard(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(await app_server.hire("admin"))
    await page.goto(f"/agents/{voice.agents[0].id}/clone")
    await page.get_by_label("Supervisor", exact=True).focus()
    await page.keyboard.type(voice.username)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Second voice")
    summary = page.get_by_text("Voice, model and language")
    await summary.focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Voice", exact=True).focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("another-voice")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Second voice")).to_be_visible()
    await expect(page.locator("section", has_text="What differs from").locator("ins").first).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("another-voice")


async def test_a_key_that_is_revoked_in_use_ends_at_once(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    page = await sign_in(await app_server.hire("admin"))
    await page.goto(f"/agents/{agent.id}")
    await page.get_by_label("Name of the new key").fill("Laptop")
    await page.get_by_role("button", name="New key").click()
    key = await page.get_by_role("textbox", name="The new key", exact=True).input_value()
    await page.reload()
    await expect(page.get_by_role("textbox", name="The new key", exact=True)).to_have_count(0)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"{app_server.url}/api/v1", headers=headers, timeout=2 * DEADLINE
    ) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=55"))
        row_of_key = page.locator(".key-list li", has_text="Laptop")

        async def in_use() -> bool:
            await page.reload()
            return "in use" in await row_of_key.inner_text()

        await until(in_use)
        await row_of_key.get_by_text("Revoke …").click()
        await row_of_key.get_by_role("button", name="Revoke Laptop").click()
        await expect(page.get_by_role("status")).to_contain_text("The key was revoked.")
        assert (await asyncio.wait_for(waiting, DEADLINE)).status_code == 401
    await page.get_by_text("1 revoked key").click()
    await expect(page.get_by_role("main")).to_contain_text("Laptop")


async def pages_of_agents(app_server: AppServer, person: Person, admin: Person) -> list[str]:
    """Every page of this area, with long names and many tools."""
    agent = person.agents[0]
    async with app_server.browser_of(admin) as browser:
        other = await app_server.hire("voice", agents=0)
        waiting = await make_agent(
            browser, other.id, name="Unbroken" * 20, description="Unbroken" * 20, first_message="Hello"
        )
        await browser.post(f"/agents/{waiting}/first-call", data={"waiting": "yes"})
        for number, mode in enumerate(("runs", "shown", "asks", "refused")):
            form = tool_form(
                tool_name=f"a_tool_{'x' * 60}_{number}",
                description="Unbroken" * 30,
                mode=mode,
                limit_argument="amount",
                refuses_above="500.50",
                uses_per_interaction="2",
            )
            await browser.post(f"/agents/{agent.id}/tools", data=form)
    tool = await row(
        app_server, "select id from agent_tools where agent_id = $1 and mode = 'refused'", agent.id
    )
    one = f"/agents/{agent.id}"
    return [
        "/agents", "/agents?q=nobody-has-this", "/agents/new", "/agents/new?template=yes", "/setup", "/people/new?then=setup", one,
        f"{one}?version=1&read=yes", f"{one}/edit", f"{one}/clone", f"{one}/move", f"{one}/tools/new", f"{one}/tools/{tool['id']}",
        f"{one}/tools/import", f"{one}/setup/tools", f"/agents/{waiting}", f"/agents/{waiting}/first-call",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        pytest.param(360, "dark", marks=pytest.mark.full),
        pytest.param(1440, "light", marks=pytest.mark.full),
        pytest.param(360, "light", marks=pytest.mark.full),
        pytest.param(1440, "dark", marks=pytest.mark.full),
    ],
)
async def test_axe_finds_nothing_on_the_pages_of_agents(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: str, width: int
) -> None:
    admin = await app_server.hire("admin")
    page = await sign_in(admin)
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": width, "height": 900})
    for path in await pages_of_agents(app_server, voice, admin):
        await page.goto(path)
        assert not await complaints(page), path
    other = await sign_in(voice)
    await other.set_viewport_size({"width": width, "height": 900})
    for path in ("/agents", f"/agents/{voice.agents[0].id}", f"/agents/{voice.agents[0].id}/edit"):
        await other.goto(path)
        assert not await complaints(other), path


@pytest.mark.full
async def test_no_page_of_agents_scrolls_sideways(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    admin = await app_server.hire("admin")
    page = await sign_in(admin)
    for path in await pages_of_agents(app_server, voice, admin):
        await page.goto(path)
        await fits(page, path)

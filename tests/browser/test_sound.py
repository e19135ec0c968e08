"""Alerts for a person who looks elsewhere, with the real audio and the real focus of a Chromium that has a screen."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.app_server import DEADLINE, AppServer, Person
from tests.browser import chromium
from tests.browser.conftest import sign_in_with
from tests.children import ending_with_us
from tests.conftest import a_folder, until

pytestmark = [pytest.mark.browser, pytest.mark.full]

# Counts what is played while it can be heard, and what is notified.
COUNTER = """(() => {
  window.rings = 0;
  window.notes = [];
  const create = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function (...given) {
    if (this.state === "running") window.rings += 0.5;  // two tones a ring
    window.audio = this;
    return create.apply(this, given);
  };
  window.Notification = class {
    static permission = "granted";
    constructor(title) { window.notes.push(title); }
  };
})();"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display of its own: where there is none, Chromium has neither a window that loses focus nor an autoplay policy."""
    program = shutil.which("Xvfb")
    assert program, "Xvfb is not installed (Debian: xvfb)"
    read, write = os.pipe()
    process = subprocess.Popen(
        [program, "-displayfd", str(write), "-screen", "0", "1440x900x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
        preexec_fn=ending_with_us(signal.SIGKILL),  # noqa: PLW1509
    )
    os.close(write)
    with os.fdopen(read) as number:
        yield f":{number.readline().strip()}"
    process.terminate()
    process.wait(DEADLINE)


@pytest.fixture
async def windows(screen: str) -> AsyncIterator[Browser]:
    path = chromium.find()
    assert path is not None, chromium.ADVICE
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=str(path),
            headless=False,
            args=[*chromium.arguments(), "--autoplay-policy=document-user-activation-required"],
            env={**os.environ, "DISPLAY": screen},
        )
        yield running
        await running.close()


@pytest.fixture
async def context(windows: Browser, app_server: AppServer) -> BrowserContext:
    made = await windows.new_context(base_url=app_server.url)
    made.set_default_timeout(1000 * DEADLINE)
    await made.add_init_script(COUNTER)
    return made


async def focus(page: Page, *, emulated: bool) -> None:
    """Playwright makes every page believe that it is focused and visible. Without that, the browser reports the truth."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setFocusEmulationEnabled", {"enabled": emulated})


async def test_a_restored_tab_says_that_it_is_blocked_until_the_first_click(
    app_server: AppServer, voice: Person, context: BrowserContext
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    page = await context.new_page()
    await sign_in_with(page, voice)
    control = page.locator("[data-sound]")
    await expect(control).to_have_attribute("data-state", "off")
    await control.get_by_role("button", name="Turn on").click()
    await expect(control).to_contain_text("Sound on")
    assert await page.evaluate("window.rings") == 1, "one can hear what was turned on"
    await control.get_by_role("button", name="Test").click()
    assert await page.evaluate("window.rings") == 2
    await page.close()
    page = await context.new_page()  # nobody has clicked in it
    await page.goto("/")
    control = page.locator("[data-sound]")
    await expect(control).to_contain_text("Sound blocked until you click or press a key")
    asked = await app_server.ask(agent, interaction)
    await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible()
    assert await page.evaluate("window.rings") == 0
    await page.mouse.click(5, 5)
    await expect(control).to_contain_text("Sound on")
    await page.wait_for_function("() => window.rings === 1")  # what was missed, since the request still waits
    assert await page.evaluate("window.audio.state") == "running"
    await control.get_by_role("button", name="Turn off").click()
    await expect(control).to_contain_text("Sound off")
    await app_server.ask(agent, interaction)
    await expect(page.locator(".tool-permission.pending")).to_have_count(2)
    assert await page.evaluate("window.rings") == 1


async def test_one_ring_and_one_notification_a_browser_however_many_tabs(
    app_server: AppServer, voice: Person, context: BrowserContext
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    first = await context.new_page()
    await sign_in_with(first, voice)
    await first.locator("[data-sound]").get_by_role("button", name="Turn on").click()
    pages = [first]
    for path in ("/", "/", f"/interactions/{interaction}"):
        page = await context.new_page()
        await page.goto(path)
        await page.mouse.click(5, 5)
        await expect(page.locator("[data-sound]")).to_contain_text("Sound on")
        pages.append(page)
    before = sum([await page.evaluate("window.rings") for page in pages])
    elsewhere = await context.new_page()  # the person looks at another page, and works in another window
    await elsewhere.bring_to_front()
    for page in pages:
        await focus(page, emulated=False)
        assert not await page.evaluate("document.hasFocus()")
    asked = await app_server.ask(agent, interaction)
    for page in pages:
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_have_count(1)
    await pages[0].wait_for_timeout(3000)
    assert sum([await page.evaluate("window.rings") for page in pages]) - before == 1
    notes = [note for page in pages for note in await page.evaluate("window.notes")]
    assert len(notes) == 1, notes
    assert "issue_refund" in notes[0]
    restored = await context.new_page()  # nobody has clicked in it
    await restored.goto("/")
    await expect(restored.locator("[data-sound]")).to_contain_text("blocked")
    await focus(pages[1], emulated=True)
    asked = await app_server.ask(agent, interaction)
    for page in pages:
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_have_count(1)
    await pages[0].wait_for_timeout(3000)
    notes = [note for page in pages for note in await page.evaluate("window.notes")]
    assert len(notes) == 1, "a person who looks at the page sees it"
    assert sum([await page.evaluate("window.rings") for page in pages]) - before == 2
    await restored.mouse.click(5, 5)
    await expect(restored.locator("[data-sound]")).to_contain_text("Sound on")
    await restored.wait_for_timeout(500)
    assert await restored.evaluate("window.rings") == 0, "another tab has rung for it"


def start(screen: str, folder: Path) -> "subprocess.Popen[bytes]":
    path = chromium.find()
    assert path is not None, chromium.ADVICE
    ours = ["--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    return subprocess.Popen(
        [str(path), *chromium.arguments(), *ours],
        env={**os.environ, "DISPLAY": screen},
        stderr=subprocess.DEVNULL,
        preexec_fn=ending_with_us(signal.SIGKILL),  # noqa: PLW1509
    )


@asynccontextmanager
async def as_people_have_it(screen: str) -> AsyncIterator[BrowserContext]:
    """Chromium without what Playwright adds: its tabs are hidden, and their timers slowed down."""
    with a_folder() as folder:
        process = start(screen, folder)
        port = folder / "DevToolsActivePort"
        await until(lambda: port.exists() and port.read_text().count("\n"))
        address = f"http://127.0.0.1:{port.read_text().split()[0]}"
        async with async_playwright() as playwright:
            running = await playwright.chromium.connect_over_cdp(address, no_defaults=True)
            yield running.contexts[0]
            await running.close()
        process.terminate()
        process.wait(DEADLINE)


async def test_a_hidden_tab_whose_timers_are_slowed_down_leads_on(
    app_server: AppServer, voice: Person, screen: str
) -> None:
    """Chromium runs timers of a page that was hidden for five minutes once a minute (intensive throttling)."""
    async with as_people_have_it(screen) as context:
        context.set_default_timeout(1000 * DEADLINE)
        leader, follower = await context.new_page(), await context.new_page()
        await leader.bring_to_front()
        await sign_in_with(leader, voice, app_server.url)
        interaction = await app_server.start(voice.agents[0])
        await follower.bring_to_front()
        await follower.goto(app_server.url)
        await expect(follower.locator("#connection")).to_have_text("Live")
        assert await leader.evaluate("document.hidden")
        for page in (leader, follower):
            await page.evaluate(
                """() => {
                  window.states = new Set();
                  document.addEventListener("connection:changed", () => window.states.add(document.getElementById("connection").dataset.state));
                }"""
            )
        await asyncio.sleep(345)
        slow = await leader.evaluate(
            """async () => {
              const began = performance.now();
              for (let n = 0; n < 7; n++) await new Promise((done) => setTimeout(done, 10));
              return performance.now() - began;
            }"""
        )
        assert slow > 5_000, "the browser does slow it down"
        asked = await app_server.ask(voice.agents[0], interaction)
        await expect(follower.locator(f"#tool-permission-{asked['id']}")).to_be_visible(timeout=5_000)
        for page in (leader, follower):
            await expect(page.locator("#connection")).to_have_text("Live")
            assert await page.evaluate("[...window.states]") == []

"""A real Chromium for the session, a fresh context for every person who opens a page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.browser import chromium

SignIn: TypeAlias = Callable[[Person], Awaitable[Page]]

expect.set_options(timeout=1000 * DEADLINE)


@pytest.fixture(scope="session")
async def running_browser() -> AsyncIterator[Browser]:
    path = chromium.find()
    assert path is not None, chromium.ADVICE
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=str(path), args=chromium.arguments())
        yield running
        await running.close()


@pytest.fixture
async def browser(running_browser: Browser) -> AsyncIterator[Browser]:
    """The browser of the session. What a failed test has left open is closed, because an open page takes a processor's time."""
    yield running_browser
    for context in running_browser.contexts:
        await context.close()


async def press(button: Locator) -> None:
    """Click a button once it is alive.

    Playwright's click waits for that too, but scrolls the page meanwhile, and a click right after it comes when the buttons have just moved.
    """
    await expect(button).to_be_enabled()
    await button.click()


async def _enter(page: Page, person: Person, at: str = "") -> None:
    await page.goto(f"{at}/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def sign_in_with(page: Page, person: Person, at: str = "") -> None:
    """Sign in by the form, and wait until the page is live."""
    await _enter(page, person, at)
    await expect(page.locator("#connection")).to_have_text("Live")


@asynccontextmanager
async def without_javascript(browser: Browser, app_server: AppServer, person: Person) -> AsyncIterator[Page]:
    """The first page of somebody who is signed in, in a browser that runs no scripts."""
    context = await browser.new_context(base_url=app_server.url, java_script_enabled=False)
    page = await context.new_page()
    await _enter(page, person)
    yield page
    await context.close()


@asynccontextmanager
async def signed_in_at(
    browser: Browser, app_server: AppServer, person: Person, script: str = ""
) -> AsyncIterator[Page]:
    """Somebody's live page at an app server of its own, in which a script runs before all others."""
    context = await browser.new_context(base_url=app_server.url)
    context.set_default_timeout(1000 * DEADLINE)
    if script:
        await context.add_init_script(script)
    page = await context.new_page()
    await sign_in_with(page, person)
    yield page
    await context.close()


@pytest.fixture
async def sign_in(browser: Browser, app_server: AppServer) -> AsyncIterator[SignIn]:
    """Sign in by the form. A complaint of the page (CSP, script error) fails the test."""
    complaints: list[str] = []
    contexts = []

    def hear(message: ConsoleMessage) -> None:
        # A refused request or a lost connection is expected in tests that cause it.
        expected = ("Failed to load resource", "Failed to fetch", "network error", "SSE reconnect failed")
        if message.type == "error" and not any(words in message.text for words in expected):
            complaints.append(message.text)

    async def open_page(person: Person) -> Page:
        context = await browser.new_context(base_url=app_server.url)
        context.set_default_timeout(1000 * DEADLINE)
        contexts.append(context)
        page = await context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await sign_in_with(page, person)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert not complaints

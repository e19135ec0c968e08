"""A picture of every page in every width and theme, busy and empty, in a folder that git ignores: `make pictures`.

python -m tests.pictures [FOLDER] [WORD]…   only the pages whose name has one of the words

The pages are found by following links from the first page, one of each kind, so a new page is in it by itself.
"""

import asyncio
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, FloatRect, Page, async_playwright
from playwright.async_api import Error as BrowserError

from tests.app_server import AppServer
from tests.browser import chromium
from tests.conftest import ROOT, a_folder, free_port, serving

FOLDER = ROOT / ".pictures"
WIDTHS = (360, 768, 1440, 2560)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HIGHEST = 4_000  # px of a picture
PLAYED = 60  # s that the demo plays before the first picture
EACH = 2  # pages of one path: lists have a filter in each link
PASSWORD = "floorwalker"  # of the sample people
PEOPLE = {
    "nobody": None,
    "supervisor": "supervisor1@example.com",
    "chats": "supervisor2@example.com",
    "admin": "admin@example.com",
}
FIRST = {
    "nobody": ("/login", "/nothing"),
    "supervisor": ("/", "/nothing"),
    "chats": ("/",),
    "admin": ("/", "/nothing"),
}
# What changes from page to page of one kind, and what is no page.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+(?=/|$)")
_NO_PAGE = re.compile(r"\.csv|\.json|^/logout|^/static|^/api/openapi|^/metrics|^/stream")


def path_of(address: str) -> str:
    """The path without ids: /interactions/3f…/print → interactions-id-print."""
    return _ID.sub("id", urlsplit(address).path).strip("/").replace("/", "-") or "first"


def kind_of(address: str) -> str:
    """/interactions/3f…/print?list=a → interactions-id-print; the values of a query do not count, but what the last part is named does."""
    parts = urlsplit(address)
    names = sorted(
        {one.partition("=")[0] for one in parts.query.split("&") if one}
        - {"list", "place", "after", "before", "days"}
    )
    return "-".join([path_of(address), *names[:2]])


async def _enter(page: Page, url: str, person: str | None) -> None:
    if person is None:
        return
    await page.goto(f"{url}/login")
    await page.get_by_label("E-mail").fill(person)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/")


async def _pages(page: Page, url: str, first: tuple[str, ...]) -> dict[str, str]:
    """An address of each kind of page."""
    found = {kind_of(path): path for path in first}
    waiting = list(found.values())
    seen = Counter(path_of(path) for path in first)
    while waiting:
        address = waiting.pop(0)
        await page.goto(url + address)
        if path_of(page.url) != path_of(address):  # it leads to another page, as to signing in
            del found[kind_of(address)]
            continue
        hrefs: list[str] = await page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)")
        for href in hrefs:
            address = href.removeprefix(url).partition("#")[0]
            if not address.startswith("/") or _NO_PAGE.search(address) or kind_of(address) in found:
                continue
            seen[path_of(address)] += 1
            if seen[path_of(address)] > EACH:
                continue
            found[kind_of(address)] = address
            waiting.append(address)
    return found


async def _take(page: Page, address: str, name: str, folder: Path) -> None:
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(address)
            if await page.locator("#connection[data-state=page]").count():
                await page.wait_for_timeout(1500)
            await page.wait_for_timeout(300)
            high = await page.evaluate("document.documentElement.scrollHeight")
            clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(high, HIGHEST)}
            await page.screenshot(path=folder / f"{name}-{width}-{theme}.png", clip=clip, full_page=True)


async def _visit(browser: Browser, app_server: AppServer, state: str, folder: Path, words: list[str]) -> None:
    for role, person in PEOPLE.items():
        context = await browser.new_context()
        page = await context.new_page()
        await _enter(page, app_server.url, person)
        for kind, path in sorted((await _pages(page, app_server.url, FIRST[role])).items()):
            name = f"{state}-{role}-{kind}"
            if words and not any(word in name for word in words):
                continue
            if role != "nobody" and kind.startswith(("docs", "api")):
                continue  # the same for everybody
            try:
                await _take(page, app_server.url + path, name, folder)
            except BrowserError as error:  # one page less, and the others are still wanted
                print(f"{name}: {error.message.splitlines()[0]}", file=sys.stderr)
        await context.close()


async def run(folder: Path, words: list[str]) -> None:
    """All pictures."""
    path = chromium.find()
    assert path is not None, chromium.ADVICE
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(path), args=chromium.arguments())
        for state, options in (("busy", ("--demo",)), ("empty", ())):
            with a_folder() as home, serving(home / "home", free_port(), *options) as app_server:
                if state == "busy":
                    await asyncio.sleep(PLAYED)
                await _visit(browser, app_server, state, folder, words)
        await browser.close()


def main(folder: Path, words: list[str]) -> None:
    """Take them; those of before are removed."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    asyncio.run(run(folder, words))
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER, sys.argv[2:])

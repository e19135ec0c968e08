"""A page that refuses keeps the navigation, and leads to the viewer's home."""

import re
from typing import Literal

import httpx
import pytest

from tests.app_server import DEADLINE, AppServer

HOMES = {"voice": "Back to the floor", "admin": "Back to the wallboard"}


@pytest.mark.parametrize("role", ["voice", "admin"])
async def test_every_refusal_keeps_the_frame(app_server: AppServer, role: Literal["voice", "admin"]) -> None:
    person = await app_server.hire(role)
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"}
    async with app_server.browser_of(person) as browser:
        pages = {
            404: await browser.get("/nowhere"),
            405: await browser.delete("/"),
            413: await browser.post("/account/name", content=b"name=" + b"x" * 300_000),
            415: await browser.post("/account/name", headers=form, content=b"name=x"),
            422: await browser.post("/account/name", content=b"name=x"),
        }
        if role == "voice":
            pages[403] = await browser.get("/people")
    for status, page in pages.items():
        assert page.status_code == status
        assert person.name in page.text
        assert '<nav aria-label="Pages">' in page.text
        assert re.search(rf'<a class="button" href="/">{HOMES[role]}</a>', page.text)


async def test_a_outsider_is_led_to_the_sign_in_page(app_server: AppServer) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        page = await browser.get("/nowhere")
    assert page.status_code == 404
    assert "<nav" not in page.text
    assert '<a class="button" href="/">Sign in</a>' in page.text


async def test_a_fragment_is_a_line_of_text(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser:
        answer = await browser.get("/nowhere", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (404, "There is nothing at this address.")

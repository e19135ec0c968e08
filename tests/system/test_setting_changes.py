"""The settings page over real HTTP: who changes what, what the environment fixes, and that every process follows at once."""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx
import pytest

from tests.app_server import AppServer
from tests.auth_process import hosted
from tests.conftest import a_folder, free_port, prepared, serving, until

NUMBERS = "permission_seconds stale_seconds reap_seconds critical_below pending_per_agent metrics_hours archive_days"
OF_LINES = "Wrong amount or details\nConfirm with the customer first\nNot allowed by policy"


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


async def now_of(app_server: AppServer, name: str) -> str:
    async with app_server.database() as owner:
        found = "select coalesce(value::text, words) from private.settings where name = $1"
        return str(await owner.fetchval(found, name))


async def save(
    browser: httpx.AsyncClient, app_server: AppServer, name: str, value: str, **more: str
) -> httpx.Response:
    """Save a value as the form does that shows what holds now."""
    seen = more.pop("seen", None) or await now_of(app_server, name)
    return await browser.post(f"/settings/{name}", data={"value": value, "seen": seen, **more})


@asynccontextmanager
async def put_back(app_server: AppServer) -> AsyncIterator[None]:
    """Whatever the block chooses, what held before holds again."""
    async with app_server.database() as owner:
        before = await owner.fetch("select name, value, words, chosen from private.settings")
        yield
        await owner.executemany(
            "update private.settings set value = $2, words = $3, chosen = $4 where name = $1",
            [tuple(row) for row in before],
        )
        await owner.execute("select pg_notify('floor', 'settings:')")


async def test_what_an_admin_saves_holds_and_the_page_says_who_changed_it(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser, put_back(app_server):
        saved = await save(browser, app_server, "stale_seconds", " 35 ")
        assert (saved.status_code, saved.headers["location"]) == (
            303,
            "/settings?saved=stale_seconds#stale_seconds",
        )
        page = (await browser.get(saved.headers["location"])).text
        assert "Silent after: saved" in text_of(page)
        assert f"{admin.name} changed it" in text_of(page)
        assert re.search(rf"{admin.name} Silent after 20 seconds 35 seconds", text_of(page))
        async with app_server.database() as owner:
            assert await owner.fetchval("select private.setting('stale_seconds')") == 35
            told = await owner.fetchrow(
                "select actor_id, changes from audit_logs where row_id = 'stale_seconds' order by id desc limit 1"
            )
            assert told is not None
            assert (told["actor_id"], told["changes"]) == (admin.id, {"value": [20, 35]})
        back = await save(browser, app_server, "stale_seconds", "99", initial="yes")
        assert back.status_code == 303
        assert await now_of(app_server, "stale_seconds") == "20"


async def test_a_double_click_is_one_change_and_a_stale_page_changes_nothing(app_server: AppServer) -> None:
    admin, other = await app_server.hire("admin"), await app_server.hire("admin")
    async with (
        app_server.browser_of(admin) as browser,
        app_server.browser_of(other) as late,
        app_server.database() as owner,
        put_back(app_server),
    ):
        count = "select count(*) from setting_changes where name = 'critical_below'"
        before = await owner.fetchval(count)
        clicks = [save(browser, app_server, "critical_below", "55", seen="40") for _ in range(2)]
        assert [one.status_code for one in await asyncio.gather(*clicks)] == [303, 303]
        assert await owner.fetchval(count) == before + 1
        refused = await save(late, app_server, "critical_below", "60", seen="40")
        assert refused.status_code == 409
        assert "It was changed meanwhile" in text_of(refused.text)
        assert 'value="55"' in refused.text  # the form shows the truth
        assert await now_of(app_server, "critical_below") == "55"
        # Two who save at once from the same page: one of them is told.
        pair = [
            save(browser, app_server, "critical_below", "61", seen="55"),
            save(late, app_server, "critical_below", "62", seen="55"),
        ]
        assert sorted(one.status_code for one in await asyncio.gather(*pair)) == [303, 409]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("permission_seconds", "361", "whole number from 30 to 360"),
        ("permission_seconds", "29", "whole number from 30 to 360"),
        ("permission_seconds", "", "whole number"),
        ("permission_seconds", "6 minutes", "whole number"),
        ("permission_seconds", "-60", "whole number"),
        ("permission_seconds", "1e2", "whole number"),
        ("permission_seconds", "\uff19\uff10", "whole number"),
        ("permission_seconds", "99999999999999999999", "whole number"),
        ("critical_below", "101", "from 1 to 100"),
        ("critical_below", "0", "whole number"),
        ("stale_seconds", "600", "silent before its interaction fails"),
        ("reap_seconds", "60\x00", "cannot be stored"),
        ("metrics_hours", "2161", "not kept longer than archives"),
        ("reasons", "\n".join(f"Reason {n}" for n in range(13)), "at most 12 lines"),
        ("reasons", "x" * 101, "1 to 100 characters"),
        ("reasons", "a\x07b", "12 lines of 1 to 100"),
    ],
)
async def test_bad_input_is_refused_in_words_and_stays_in_the_form(
    app_server: AppServer, name: str, value: str, sentence: str
) -> None:
    admin = await app_server.hire("admin")
    before = await now_of(app_server, name)
    async with app_server.browser_of(admin) as browser:
        refused = await save(browser, app_server, name, value)
    assert refused.status_code == 422
    assert sentence in text_of(refused.text)
    if "\x00" not in value:
        assert 'aria-invalid="true"' in refused.text
    assert await now_of(app_server, name) == before


async def test_less_retention_asks_before_it_deletes(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser, put_back(app_server):
        asked = await save(browser, app_server, "archive_days", "80")
        assert asked.status_code == 422
        assert "Archives that are older are deleted for good" in text_of(asked.text)
        assert 'value="80"' in asked.text
        assert await now_of(app_server, "archive_days") == "90"
        assert (await save(browser, app_server, "archive_days", "80", confirmed="yes")).status_code == 303
        assert await now_of(app_server, "archive_days") == "80"
        assert (await save(browser, app_server, "archive_days", "100")).status_code == 303  # nothing is lost
        asked = await save(browser, app_server, "archive_days", "", initial="yes")
        assert asked.status_code == 422
        assert "deleted for good" in text_of(asked.text)
        assert await now_of(app_server, "archive_days") == "100"


async def test_only_admins_see_and_change_settings(app_server: AppServer) -> None:
    voice = await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get("/settings")).status_code == 403
        assert (await save(browser, app_server, "stale_seconds", "35")).status_code == 403
        assert 'href="/settings"' not in (await browser.get("/")).text
    async with app_server.browser_of(None) as visitor:
        assert (await visitor.get("/settings")).headers["location"].startswith("/login")
        assert (await save(visitor, app_server, "stale_seconds", "35")).status_code == 303
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser:
        for name in ("execute_seconds", "nonsense", "x" * 5000, "archive_days' or true"):
            assert (
                await browser.post(f"/settings/{name}", data={"value": "1", "seen": "1"})
            ).status_code == 404
    assert await now_of(app_server, "stale_seconds") == "20"


async def test_every_process_follows_a_change_and_after_a_restart_too() -> None:
    """Two processes on one database: a change through one holds in both at once; an environment wins while it is there."""
    with a_folder() as folder, serving(prepared(folder / "home"), free_port()) as first:
        admin, voice = await first.hire("admin"), await first.hire("voice")
        live = await first.start(voice.agents[0])

        async def left(app_server: AppServer) -> float:
            asked = await app_server.ask(voice.agents[0], live)
            expires, requested = (
                dt.datetime.fromisoformat(asked[key]) for key in ("expires_at", "requested_at")
            )
            return (expires - requested).total_seconds()

        with serving(folder / "web", free_port(), **hosted(first)) as web:
            second = AppServer(web.url, first.home, web.process, web.log)
            async with first.browser_of(admin) as browser, second.browser_of(voice) as other:
                assert (await save(browser, first, "permission_seconds", "77")).status_code == 303
                assert [await left(first), await left(second)] == [77, 77]
                assert (
                    await save(browser, first, "reasons", "Ask me <first>\n\n  Too  much ")
                ).status_code == 303
                assert (await save(browser, first, "stale_seconds", "44")).status_code == 303

                async def shows() -> bool:
                    page = (await other.get("/")).text
                    return "Ask me &lt;first&gt;" in page and 'data-stale="44"' in page

                await until(shows)
                assert "Too much" in (await other.get("/")).text
                assert "Not allowed by policy" not in (await other.get("/")).text
        fixes = {"PERMISSION_SECONDS": "50", "REASONS": "One; Two", "ARCHIVE_DAYS": "30"}
        with serving(folder / "web", free_port(), **hosted(first), **fixes):
            async with first.browser_of(admin) as browser:
                page = text_of((await browser.get("/settings")).text)
                assert "50 seconds fixed by the environment: PERMISSION_SECONDS" in page
                assert "Without it the chosen 77 would hold" in page
                assert "One Two fixed by the environment: REASONS" in page
                assert await left(first) == 50
                refused = await save(browser, first, "permission_seconds", "60")
                assert refused.status_code == 409
                assert "the environment of the server fixes PERMISSION_SECONDS" in text_of(
                    refused.text
                ).replace("The env", "the env")
                # The environment leaves a pair of settings in order.
                assert (await save(browser, first, "metrics_hours", "720")).status_code == 303
                assert (await save(browser, first, "metrics_hours", "721")).status_code == 422
        with serving(folder / "web", free_port(), **hosted(first), ARCHIVE_DAYS="10"):
            assert await now_of(first, "metrics_hours") == "240"  # no longer than archives
        with serving(folder / "web", free_port(), **hosted(first)):
            assert await now_of(first, "metrics_hours") == "720"
            assert await now_of(first, "permission_seconds") == "77"
            assert await now_of(first, "reasons") == "Ask me <first>\nToo much"
            async with first.browser_of(admin) as browser:
                assert "the environment Time to decide" in text_of((await browser.get("/settings")).text)

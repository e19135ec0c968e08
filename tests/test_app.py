"""The tasks of the application: one that dies starts again."""

from collections.abc import Iterator

import pytest

from tests.app_server import DEADLINE, AppServer
from tests.conftest import a_folder, free_port, prepared, serving, until


@pytest.fixture(scope="module")
def alone() -> Iterator[AppServer]:
    """A server whose database may be broken."""
    with (
        a_folder() as folder,
        serving(prepared(folder / "home"), free_port(), PERMISSION_SECONDS="2") as app_server,
    ):
        yield app_server


async def test_the_sweeper_goes_on_after_what_killed_it_is_mended(alone: AppServer) -> None:
    agent = (await alone.hire("voice")).agents[0]
    async with alone.database() as owner:
        await owner.execute("alter function private.sweep(text) rename to swept_away")
        await until(lambda: '"task_died"' in alone.log.read_text())
        asked = await alone.ask(agent, await alone.start(agent))
        await owner.execute("alter function private.swept_away(text) rename to sweep")

        async def expired() -> bool:
            status = await owner.fetchval(
                "select status from public.tool_permissions where id = $1", asked["id"]
            )
            return bool(status == "timeout")

        await until(expired)


async def test_pages_that_cannot_be_read_say_stale_and_return_by_themselves(alone: AppServer) -> None:
    person = await alone.hire("chat")
    seen: list[str] = []
    async with (
        alone.database() as owner,
        alone.browser_of(person) as browser,
        browser.stream("GET", "/stream?page=floor", timeout=DEADLINE) as stream,
    ):
        lines = stream.aiter_lines()

        async def read_until(words: str) -> None:
            async for line in lines:
                seen.append(line)
                if words in line:
                    return
            raise AssertionError(seen[-20:])

        await read_until('id="agents"')
        await owner.execute("alter function private.read_audiences_v2(jsonb) rename to unread")
        interaction = await alone.start(person.agents[0])
        await read_until('data-state="stale"')
        await owner.execute("alter function private.unread(jsonb) rename to read_audiences_v2")
        await read_until('data-state="live"')
        await read_until(interaction)


async def test_two_servers_of_one_machine_keep_a_browser_signed_in_to_both(
    app_server: AppServer, alone: AppServer
) -> None:
    """Cookies ignore ports: both sign-ins are kept in one browser."""
    here, there = await app_server.hire("voice"), await alone.hire("voice")
    async with app_server.browser_of(here) as first, alone.browser_of(there) as second:
        second.cookies.update(first.cookies)
        first.cookies.update(second.cookies)
        for client, person in ((first, here), (second, there)):
            page = await client.get("/")
            assert page.status_code == 200
            assert person.name in page.text

"""An allow that no agent comes back for: the person who gave it is told on the page, in its line."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import armed, card_of

pytestmark = pytest.mark.browser

SECONDS = 4  # in which an agent has to come back for an allow


@pytest_asyncio.fixture
async def short_time_to_run(app_server: AppServer) -> AsyncIterator[None]:
    """What is allowed has to run within a few seconds."""
    change = "update private.settings set value = $1 where name = 'execute_seconds'"
    async with app_server.database() as owner:
        usual = await owner.fetchval("select private.setting('execute_seconds')")
        await owner.execute(change, SECONDS)
        try:
            yield
        finally:
            await owner.execute(change, usual)


@pytest.mark.usefixtures("short_time_to_run")
async def test_who_allowed_is_told_that_the_agent_did_not_come_back(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    asked = await app_server.ask(agent, interaction)
    collected = await app_server.ask(agent, interaction, arguments={"amount": 2})
    card, other = card_of(page, asked), card_of(page, collected)
    await armed(page, asked)
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card.get_by_text("to run by")).to_be_visible()
    height = await card.evaluate("card => card.offsetHeight")
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        path = f"/tool-permissions/{collected['id']}"
        assert (
            await browser.post(f"{path}/decision", data=decision(collected, "allowed"))
        ).status_code == 303
        claim = {"arguments_digest": collected["arguments_digest"]}
        assert (await api.post(f"{path}/execution", json=claim)).status_code == 201
        await expect(card.get_by_text("not run: the agent did not come back")).to_be_visible()
        await expect(card.get_by_text("to run by")).to_be_hidden()
        await expect(page.locator("#announcement")).to_contain_text("not run: the agent did not come back")
        await expect(page.locator("#announcement")).not_to_contain_text("to run by")
        assert await card.evaluate("card => card.offsetHeight") == height
        await expect(other).to_contain_text("executed")
        await expect(other.get_by_text("not run")).to_have_count(0)
        # However many others were answered meanwhile.
        for number in range(6):
            one = await app_server.ask(agent, interaction, arguments={"n": number})
            answer = await browser.post(
                f"/tool-permissions/{one['id']}/decision", data=decision(one, "denied")
            )
            assert answer.status_code == 303
        for address in ("/", f"/interactions/{interaction}"):
            shown = (await browser.get(address)).text
            assert f'id="tool-permission-{asked["id"]}"' in shown, address
            assert f'id="tool-permission-{collected["id"]}"' not in shown, address

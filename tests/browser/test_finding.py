"""The page Interactions where counting takes longer than a page may: the rows come at once, the numbers follow."""

import re

import pytest
from playwright.async_api import expect

from tests.app_server import AppServer
from tests.browser.conftest import SignIn
from tests.interactions.test_interaction_search import finish

pytestmark = pytest.mark.browser

COUNT = "private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[])"


async def test_rows_come_before_a_count_that_takes_long(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice")
    for csat in (60, 80):
        await finish(app_server, person, archive={"csat_score": csat})
    await app_server.start(person.agents[0])
    page = await sign_in(person)
    async with app_server.database() as owner:
        function: str = await owner.fetchval("select pg_get_functiondef($1::text::regprocedure)", COUNT)
        await owner.execute(
            function.replace("\nbegin\n", "\nbegin\n  perform pg_catalog.pg_sleep(0.5);\n", 1)
        )
        try:
            answer = await page.goto("/interactions")
            assert answer is not None
            source = await answer.text()
            await expect(page.locator("#counted")).to_have_text("2 ended")
            assert "2 ended, 1 live now" in await page.locator("main").inner_text()
        finally:
            await owner.execute(function)
    assert len(re.findall('data-label="Duration"', source)) == 3
    assert "not counted yet" in source
    await expect(page.locator("#averages")).to_contain_text("Average CSAT 70 %")

"""The filter of the page Interactions for test interactions: ended ones, live ones, and the count."""

import re

from tests.app_server import AppServer, Person
from tests.interactions.test_interaction_search import EVERYTHING, finish, found


async def test_tests_are_found_alone_or_left_out(app_server: AppServer, voice: Person) -> None:
    (agent,) = voice.agents
    real = await finish(app_server, voice, phone_number="+18505550101")
    async with app_server.database() as owner:
        await owner.execute("update agents set setup_began_at = now() where id = $1", agent.id)
    test = await finish(app_server, voice, phone_number="+18505550101")
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser:
        for query, expected in (
            ("", [live, test, real]),
            ("test=no", [real]),
            ("test=yes", [live, test]),
            ("test=no&outcome=completed", [real]),
            ("test=yes&outcome=completed&q=8505550101", [test]),
            ("test=no&q=8505550101&up=yes", [real]),
        ):
            assert await found(browser, query) == expected, query
        page = (await browser.get(f"{EVERYTHING}&test=no")).text
        assert "of these 1 ended" in re.sub("<[^>]+>", "", page)
        assert "no tests" in page.partition('class="chips"')[2].partition("</p>")[0]

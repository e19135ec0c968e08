"""What a person types for a number, filters of live interactions, orders that leave some out, and views that stay shared."""

import csv
import io

import pytest

from tests.app_server import AppServer, Person, decision
from tests.interactions.test_interaction_search import finish, found

LONDON = "+442071838750"


@pytest.mark.parametrize(
    "typed",
    ["020 7183 8750", "(020) 7183-8750", "0044 20 7183 8750", "+44 (0)20 7183 8750", "+442071838750", "7183 8750", "02071838"],
)  # fmt: skip
async def test_a_number_is_found_as_people_write_it(app_server: AppServer, voice: Person, typed: str) -> None:
    ended = await finish(app_server, voice, phone_number=LONDON)
    await finish(app_server, voice, phone_number="+442071838751")
    live = await app_server.start(voice.agents[0], phone_number=LONDON)
    async with app_server.browser_of(voice) as browser:
        answer = await browser.get("/interactions", params={"days": "", "q": typed})
        assert answer.text.count(f'href="/interactions/{live}?') == 1
        assert answer.text.count(f'href="/interactions/{ended}?') == 1
        if typed != "02071838":
            other = await browser.get(
                "/interactions", params={"days": "", "q": typed.replace("8750", "8759")}
            )
            assert "No interactions match" in other.text


async def test_a_short_piece_of_a_number_means_itself(app_server: AppServer, voice: Person) -> None:
    with_zero = await finish(app_server, voice, phone_number="+18505550155")
    await finish(app_server, voice, phone_number="+18505551559")
    async with app_server.browser_of(voice) as browser:
        assert await found(browser, "q=0155") == [with_zero]


async def test_live_interactions_are_found_by_their_decisions_and_by_the_day(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    async with app_server.browser_of(voice) as browser:
        assert not await found(browser, "decision=denied")
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        assert await found(browser, "decision=denied") == [live]
        assert not await found(browser, "decision=allowed")
        assert await found(browser, "until=2999-01-01") == [live]
        assert not await found(browser, "until=2000-01-01")


async def test_a_file_has_also_what_an_order_leaves_out(app_server: AppServer, voice: Person) -> None:
    rated = await finish(app_server, voice, archive={"csat_score": 40})
    plain = await finish(app_server, voice)
    async with app_server.browser_of(voice) as browser:
        assert await found(browser, "sort=csat") == [rated]
        text = (await browser.get("/interactions.csv?days=&sort=csat")).text
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == [plain, rated]


async def test_a_shared_view_that_is_saved_again_stays_shared(app_server: AppServer, voice: Person) -> None:
    admin = await app_server.hire("admin")
    name = f"Of {admin.username}"
    async with app_server.browser_of(admin) as browser, app_server.browser_of(voice) as reader:
        for more in ({"shared": "yes"}, {}):
            await browser.post(
                "/interactions/views", data={"name": name, "query": f"days=30&q={len(more)}", **more}
            )
            assert name in (await reader.get("/interactions")).text
        assert "q=0" in (await reader.get("/interactions")).text.partition(name)[0][-200:]

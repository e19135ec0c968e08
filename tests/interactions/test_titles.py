"""The title of an interaction's page, as a tab and the history of a browser show it."""

from uuid import UUID

from tests.app_server import AppServer, Person


async def test_the_title_tells_two_interactions_of_one_customer_apart(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        await owner.execute(
            "update interactions set started_at = '2026-01-31 23:05:59+00' where id = $1", UUID(live)
        )
        for cookies, when in (
            ({}, "Jan 31, 2026, 23:05 UTC"),
            ({"zone": "Asia/Tokyo", "clock": "12"}, "Feb 1, 2026, 8:05 AM Asia/Tokyo"),
        ):
            for name, value in cookies.items():
                browser.cookies.set(name, value)
            html = (await browser.get(f"/interactions/{live}")).text
            title = html.partition("<title>")[2].partition("</title>")[0]
            assert title == f"{agent.name} and +1 850 ··· 0155, {when} · Interaction · Floorwalker"

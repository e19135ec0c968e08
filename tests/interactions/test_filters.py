"""What the filters of lists choose: links into a list, the form of the filters, and the way from one interaction to the next."""

import re
from html import unescape
from urllib.parse import urlencode
from uuid import UUID, uuid4

from tests.app_server import AppServer
from tests.database.acting import as_person
from tests.interactions.test_interaction_search import EVERYTHING, finish, found


async def test_neighbours_of_all_that_is_kept_are_those_of_the_list(app_server: AppServer) -> None:
    """An empty value of a filter is a choice of its own: all that is kept, and not the last 7 days."""
    person = await app_server.hire("voice")
    old, middle, new = [await finish(app_server, person) for _ in range(3)]
    async with app_server.browser_of(person) as browser, app_server.database() as owner:
        for one, days in ((old, 31), (middle, 30)):
            await owner.execute(
                "update interactions set started_at = started_at - make_interval(days => $2), ended_at = ended_at - make_interval(days => $2) where id = $1",
                UUID(one),
                days,
            )
        shown = (await browser.get(EVERYTHING)).text
        link = re.search(rf'href="(/interactions/{middle}[^"]+)"', shown)
        assert link
        page = (await browser.get(unescape(link[1]))).text
        ways = dict(re.findall(r'rel="(prev|next)" href="/interactions/([0-9a-f-]{36})', page))
        assert ways == {"prev": new, "next": old}


async def test_applying_filters_keeps_an_agent_that_the_choice_does_not_offer(
    app_server: AppServer,
) -> None:
    """One that is retired, or comes after the first 200: without it in the choice, the form would ask for every agent."""
    person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
    one, retired = person.agents
    mine = await finish(app_server, person, agent=1)
    await finish(app_server, person)
    unknown = str(uuid4())
    async with app_server.browser_of(person) as browser, app_server.database() as owner:
        async with as_person(app_server, admin, keep=True) as viewer:
            await viewer.execute("select from retire_agent($1)", retired.id)
        await owner.execute("update agents set name = 'Zoe' where id = $1", retired.id)
        for path in ("/interactions", "/tool-permissions", "/tool-permissions/times"):
            for agent, said in ((retired.id, "Zoe, retired"), (one.id, one.name), (unknown, "another agent")):
                page = (await browser.get(f"{path}?days=&agent={agent}")).text
                assert f'<option value="{agent}" selected>{said}</option>' in page, (path, said)
                assert page.count(f'value="{agent}"') == 1, "it is offered once"
            assert (
                str(retired.id)
                not in (await browser.get(f"{path}?days="))
                .text.partition('<select name="agent"')[2]
                .partition("</select>")[0]
            )
        assert await found(browser, f"agent={retired.id}") == [mine]


async def test_labels_of_any_length_and_letters_lead_to_their_interaction(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    long, issue = "Warranty " + "w" * 246, "i" * 255
    greek, german = "ΚΟΣΜΟΣ", "Öl"
    tags = {"topics": [long, greek, german], "issues": [{"tag": issue, "status": "resolved"}]}
    one = await finish(app_server, person, archive={"tags": tags})
    await finish(app_server, person, archive={"tags": {"topics": ["another"]}})
    async with app_server.browser_of(person) as browser:
        for name, value in (("topic", long), ("topic", greek), ("topic", german), ("tag", issue)):
            query = urlencode({name: value})
            assert await found(browser, query) == [one], value
            assert one in (await browser.get(f"/interactions.csv?days=&{query}")).text
        page = (await browser.get(EVERYTHING)).text
        links = [unescape(href) for href in re.findall(r'class="topic" href="([^"]+)"', page)]
        assert len(links) > 2
        for link in links:
            assert (await browser.get(link)).status_code == 200, link
        assert (await browser.get("/interactions?topic=" + "x" * 256)).status_code == 422
        assert (await browser.get("/tool-permissions?tool=" + "x" * 255)).status_code == 200


async def test_the_tag_that_a_row_is_found_by_is_on_its_line(app_server: AppServer) -> None:
    """Also one that the agent gave to an issue, and where the line has no space for all."""
    person = await app_server.hire("voice")
    issues = [{"tag": "lost & <gone>", "status": "resolved"}, {"tag": "Late", "status": "resolved"}]
    tags = {"topics": ["one", "two", "three"], "issues": issues}
    one = await finish(app_server, person, archive={"tags": tags})
    async with app_server.browser_of(person) as browser:
        for value, shown in (("late", "Late"), ("lost & <gone>", "lost &amp; &lt;gone&gt;")):
            page = (await browser.get(f"{EVERYTHING}&{urlencode({'tag': value})}")).text
            line = page.partition('data-label="Tags">')[2].partition("</td>")[0]
            assert re.findall(r'class="topic" href="[^"]+">([^<]+)</a>', line)[0] == shown
            assert "+2" in line
        page = (await browser.get(f"/interactions/{one}")).text
        assert (
            'href="/interactions?days=&amp;tag=lost%20%26%20%3Cgone%3E">lost &amp; &lt;gone&gt;</a>' in page
        )

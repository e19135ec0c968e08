"""What the filters of lists choose: links into a list, the form of the filters, and the way from one interaction to the next."""

import re
from html import unescape
from urllib.parse import urlencode
from uuid import UUID, uuid4

from tests.app_server import AppServer
from tests.database.acting import as_person
from tests.floor.test_views import measure
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
    issues = [{"tag": "a & b", "status": "resolved"}, {"tag": "Late", "status": "resolved"}]
    tags = {"topics": ["one", "two", "three"], "issues": issues}
    one = await finish(app_server, person, archive={"tags": tags})
    async with app_server.browser_of(person) as browser:
        for value, shown in (("late", "Late"), ("a & b", "a &amp; b")):
            page = (await browser.get(f"{EVERYTHING}&{urlencode({'tag': value})}")).text
            line = page.partition('data-label="Tags">')[2].partition("</td>")[0]
            assert re.findall(r'class="topic" href="[^"]+">([^<]+)</a>', line)[0] == shown
            assert "+2" in line
        page = (await browser.get(f"/interactions/{one}")).text
        assert 'href="/interactions?days=&amp;tag=a%20%26%20b">a &amp; b</a>' in page


async def test_live_interactions_are_found_by_what_people_and_their_systems_said(
    app_server: AppServer,
) -> None:
    """And not by what the database keeps around it: keys, ids and stamps."""
    person = await app_server.hire("voice", agents=2)
    agent, other = person.agents
    one = await app_server.start(
        agent, external_id="call-77fe", livekit_room_id="room-Blue", phone_number="sip:1001@pbx"
    )
    another = await app_server.start(other)
    for who, live in ((agent, one), (other, another)):
        await measure(
            app_server, who, live, sentiment="good", satisfaction_score=70, feed_text="Asks for 10% off"
        )
    await measure(app_server, agent, one, feed_text="Wants a kettle")
    async with app_server.api(agent) as api, app_server.browser_of(person) as browser:
        turn = {"speaker": "customer", "text": "My Toaster_2 is broken"}
        assert (await api.post(f"/interactions/{one}/turns", json=turn)).is_success
        for query, expected in (
            ("toaster", [one]), ("broken toaster", [one]), ("toaster kettle", []), ("WANTS kettle", [one]), ("10%", [another, one]), ("0%off", []),
            ("call-77", [one]), ("room-b", [one]), ("toaster_2", [one]), ("toaster2", []), ("_", [one]), ("1001", [one]), (one, [one]), (one.upper(), [one]),
            ("text", []), ("2026", []), ("+00:00", []), ('"', []), (str(uuid4()), []),
        ):  # fmt: skip
            assert await found(browser, urlencode({"q": query})) == expected, query


async def test_views_that_others_share_push_out_none_of_ones_own(app_server: AppServer) -> None:
    person, admin = await app_server.hire("voice"), await app_server.hire("admin")
    mark = uuid4().hex[:8]
    async with app_server.browser_of(person) as browser, app_server.database() as owner:
        await owner.execute(
            """insert into saved_views (user_id, page, name, filters, shared)
            select $1, 'interactions', 'A ' || $2::text || ' ' || n, '{}', true from generate_series(1, 61) n""",
            admin.id,
            mark,
        )
        try:
            form = {"name": f"Zebras {mark}", "query": "csat=low"}
            saved = await browser.post("/interactions/views", data=form)
            page = (await browser.get(saved.headers["location"])).text
            shown = re.findall(rf'<a href="/interactions\?[^"]*"[^>]*>([^<]*{mark}[^<]*)', page)
            assert shown[0] == f"Zebras {mark}"
            assert len(shown) > 50
            delete = re.search(r'action="(/interactions/views/[^"]+/delete)"', page)
            assert delete
            assert (await browser.post(delete[1])).status_code == 303
            assert f"Zebras {mark}" not in (await browser.get("/interactions")).text
        finally:
            await owner.execute("delete from saved_views where user_id = $1", admin.id)


async def test_there_is_a_file_of_what_has_ended_and_none_of_what_is_live(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    async with app_server.browser_of(person) as browser:
        assert ">CSV</a>" in (await browser.get("/interactions")).text
        await app_server.start(person.agents[0])
        assert ">CSV of ended ones</a>" in (await browser.get("/interactions")).text
        assert "interactions.csv" not in (await browser.get("/interactions?outcome=live")).text
        answer = await browser.get("/interactions.csv?outcome=live")
        assert (answer.status_code, "that have ended" in answer.text) == (422, True)


async def test_the_list_of_people_leads_to_the_interactions_of_a_supervisor(app_server: AppServer) -> None:
    one, other = [await app_server.hire("voice") for _ in range(2)]
    lives = [await app_server.start(person.agents[0]) for person in (one, other)]
    async with app_server.browser_of(await app_server.hire("admin")) as admin:
        page = (await admin.get(f"/people?q={one.email}")).text
        [path] = re.findall(r'href="(/interactions[^"]+)"', page.partition("<tbody>")[2])
        shown = (await admin.get(unescape(path))).text
    assert [live in shown for live in lives] == [True, False]

"""Finding interactions over real HTTP: filters, words, numbers and ids, orders, pages both ways, CSV, and saved views."""

import csv
import io
import re
from html import unescape
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from server.kernel import http
from tests.app_server import AppServer, Person, decision
from tests.conftest import until
from tests.floor.test_views import measure

EVERYTHING = "/interactions?days="


def ids(page: str) -> list[str]:
    """The interactions on a page, from the first line to the last."""
    return re.findall(
        r'data-label="Started"[^>]*><span class="two"><a href="/interactions/([0-9a-f-]{36})[?"]', page
    )


async def finish(
    app_server: AppServer, person: Person, *, agent: int = 0, said: str = "", status: str = "completed", score: float | None = None,
    archive: dict[str, Any] | None = None, **started: Any,
) -> str:  # fmt: skip
    """An interaction that has ended, with these words in its transcript."""
    one = person.agents[agent]
    live = await app_server.start(one, **started)
    if score is not None:
        mood = "good" if score > 70 else "critical"
        await measure(app_server, one, live, sentiment=mood, satisfaction_score=score, feed_text="x")
    async with app_server.api(one) as api:
        if said:
            await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": said})
        body: dict[str, Any] = {"status": status}
        if archive is not None:
            body["archive"] = {"summary": "Nothing special.", **archive}
        assert (await api.post(f"/interactions/{live}/end", json=body)).is_success
    return live


async def found(browser: httpx.AsyncClient, query: str) -> list[str]:
    answer = await browser.get(f"{EVERYTHING}&{query}")
    assert answer.status_code == 200, (query, answer.text[:500])
    return ids(answer.text)


async def test_filters_and_words_find_what_they_say(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    agent = person.agents[0]
    refund = await finish(
        app_server, person, phone_number="+18505550142", external_id="call-8f31c2", said="The kettle arrived brokenhearted", score=31,
        archive={
            "summary": "Refund of 129.00 for a Kessel, größer als gedacht", "csat_score": 20,
            "issues": [{"issue": "Broken kettle", "status": "unresolved"}],
            "tags": {"topics": ["Refund", "kettle"], "issues": [{"tag": "damaged", "status": "unresolved"}]},
        },
    )  # fmt: skip
    booking = await finish(
        app_server, person, agent=1, phone_number="sip:1001@pbx", score=90,
        archive={"summary": "It's a 100%_sure booking", "csat_score": 85, "issues": [{"issue": "seat", "status": "resolved"}], "tags": {"topics": ["booking"]}},
    )  # fmt: skip
    failed = await finish(app_server, person, status="failed", phone_number="+4930123456")
    asking = await app_server.start(agent, phone_number="+18505550199")
    async with app_server.browser_of(person) as browser:
        asked = await app_server.ask(agent, asking)
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        async with app_server.api(agent) as api:
            assert (await api.post(f"/interactions/{asking}/end", json={"status": "completed"})).is_success
        live = await app_server.start(agent, phone_number="+18505550177")
        everybody = [live, asking, failed, booking, refund]
        for query, expected in (
            ("", everybody), ("outcome=live", [live]), ("outcome=failed", [failed]), ("outcome=completed", [asking, booking, refund]),
            ("q=refund", [refund]), ("q=REF+129.00", [refund]), ("q=gr%C3%B6%C3%9Fer", [refund]), ("q=broken", [refund]),
            ("q=refund+booking", []), ("q=it%27s", [booking]), ("q=100%25_sure", [booking]), ("q=%25", []), ("q=%5C", []), ("q=%27%29%3B--", []),
            ("q=0142", [refund]), ("q=%2B1+850+555", [live, asking, refund]), ("q=3012", [failed]), ("q=0177", [live]),
            ("q=call-8f31c2", [refund]), ("q=CALL-8f3", [refund]), (f"q={booking}", [booking]), (f"q={live}", [live]), ("q=1001", [booking]),
            ("q=ooki", [booking]), ("q=eartbroken", []),  # parts of words: of the summary, not of the transcript
            (f"agent={person.agents[1].id}", [booking]), (f"agent={uuid4()}", []), ("channel=voice", everybody), ("channel=chat", []),
            ("sentiment=critical", [refund]), ("sentiment=good", [booking]), ("topic=refund", [refund]), ("topic=Kettle", [refund]),
            ("tag=damaged", [refund]), ("tag=refund", []), ("issue=open", [refund]), ("issue=resolved", [booking]),
            ("csat=low", [refund]), ("csat=high", [booking]), ("csat=middle", []), ("decision=denied", [asking]), ("decision=allowed", []),  ("since=2000-01-01&until=2000-01-02", []), ("since=2001-01-01", everybody), ("supervisor=nobody-at-all", []),
            (f"supervisor={person.username}", everybody), ("sort=csat&up=yes", [live, refund, booking]), ("sort=satisfaction", [live, booking, refund]),
            ("q=refund&csat=low&sentiment=critical&days=1", [refund]),
        ):  # fmt: skip
            assert await found(browser, query) == expected, query
        for query in (
            "outcome=x", "channel=x", "sentiment=x", "issue=x", "csat=x", "decision=x", "days=2", "since=yesterday", "agent=x", "q=%00",
            "sort=x", "up=x", "before=x", f"before=x~{uuid4()}", f"after=2020-13-45~{uuid4()}", "q=" + "x" * 101,
        ):  # fmt: skip
            assert (await browser.get(f"/interactions?{query}")).status_code == 422, query
        page = (await browser.get(EVERYTHING)).text
        for words in (
            "4 ended</span>, 1 live now",
            "+1 850 ··· 0142",
            "Open issue",
            "Average CSAT 52 %",
            "1 denied",
        ):
            assert words in page, words
        text = (await browser.get("/interactions.csv?days=")).text
        table = {one["id"]: one for one in csv.DictReader(io.StringIO(text))}
        assert set(table) == set(everybody) - {live}
        assert (table[refund]["satisfaction"], table[refund]["sentiment"], table[refund]["topics"]) == (
            "31.00",
            "critical",
            "Refund, kettle",
        )
        assert (table[refund]["customer"], table[refund]["issues_open"]) == ("···0142", "true")
        assert "+18505550142" not in text
        assert "+18505550142" not in page


async def test_each_finds_their_own_and_an_admin_everybodys(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    word = f"zebra{uuid4().hex[:8]}"
    own = await finish(app_server, voice, said=f"about a {word}", phone_number="+18505550111")
    others = await finish(app_server, chat, said=f"my {word}", archive={"summary": f"The {word}"})
    admin = await app_server.hire("admin")
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(admin) as all_seeing,
        app_server.browser_of(None) as nobody,
    ):
        assert await found(browser, f"q={word}") == [own]
        assert await found(browser, f"q={word[2:]}") == []  # a part of a word in another supervisor's summary
        assert await found(browser, f"q={word}&supervisor={chat.username}") == []
        assert await found(browser, f"q={others}") == []
        assert await found(all_seeing, f"q={word}") == [others, own]
        assert await found(all_seeing, f"q={word}&supervisor={voice.username}") == [own]
        assert await found(all_seeing, f"q={word}&channel=chat") == [others]
        assert word in (await all_seeing.get(f"/interactions.csv?q={word}")).text
        assert others not in (await browser.get("/interactions.csv?days=")).text
        for way in ("/interactions", "/interactions.csv"):
            assert (await nobody.get(way)).status_code == 303


async def test_what_comes_later_is_found_and_what_is_forgotten_is_not(
    app_server: AppServer, voice: Person
) -> None:
    live = await finish(app_server, voice, phone_number="+18505550123", said="a walrus")
    async with app_server.browser_of(voice) as browser, app_server.api(voice.agents[0]) as api:
        assert await found(browser, "q=walrus") == [live]
        archive = {"summary": "An ocelot", "csat_score": 71.5, "tags": {"topics": ["cats"]}}
        assert (await api.put(f"/interactions/{live}/archive", json=archive)).is_success
        assert await found(browser, "q=ocelot&topic=cats&csat=middle") == [live]
        assert (await api.put(f"/interactions/{live}/archive", json={"summary": "A serval"})).is_success
        assert await found(browser, "q=ocelot") == await found(browser, "topic=cats") == []
        assert (
            await api.post(f"/interactions/{live}/turns", json={"speaker": "agent", "text": "A late lynx"})
        ).is_success

        async def late() -> bool:
            return await found(browser, "q=lynx") == [live]

        await until(late)
        assert (await api.patch(f"/interactions/{live}", json={"phone_number": "+18505550321"})).is_success
        assert await found(browser, "q=550321") == [live]
        assert await found(browser, "q=550123") == []
        async with app_server.database() as owner:
            await owner.execute("select private.forget(array[$1::uuid])", UUID(live))
        for word in ("walrus", "lynx", "550321"):
            assert await found(browser, f"q={word}") == [], word
        async with app_server.database() as owner:
            words = await owner.fetchval(
                "select words::text from private.interaction_search where interaction_id = $1", UUID(live)
            )
        assert words == ""
        assert await found(browser, "outcome=completed") == [live]


async def test_an_agent_that_moves_takes_its_interactions_along(app_server: AppServer, voice: Person) -> None:
    other = await app_server.hire("voice", agents=0)
    live = await finish(app_server, voice, said="a moving story")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(other) as new:
        assert (await found(browser, "q=moving"), await found(new, "q=moving")) == ([live], [])
        async with app_server.database() as owner:
            await owner.execute(
                "update agents set supervisor_id = $2, slot = null where id = $1",
                voice.agents[0].id,
                other.id,
            )
        assert (await found(browser, "q=moving"), await found(new, "q=moving")) == ([], [live])


@pytest.mark.parametrize(
    "order",
    [
        "sort=started",
        pytest.param("sort=duration&up=yes", marks=pytest.mark.full),
        pytest.param("sort=csat", marks=pytest.mark.full),
    ],
)
async def test_pages_lead_both_ways_and_lose_nothing(
    app_server: AppServer, voice: Person, order: str
) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner:
        # Many of the same moment and the same score, so that the order needs the id.
        made = [
            str(one["id"])
            for one in await owner.fetch(
                """insert into interactions (agent_id, supervisor_id, interaction_type, status, started_at, ended_at)
                select $1, $2, 'voice', 'completed', '2026-01-01 10:00+00', '2026-01-01 10:00+00'::timestamptz + n % 3 * interval '1 min'
                from generate_series(1, 120) n returning id""",
                agent.id,
                voice.id,
            )
        ]
        await owner.execute(
            "insert into interaction_archives (interaction_id, summary, csat_score) select i, 'x', 50 from unnest($1::uuid[]) i",
            [UUID(one) for one in made],
        )
    async with app_server.browser_of(voice) as browser:
        pages, address, newer = [], f"{EVERYTHING}&{order}", None
        while address:
            page = (await browser.get(address)).text
            pages.append(ids(page))
            older = re.search(r'href="([^"]+before=[^"]+)">Next', page)
            address = older[1].replace("&amp;", "&") if older else ""
            newer = re.search(r'href="([^"]+after=[^"]+)">Previous', page)
        assert [len(one) for one in pages] == [50, 50, 20]
        assert sorted(chain.from_iterable(pages)) == sorted(made)
        back = []
        while newer:
            page = (await browser.get(newer[1].replace("&amp;", "&"))).text
            back.append(ids(page))
            newer = re.search(r'href="([^"]+after=[^"]+)">Previous', page)
        assert back == pages[1::-1]
        for days in ("today", "month", "30"):  # they are of another year
            assert await found(browser, f"days={days}") == [], days
        table = csv.DictReader(io.StringIO((await browser.get(f"/interactions.csv?days=&{order}")).text))
        assert [one["id"] for one in table] == list(chain.from_iterable(pages))


async def test_views_are_a_persons_own_or_shared_by_an_admin(app_server: AppServer, voice: Person) -> None:
    admin, other = await app_server.hire("admin"), await app_server.hire("voice")
    name, shared = f"Bad <b>ones {uuid4().hex[:6]}", f"For all {uuid4().hex[:6]}"
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(other) as outsider,
        app_server.browser_of(admin) as sharer,
    ):
        form = {"name": name, "query": "csat=low&sentiment=critical"}
        saved = await browser.post("/interactions/views", data=form)
        assert saved.status_code == 303
        page = (await browser.get(saved.headers["location"])).text
        assert name.replace("<", "&lt;").replace(">", "&gt;") in page
        assert name.rsplit(" ", maxsplit=1)[-1] not in (await outsider.get("/interactions")).text
        assert (await browser.post("/interactions/views", data=form | {"shared": "yes"})).status_code == 403
        assert (
            await sharer.post(
                "/interactions/views", data={"name": shared, "query": "days=30", "shared": "yes"}
            )
        ).status_code == 303
        assert shared in (await outsider.get("/interactions")).text
        for bad in (
            {"name": "", "query": ""},
            {"name": "x" * 101, "query": ""},
            {"name": "x", "query": "csat=none"},
        ):
            assert (await browser.post("/interactions/views", data=bad)).status_code == 422, bad
        async with app_server.database() as owner:
            own = await owner.fetchval("select id from saved_views where user_id = $1", voice.id)
            common = await owner.fetchval("select id from saved_views where user_id = $1", admin.id)
        assert (await outsider.post(f"/interactions/views/{own}/delete")).status_code == 404
        assert (await outsider.post(f"/interactions/views/{common}/delete")).status_code == 404
        assert (await browser.post(f"/interactions/views/{own}/delete")).status_code == 303
        assert (await sharer.post(f"/interactions/views/{common}/delete")).status_code == 303
        assert shared not in (await outsider.get("/interactions")).text


async def test_an_interaction_leads_to_its_neighbours_in_the_list(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    first, second, third = [await finish(app_server, person) for _ in range(3)]
    await finish(app_server, person, status="failed")
    async with app_server.browser_of(person) as browser:
        shown = (await browser.get(f"{EVERYTHING}&outcome=completed")).text
        link = re.search(rf'href="(/interactions/{second}[^"]+)"', shown)
        assert link
        middle = (await browser.get(unescape(link[1]))).text
        ways = dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', middle))
        assert re.findall("[0-9a-f-]{36}", ways["prev"])[0] == third
        assert re.findall("[0-9a-f-]{36}", ways["next"])[0] == first
        last = (await browser.get(unescape(ways["next"]))).text
        assert 'rel="next"' not in last, "the failed one is in another list"
        assert 'rel="prev"' in last
        assert 'href="/interactions?days=&amp;outcome=completed"' in middle
        wrong = await browser.get(f"/interactions/{second}?list=outcome%3Dnone&place=x")
        assert (wrong.status_code, "There is no such filter." in wrong.text) == (422, True)
        wrong = await browser.get(f"/interactions/{second}?place=x")
        assert (wrong.status_code, "There is no such page." in wrong.text) == (422, True)


async def test_the_file_keeps_words_whole_and_hides_numbers(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    odd = '=HYPERLINK("x"), "quoted"\r\nand a second line'
    first = await finish(app_server, person, phone_number="sip:john.doe@desk 1234", archive={"summary": odd})
    second = await finish(app_server, person, phone_number="+18505550142", status="failed")
    async with app_server.browser_of(person) as browser:
        text = (await browser.get("/interactions.csv?days=&sort=started&up=yes")).text
    assert "john.doe" not in text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == [first, second]
    assert rows[0]["summary"] == f"'{odd}"
    assert "1234" not in text
    assert (rows[1]["customer"], rows[1]["summary"], rows[1]["issues_open"]) == ("···0142", "", "")
    for summary in ("-1", "5 kettles", "＝x"):  # noqa: RUF001 - a spreadsheet takes this sign for =
        await finish(app_server, person, phone_number="+4912345", archive={"summary": summary})
    async with app_server.browser_of(person) as browser:
        text = (await browser.get("/interactions.csv?days=")).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))[:3]
    assert {row["customer"] for row in rows} == {"···5"}
    assert {row["summary"] for row in rows} == {"'-1", "5 kettles", "'＝x"}  # noqa: RUF001


async def test_a_cell_of_the_database_is_one_of_csv_files(app_server: AppServer) -> None:
    texts = [*(f"{sign}x" for sign in http.FORMULA_SIGNS), "", "x=1", 'a "quoted", one', "line\r\nline"]
    async with app_server.database() as owner:
        cells = await owner.fetch("select private.csv_cell(t) as cell from unnest($1::text[]) t", texts)
        assert await owner.fetchval("select private.csv_cell(null)") == ""
    written = http.csv("x.csv", ["text"], [{"text": one} for one in texts]).body
    head, *rows = csv.reader(io.StringIO(str(written, "utf-8-sig"), newline=""))
    assert head == ["text"]
    read = csv.reader(io.StringIO("\r\n".join(row["cell"] for row in cells), newline=""))
    assert [*read] == [row or [""] for row in rows]


async def test_a_page_that_stays_open_is_told_of_new_ones(app_server: AppServer, chat: Person) -> None:
    person = await app_server.hire("voice")
    await finish(app_server, person, status="failed")
    async with app_server.browser_of(person) as browser:
        shown = (await browser.get("/interactions?outcome=failed")).text
        look = re.search(r'hx-get="(/interactions/newer[^"]+)"', shown)
        assert look
        assert " new</a>" not in (await browser.get(unescape(look[1]))).text
        await finish(app_server, person)
        await finish(app_server, chat, status="failed")
        assert " new</a>" not in (await browser.get(unescape(look[1]))).text, "neither is in this list"
        await finish(app_server, person, status="failed")
        told = (await browser.get(unescape(look[1]))).text
        assert '<a class="button" href="/interactions?outcome=failed">1 new</a>' in told
        assert f'hx-get="{look[1]}"' in told, "it goes on looking from the same line"
        for query in ("", "after=", "after=x", "outcome=none&after=x"):
            assert (await browser.get(f"/interactions/newer?{query}")).status_code == 422


async def test_a_line_of_the_file_is_of_now(app_server: AppServer) -> None:
    """A kept line says after each change what a line that is made now says."""
    person = await app_server.hire("voice")
    agent = person.agents[0]
    live = await app_server.start(agent, phone_number="+18505550142")
    asked = await app_server.ask(agent, live)
    async with (
        app_server.browser_of(person) as browser,
        app_server.database() as owner,
        app_server.api(agent) as api,
    ):

        async def line() -> dict[str, str]:
            kept = (await browser.get("/interactions.csv?days=")).text
            cells = "update private.interaction_search set cells = $2 where interaction_id = $1 returning (select cells from private.interaction_search where interaction_id = $1)"
            before = await owner.fetchval(cells, UUID(live), None)
            assert before is not None
            assert (await browser.get("/interactions.csv?days=")).text == kept
            await owner.fetchval(cells, UUID(live), before)
            (found,) = csv.DictReader(io.StringIO(kept, newline=""))
            return found

        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        assert (await api.post(f"/interactions/{live}/end", json={"status": "completed"})).is_success
        assert ((await line())["denied"], (await line())["summary"]) == ("1", "")
        archive = {"summary": "Late.", "issues": [{"issue": "order", "status": "unresolved"}], "csat_score": 20, "tags": {"topics": ["kettle"], "sentiment": "good", "issues": []}}  # fmt: skip
        assert (await api.put(f"/interactions/{live}/archive", json=archive)).is_success
        shown = await line()
        assert (shown["summary"], shown["issues_open"], shown["csat_score"], shown["topics"]) == ("Late.", "true", "20.00", "kettle")  # fmt: skip
        await browser.post(f"/interactions/{live}/tags", data={"tag": "own tag"})
        assert (await line())["tags"] == "own tag"
        await browser.post(
            f"/interactions/{live}/flag",
            data={"version": "0", "reason": "x", "state": "open", "assigned_to": ""},
        )
        assert (await line())["flag"] == "open"
        await owner.execute("update public.agents set name = 'Another, name' where id = $1", agent.id)
        assert (await line())["agent_name"] == "Another, name"
        await owner.execute(
            "update public.interactions set phone_number = null, anonymised_at = now() where id = $1",
            UUID(live),
        )
        assert (await line())["customer"] == ""

"""Finding among more interactions than the first step of a search looks at; compared with plain SQL."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import TypeAlias

import asyncpg
import httpx
import pytest

from server.interactions.interaction_search import TRANSCRIPTS
from tests.app_server import AppServer
from tests.bench import contact_centre, finding, floor, population
from tests.conftest import a_folder, free_port, prepared, serving
from tests.interactions.test_interaction_search import ids

pytestmark = pytest.mark.full

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
MANY = 45_000
# Filters of the address, and what they mean.
QUESTIONS = {
    "outcome=failed&sort=started": "labels @> '{outcome:failed}'",
    "topic=rare": "labels @> '{topic:rare}'",
    "topic=nowhere": "false",
    "sentiment=critical&csat=high": "labels @> '{sentiment:critical,csat:high}'",
    "issue=open&sentiment=critical&topic=topic-0": "labels @> '{issues:open,sentiment:critical,topic:topic-0}'",
    "q=w17": "words @@ 'w17:*'",
    "q=w1&topic=topic-3": "words @@ 'w1:*' and labels @> '{topic:topic-3}'",
    "q=k1+order": "words @@ 'k1:* & order:*'",
    "q=zzzz": "false",
}


@pytest.fixture(scope="module")
async def many() -> AsyncIterator[tuple[AppServer, httpx.AsyncClient, Connection]]:
    with a_folder() as folder, serving(prepared(folder / "home"), free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 20, 1, 60)
        async with app_server.database("supabase_admin") as owner:
            await contact_centre.archive(owner, MANY)
            await finding.make_findable(owner)
            await owner.execute(
                """
                update private.interaction_search set labels = labels || '{topic:rare}'
                where interaction_id in (select interaction_id from private.interaction_search order by hashtext(interaction_id::text) limit 12)
                """
            )
            cookies = {app_server.cookie: everybody.admins[0].cookie}
            async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=60) as browser:
                yield app_server, browser, owner


@pytest.mark.parametrize("order", ["sort=started", "sort=csat&up=yes", "sort=duration"])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_page_has_what_plain_sql_finds(
    many: tuple[AppServer, httpx.AsyncClient, Connection], question: str, order: str
) -> None:
    _, browser, owner = many
    column = {
        "started": "started_at desc, interaction_id desc",
        "csat": "csat, interaction_id",
        "duration": "duration_seconds desc, interaction_id desc",
    }[order.partition("=")[2].partition("&")[0]]
    known = "csat is not null" if column.startswith("csat") else "true"
    rows = await owner.fetch(
        f"select interaction_id, {known} from private.interaction_search where {QUESTIONS[question]} order by {column}"
    )
    expected = [str(row[0]) for row in rows if row[1]]
    assert len(expected) == 0 or len(expected) > 3, "the filter says something"
    shown: list[str] = []
    address: str | None = f"/interactions?days=&{question}&{order}"
    pages = 0
    while address and pages < 8:
        page = (await browser.get(address)).text
        if not pages:
            later = re.search(r'hx-get="(/interactions/counts[^"]+)"', page)
            numbers = (await browser.get(unescape(later[1]))).text if later else page
            # Without scripts a link counts.
            link = re.search(r'<noscript>: <a href="([^"]+)">Count</a></noscript>', page)
            assert bool(link) == bool(later)
            if link:
                numbers = (await browser.get(unescape(link[1]))).text
            counted = re.search(r"([\d,]+\+?) ended", numbers)
            assert counted
            assert counted[1] == ("10,000+" if len(rows) > 10_000 else f"{len(rows):,}")
        shown += ids(page)
        older = re.search(r'href="([^"]+)">Next 50', page)
        address = unescape(older[1]) if older else None
        pages += 1
    assert shown == expected[: len(shown)]
    assert len(shown) == min(len(expected), 8 * 50)


async def test_the_file_has_each_of_many_once_in_order(
    many: tuple[AppServer, httpx.AsyncClient, Connection],
) -> None:
    _, browser, owner = many
    text = (await browser.get("/interactions.csv?days=")).text
    found = [line.rpartition(",")[2] for line in text.splitlines()[1:]]
    rows = await owner.fetch(
        "select interaction_id from private.interaction_search order by started_at desc, interaction_id desc"
    )
    assert found == [str(row[0]) for row in rows]


async def test_a_supervisor_finds_own_rows_alone_beyond_the_first() -> None:
    """Also by a text that is rarer than their rows, which is looked for in everybody's."""
    with a_folder() as folder, serving(prepared(folder / "home"), free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 2, 1, 6)
        person = everybody.supervisors[0]
        async with app_server.database("supabase_admin") as owner:
            await contact_centre.archive(owner, 30_000)
            await finding.make_findable(owner)
            rare = await owner.fetchval(
                """select right(i.phone_number, 8) from private.interaction_search s join public.interactions i on i.id = s.interaction_id
                where s.supervisor_id = $1 order by s.started_at limit 1""",
                person.id,
            )
            cookies = {app_server.cookie: person.cookie}
            async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=60) as browser:
                for text, words in (
                    ("zzzz", "zzzz:*"),
                    ("w17", "w17:*"),
                    ("k1", "k1:*"),
                    ("w1777", "w1777:*"),
                    (rare, f"{rare}:*"),
                ):
                    rows = await owner.fetch(
                        """select interaction_id from private.interaction_search where supervisor_id = $1 and words @@ $2::text::tsquery
                        order by started_at desc, interaction_id desc limit 50""",
                        person.id,
                        words,
                    )
                    page = (await browser.get(f"/interactions?days=&q={text}")).text
                    assert ids(page) == [str(row[0]) for row in rows], text
                    assert rows or text in ("zzzz", "w1777")


async def test_a_page_says_whose_transcripts_it_reads() -> None:
    with a_folder() as folder, serving(prepared(folder / "home"), free_port(), **floor.PEOPLE) as app_server:
        everybody = await population.create(app_server, 170, 1, TRANSCRIPTS + 1)
        async with app_server.database("supabase_admin") as owner:
            live = await owner.fetch(
                "select interaction_id from public.interaction_pulse order by started_at desc, interaction_id desc"
            )
            for place in (TRANSCRIPTS - 1, TRANSCRIPTS):
                await owner.execute(
                    "insert into public.interaction_turns (interaction_id, speaker, text) values ($1, 'agent', $2)",
                    live[place]["interaction_id"],
                    f"walrus{place}",
                )
        says = f"transcripts of the newest {TRANSCRIPTS} live interactions"
        for person, query, said, found in (
            (everybody.admins[0], f"q=walrus{TRANSCRIPTS - 1}", True, 1),
            (everybody.admins[0], f"q=walrus{TRANSCRIPTS}", True, 0),
            (everybody.admins[0], "q=zzzz&outcome=failed", False, 0),
            (everybody.admins[0], "", False, 50),
            (everybody.supervisors[0], "q=zzzz", False, 0),
        ):
            cookies = {app_server.cookie: person.cookie}
            async with httpx.AsyncClient(base_url=app_server.url, cookies=cookies, timeout=60) as browser:
                page = (await browser.get(f"/interactions?{query}")).text
            assert (says in page, page.count('<tr class="live')) == (said, found), query

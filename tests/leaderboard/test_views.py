"""The leaderboard over real HTTP: the same table for everybody, the viewer's own row marked, and its CSV."""

import csv
import io
import re
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import pytest

from tests.app_server import Agent, AppServer, Person

CENT = Decimal("0.01")
PINNED = r"<tr [^>]*data-elsewhere>.*?</tr>"  # the viewer's own row on a page that it does not belong to


class Row(dict[str, str]):
    """What one line of the table shows, by its labels; and the parts behind its bar."""

    def __init__(self, html: str) -> None:
        cells = re.findall(r'<td data-label="([^"]+)"[^>]*>(.*?)</td>', html, re.DOTALL)
        super().__init__((label, " ".join(unescape(re.sub("<[^>]+>", " ", c)).split())) for label, c in cells)
        self.own = 'class="own"' in html.partition(">")[0] + ">"
        found = re.search(r'aria-label="CSAT ([\d.]+), interactions ([\d.]+), handle time ([\d.]+)"', html)
        self.parts = [Decimal(part) for part in found.groups()] if found else []

    @property
    def name(self) -> str:
        return self["Supervisor"].removesuffix(" you")

    @property
    def rank(self) -> int | None:
        return int(self["Rank"]) if self["Rank"].isdecimal() else None


def table(html: str) -> list[Row]:
    """The rows of the board; those of the trend and of an opened row are others."""
    board = html.partition('class="list leaderboard"')[2]
    body = board.partition("<tbody>")[2].partition("</tbody>")[0]
    return [Row(part) for part in re.split(r"<tr(?=[ >])", body)[1:]]


def of(html: str, person: Person) -> Row:
    (found,) = [row for row in table(html) if row.name == person.username]
    return found


async def page(
    app_server: AppServer, person: Person, query: str = "", *, everybody: bool = True, **cookies: str
) -> str:
    """The page; with `everybody`, the rows of all following pages behind its own, each once."""
    async with app_server.browser_of(person) as browser:
        for name, value in cookies.items():
            browser.cookies.set(name, value)
        answer = await browser.get(f"/leaderboard{query}")
        assert answer.status_code == 200, answer.text
        html = answer.text
        while everybody and (further := re.search(r'rel="next" href="([^"]+)"', answer.text)):
            html = re.sub(PINNED, "", html, flags=re.DOTALL)
            answer = await browser.get(unescape(further[1]))
            assert answer.status_code == 200, answer.text
            board = re.sub(PINNED, "", answer.text, flags=re.DOTALL).partition('class="list leaderboard"')[2]
            head, body, rest = html.rpartition("</tbody>")
            html = head + board.partition("<tbody>")[2].partition("</tbody>")[0] + body + rest
    return html


async def complete(
    app_server: AppServer, agent: Agent, csat: float | None, status: str = "completed"
) -> None:
    """An interaction without duration, through the agent API."""
    interaction = await app_server.start(agent)
    archive = {"summary": "All is well.", "csat_score": csat}
    async with app_server.api(agent) as api:
        answer = await api.post(
            f"/interactions/{interaction}/end", json={"status": status, "archive": archive}
        )
    assert answer.status_code == 200, answer.text


async def lasted(app_server: AppServer, agent: Agent, seconds: int, csat: int) -> None:
    """A completed interaction of so many seconds, written directly."""
    async with app_server.database() as owner:
        await owner.execute(
            """with i as (insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
              values ($1, $2, 'completed', now(), now() + make_interval(secs => $3)) returning id)
            insert into interaction_archives (interaction_id, summary, csat_score) select id, 's', $4 from i""",
            agent.id,
            agent.channel,
            float(seconds),
            Decimal(csat),
        )


async def test_both_roles_see_the_same_table(app_server: AppServer, voice: Person) -> None:
    await lasted(app_server, voice.agents[0], 60, 90)
    admin = await app_server.hire("admin")
    seen = [table(await page(app_server, person, "?type=voice")) for person in (voice, admin)]
    assert [row.name for row in seen[0]] == [row.name for row in seen[1]]
    assert [row["Score"] for row in seen[0]] == [row["Score"] for row in seen[1]]
    assert voice.username in [row.name for row in seen[0]]


async def test_it_says_how_the_score_is_made(app_server: AppServer, chat: Person) -> None:
    text = unescape(await page(app_server, chat))
    assert re.search(r"0\.5 . average satisfaction, 0 to 100", text)
    assert re.search(r"30 . \(own . fewest\) . \(most . fewest\)", text)
    assert re.search(r"20 . \(1 . \(own . shortest\) . \(longest . shortest\)\)", text)


@pytest.mark.parametrize("path", ["/leaderboard", "/leaderboard.csv"])
async def test_signed_out_one_is_sent_to_sign_in(app_server: AppServer, path: str) -> None:
    async with app_server.browser_of(None) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] == "/login"
    assert "csat" not in answer.text.lower()


async def test_a_supervisors_own_row_is_marked_and_only_theirs(app_server: AppServer, voice: Person) -> None:
    other = await app_server.hire("voice")
    mine = table(await page(app_server, voice))
    assert [row.name for row in mine if row.own] == [voice.username]
    assert [row["Supervisor"] for row in mine if row["Supervisor"].endswith(" you")] == [
        f"{voice.username} you"
    ]
    assert other.username in [row.name for row in mine]
    for person, query in ((await app_server.hire("admin"), "?type=voice"), (voice, "?type=chat")):
        html = await page(app_server, person, query)
        assert not [row for row in table(html) if row.own]
        assert 'aria-current="true">' in html.partition("<tbody>")[0]


async def test_without_a_choice_it_is_this_month_and_ones_own_type(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    assert voice.username in [row.name for row in table(await page(app_server, voice))]
    html = await page(app_server, chat)
    names = [row.name for row in table(html)]
    assert chat.username in names
    assert voice.username not in names
    assert re.search(r"[A-Z][a-z]+ 1, \d{4}.*, so far", html)
    admin = await app_server.hire("admin")
    assert voice.username in [row.name for row in table(await page(app_server, admin))]


async def test_rank_follows_score_ties_share_and_who_has_nothing_has_none(app_server: AppServer) -> None:
    best, tied, twin, last, idle = [await app_server.hire("voice") for _ in range(5)]
    for person, csat in ((best, 97), (tied, 83), (twin, 83), (last, 61)):
        await lasted(app_server, person.agents[0], 240, csat)
    html = await page(app_server, idle)
    rows = table(html)
    ranked = [row for row in rows if row.rank is not None]
    assert rows[: len(ranked)] == ranked, "a supervisor without a rank is below all who have one"
    scores = [Decimal(row["Score"]) for row in ranked]
    assert scores == sorted(scores, reverse=True)
    assert [row.rank for row in ranked] == [1 + sum(other > score for other in scores) for score in scores]
    assert of(html, tied).rank == of(html, twin).rank
    order = [row.name for row in rows]
    assert order.index(best.username) < order.index(tied.username) < order.index(last.username)
    nobody = of(html, idle)
    assert (nobody.rank, nobody["Interactions"], nobody["Score"], nobody["CSAT"]) == (None, "0", "", "")
    assert nobody["Parts"] == "no completed interaction"


async def test_the_score_shown_is_the_sum_of_its_parts(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    for person, seconds, csat in ((voice, 77, 71), (voice, 1234, 88), (chat, 333, 93)):
        await lasted(app_server, person.agents[0], seconds, csat)
    for person in (voice, chat):
        rows = [row for row in table(await page(app_server, person)) if row.parts]
        assert person.username in [row.name for row in rows]
        for row in rows:
            shown = Decimal(row["Score"])
            # Each part is rounded for itself, so three of them are up to a cent and a half away.
            assert abs(sum(row.parts, Decimal(0)) - shown) <= CENT * 3 / 2, row
            assert shown.as_tuple().exponent == -2
            assert all(0 <= part <= most for part, most in zip(row.parts, (50, 30, 20), strict=True))


async def test_only_completed_interactions_count(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    for csat, status in ((80.0, "completed"), (90.0, "completed"), (None, "completed"), (5.0, "failed")):
        await complete(app_server, agent, csat, status)
    await app_server.start(agent)
    row = of(await page(app_server, voice), voice)
    assert (row["Interactions"], row["CSAT"]) == ("3", "85.0%")
    assert row.parts[0] == Decimal("42.5")


async def test_today_is_a_part_of_this_month(app_server: AppServer, voice: Person, chat: Person) -> None:
    async with app_server.database() as owner:
        yesterday = await owner.fetchval(
            "select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'"
        )
        for person in (voice, chat):
            await owner.execute(
                """insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
                values ($1, $2, 'completed', $3::timestamptz - interval '1 hour', $3::timestamptz)""",
                person.agents[0].id,
                person.agents[0].channel,
                yesterday,
            )
    month = 0 if yesterday.day == 1 else 1
    for person in (voice, chat):
        await complete(app_server, person.agents[0], 75)
        kind = person.agents[0].channel
        today = of(await page(app_server, person, f"?type={kind}&period=today"), person)
        whole = of(await page(app_server, person, f"?type={kind}&period=month"), person)
        assert today["Interactions"] == "1"
        assert whole["Interactions"] == str(1 + month)


async def test_an_unknown_period_or_type_is_refused(app_server: AppServer, voice: Person) -> None:
    queries = ("period=year", "period=", "type=video", "type=", "type=Voice", "period=today%00")
    async with app_server.browser_of(voice) as browser:
        for query in (*queries, "period=today'--&type=chat"):
            for path in ("/leaderboard", "/leaderboard.csv"):
                answer = await browser.get(f"{path}?{query}")
                assert answer.status_code == 422, query
                assert "of today, this month, last month or some days, of voice or chat" in answer.text


MADE_UP = [
    "Mars/Olympus",
    "'; drop table users; --",
    "../../etc/passwd",
    "/etc/localtime",
    "Europe/Berlin\\0",
    "<script>alert(1)</script>",
    "UTC+99",
    "EST5EDT4,M3",
    "localtime",
    "Z" * 3000,
    "",
]


async def test_a_made_up_or_hostile_zone_is_utc(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        session = browser.cookies[app_server.cookie]
        browser.cookies.clear()
        for zone in MADE_UP:
            raw = {"Cookie": f'{app_server.cookie}={session}; zone="{zone}"'}
            answer = await browser.get("/leaderboard?period=today", headers=raw)
            assert answer.status_code == 200, zone
            assert "Days of UTC;" in answer.text
            assert "<script>alert" not in answer.text


async def test_a_true_zone_is_taken(app_server: AppServer, voice: Person) -> None:
    for zone in ("Asia/Calcutta", "Europe/Kiev", "Pacific/Kiritimati", "America/Argentina/Buenos_Aires"):
        assert f"Days of {zone};" in await page(app_server, voice, "?period=today", zone=zone)


async def test_the_database_says_which_zones_there_are(app_server: AppServer, voice: Person) -> None:
    """Python's own list may lack those that browsers call by an older name."""
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select name from pg_timezone_names where name ~ '^[A-Z][a-z]+/' order by md5(name)"
        )
    for zone in [row["name"] for row in rows][:12]:
        assert f"Days of {zone};" in await page(app_server, voice, "?period=today", zone=zone)


def read(answer: httpx.Response) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("period", ["today", "month"])
async def test_the_csv_has_the_rows_of_the_page_in_its_order(
    app_server: AppServer, voice: Person, chat: Person, period: str
) -> None:
    idle = await app_server.hire("chat")
    for person, csat in ((voice, 64), (chat, 78)):
        await lasted(app_server, person.agents[0], 100, csat)
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser:
        for kind, there in (("voice", voice), ("chat", chat), ("chat", idle)):
            query = f"?type={kind}&period={period}"
            shown = table(await page(app_server, admin, query))
            answer = await browser.get(f"/leaderboard.csv{query}")
            assert answer.headers["content-type"].partition(";")[0] == "text/csv"
            expected = f'attachment; filename="leaderboard-{kind}-{period}.csv"'
            assert answer.headers["content-disposition"] == expected
            rows = read(answer)
            assert there.username in [row["username"] for row in rows]
            assert [(row["rank"], row["username"], row["interactions"]) for row in rows] == [
                ("" if row.rank is None else str(row.rank), row.name, row["Interactions"]) for row in shown
            ]
            assert [row["score"] for row in rows] == [row["Score"] for row in shown]
            assert {row["supervisor_type"] for row in rows} == {kind}


async def test_the_page_links_its_own_csv(app_server: AppServer, voice: Person) -> None:
    html = unescape(await page(app_server, voice, "?type=chat&period=today"))
    assert 'href="/leaderboard.csv?type=chat&period=today"' in html
    assert 'href="/leaderboard?type=voice&period=today"' in html
    assert 'href="/leaderboard?type=chat&period=month"' in html


async def test_a_person_who_left_is_not_on_it(app_server: AppServer, voice: Person, chat: Person) -> None:
    await complete(app_server, voice.agents[0], 88)
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
    assert voice.username not in [row.name for row in table(await page(app_server, chat, "?type=voice"))]


async def test_a_page_has_fifty_rows_and_the_viewers_own(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    await complete(app_server, voice.agents[0], 50)
    last = await app_server.hire("voice")  # without an interaction, below everybody who has one
    async with app_server.database("supabase_admin") as admin:
        await admin.execute(
            """insert into auth.users (id, email, raw_app_meta_data)
            select gen_random_uuid(), 'board-' || n || '@example.com',
              jsonb_build_object('app_role', 'supervisor', 'supervisor_type', 'voice', 'username', 'board-' || n)
            from generate_series(1, 101) n"""
        )
    try:
        short = await page(app_server, last, "?type=voice", everybody=False)
        whole = await page(app_server, last, "?type=voice")
    finally:
        async with app_server.database() as owner:
            await owner.execute("update users set deactivated_at = now() where username like 'board-%'")
    rows, everybody = table(short), table(whole)
    assert [row.name for row in rows[:50]] == [row.name for row in everybody[:50]]
    assert last.username in [row.name for row in rows]
    assert len(rows) in (50, 51)
    assert f"1 to 50 of {len(everybody)} supervisors" in short
    assert len({row.name for row in everybody}) == len(everybody) > 100
    async with app_server.browser_of(last) as browser:
        beyond = await browser.get("/leaderboard?type=voice&page=99999")
    assert [row.own for row in table(beyond.text)] == [True]


async def test_the_table_of_the_trend_has_hours_by_the_clock_of_the_viewer(
    app_server: AppServer, voice: Person
) -> None:
    await complete(app_server, voice.agents[0], 75)
    async with app_server.browser_of(voice) as browser:
        for clock, pattern in (("24", r"\d{4}-\d\d-\d\d \d\d:00"), ("12", r"\d{4}-\d\d-\d\d 1?\d:00 [AP]M")):
            browser.cookies.set("clock", clock)
            html = (await browser.get("/leaderboard?period=today")).text
            points = re.findall(r'<td data-label="Hour">([^<]+)</td>', html)
            assert points
            assert all(re.fullmatch(pattern, point) for point in points), points

"""The leaderboard over any days: their edges in every zone, and what is no range, told in words."""

import csv
import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest

from tests.app_server import AppServer, Person
from tests.database.reference import day_start
from tests.leaderboard.test_views import of, page, table

ZONES = ("UTC", "America/Chicago", "Asia/Kathmandu", "Pacific/Kiritimati", "Australia/Lord_Howe")


async def took_place(app_server: AppServer, person: Person, *moments: dt.datetime) -> None:
    """A completed interaction of a minute, with its archive, at each of these moments."""
    async with app_server.database() as owner:
        await owner.execute(
            """with i as (insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
              select $1, $2, 'completed', m, m + interval '1 minute' from unnest($3::timestamptz[]) m returning id)
            insert into interaction_archives (interaction_id, summary, csat_score) select id, 's', 80 from i""",
            person.agents[0].id,
            person.agents[0].channel,
            list(moments),
        )


@pytest.mark.parametrize("zone", ZONES)
async def test_a_range_begins_and_ends_at_midnight_of_the_zone(app_server: AppServer, zone: str) -> None:
    person = await app_server.hire("voice")
    today = dt.datetime.now(ZoneInfo(zone)).date()
    first, last = today - dt.timedelta(days=20), today - dt.timedelta(days=10)
    since, until = day_start(first, zone), day_start(last + dt.timedelta(days=1), zone)
    second = dt.timedelta(seconds=1)
    await took_place(app_server, person, since - second, since, until - second, until)
    for _ in range(2):  # made from sums of days and quarters of an hour, then kept
        html = await page(app_server, person, f"?since={first}&until={last}", zone=zone)
        assert of(html, person)["Interactions"] == "2"
    day = await page(app_server, person, f"?since={first}&until={first}", zone=zone)
    assert of(day, person)["Interactions"] == "1"
    await took_place(app_server, person, since, until)  # late: the kept sums follow
    html = await page(app_server, person, f"?since={first}&until={last}", zone=zone)
    assert of(html, person)["Interactions"] == "3"
    async with app_server.browser_of(person) as browser:
        browser.cookies.set("zone", zone)
        found = list(
            csv.DictReader(
                io.StringIO((await browser.get(f"/leaderboard.csv?since={first}&until={last}")).text)
            )
        )
    (own,) = [row for row in found if row["username"] == person.username]
    assert own["interactions"] == "3"


@pytest.mark.parametrize(
    "zone", ["America/Chicago", "Australia/Lord_Howe", "Africa/Cairo"]
)  # in Cairo midnight is skipped
async def test_a_day_on_which_clocks_change_has_its_own_length(app_server: AppServer, zone: str) -> None:
    today = dt.datetime.now(ZoneInfo(zone)).date()
    reached = [today - dt.timedelta(days=n) for n in range(1, 390)]
    lengths = {day: day_start(day + dt.timedelta(days=1), zone) - day_start(day, zone) for day in reached}
    changed = [day for day, length in lengths.items() if length != dt.timedelta(days=1)]
    assert len(changed) >= 2
    async with app_server.database() as owner:
        for day in changed:
            row = await owner.fetchrow(
                "select * from private.leaderboard_range('dates', $1, $1, $2)", day, zone
            )
            assert row is not None
            assert (row["since"], row["until"] - row["since"]) == (day_start(day, zone), lengths[day])


async def test_last_month_is_the_whole_month_before_this_one(app_server: AppServer) -> None:
    person = await app_server.hire("chat")
    zone = "America/Chicago"
    this = dt.datetime.now(ZoneInfo(zone)).date().replace(day=1)
    last = (this - dt.timedelta(days=1)).replace(day=1)
    edges = day_start(last, zone), day_start(this, zone)
    second = dt.timedelta(seconds=1)
    await took_place(
        app_server, person, edges[0] - second, edges[0], edges[1] - second, edges[1] - second, edges[1]
    )
    for period, wanted in (("last_month", "3"), ("month", "1")):
        html = await page(app_server, person, f"?period={period}", zone=zone)
        assert of(html, person)["Interactions"] == wanted
    html = await page(app_server, person, "?period=last_month", zone=zone)
    assert f"{last:%b} 1, {last.year} to" in html


async def test_until_today_is_so_far_and_a_day_to_come_is_today(app_server: AppServer, voice: Person) -> None:
    now = dt.datetime.now(dt.UTC)
    await took_place(app_server, voice, now - dt.timedelta(seconds=5))
    since = now.date() - dt.timedelta(days=1)
    for until in (now.date(), now.date() + dt.timedelta(days=300), ""):
        html = await page(app_server, voice, f"?since={since}&until={until}")
        assert of(html, voice)["Interactions"] == "1"
        assert ", so far" in html


BAD = {
    "since=yesterday": "The first day is a date such as",
    "since=2026-13-01": "The first day is a date such as",
    "since=%00": "The first day is a date such as",
    "since=2026-11-01&until=soon": "The last day is a date such as",
    "period=dates": "a range needs its first day",
    "until=2026-11-01": "a range needs its first day",
    "since=2020-01-01": "the leaderboard reaches back to",
    "since=0001-01-01": "the leaderboard reaches back to",
    "since=9999-12-31": "the range begins in the future",
    "since={today}&until={yesterday}": "the range ends before it begins",
    "page=0": "There is no such page",
    "page=-1": "There is no such page",
    "page=%C2%B2": "There is no such page",
    "board=people": "of supervisors or agents",
    "by=luck": "of supervisors or agents",
    "type=fax": "of voice or chat",
    "period=year": "of today, this month, last month",
}


async def test_what_is_no_range_is_told_in_words(app_server: AppServer, voice: Person) -> None:
    today = dt.datetime.now(dt.UTC).date()
    days = {"today": today, "yesterday": today - dt.timedelta(days=1)}
    async with app_server.browser_of(voice) as browser:
        for query, words in BAD.items():
            for path in ("/leaderboard", "/leaderboard.csv"):
                if path.endswith(".csv") and query.startswith("page"):
                    continue
                answer = await browser.get(f"{path}?{query.format(**days)}")
                assert answer.status_code == 422, query
                assert words.lower() in answer.text.lower(), query


async def test_tests_and_failures_count_on_no_day(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=5)
    async with app_server.database() as owner:
        await owner.execute(
            """insert into interactions (agent_id, interaction_type, status, started_at, ended_at, is_test)
            select $1, 'voice', s, $2, $2, t from (values ('completed', true), ('failed', false)) v (s, t)""",
            person.agents[0].id,
            then,
        )
    html = await page(app_server, person, f"?since={then.date()}")
    assert of(html, person)["Interactions"] == "0"
    assert of(html, person).rank is None
    assert table(html)

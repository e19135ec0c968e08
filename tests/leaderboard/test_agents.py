"""From a supervisor to agents to interactions, the agents' board, the trend, review scores: who sees what, and the same in the file."""

import csv
import datetime as dt
import io
import json
import re
from html import unescape
from typing import Any

import pytest

from tests.app_server import AppServer, Person
from tests.leaderboard.test_days import took_place
from tests.leaderboard.test_views import Row, lasted, page, table

TODAY = "?period=today"
NONE = "\u2013"  # in place of a rank


def agents_of(html: str) -> list[dict[str, str]]:
    inner = html.partition("agents-of")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [dict(Row(part)) for part in inner.split("<tr>")[1:]]


async def test_a_row_opens_to_its_agents_and_their_interactions(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    one, two = person.agents
    await lasted(app_server, one, 60, 90)
    await lasted(app_server, one, 120, 70)
    async with app_server.database() as owner:  # a test counts nowhere
        await owner.execute(
            """insert into interactions (agent_id, interaction_type, status, started_at, ended_at, is_test)
            values ($1, 'voice', 'completed', now(), now() + interval '10 s', true)""",
            one.id,
        )
    html = await page(app_server, person, f"{TODAY}&open={person.username}")
    found = {row["Agent"]: row for row in agents_of(html)}
    assert [row["Interactions"] for row in found.values()] == ["2", "0"]
    first = next(iter(found.values()))
    assert (first["CSAT"], first["AHT"], first["FCR"]) == ("80.0%", "1:30", "")
    for kind, agent, wanted in (("all", None, 2), ("agent", one, 2), ("agent", two, 0)):
        addresses = [unescape(a) for a in re.findall(r'href="(/interactions\?[^"]+)"', html)]
        (address,) = {
            a
            for a in addresses
            if "outcome=completed" in a and a.endswith(f"agent={agent.id}" if agent else "test=no")
        }
        async with app_server.browser_of(person) as browser:
            listed = await browser.get(address)
        assert listed.status_code == 200, kind
        assert len(re.findall(r'href="/interactions/[0-9a-f-]{36}', listed.text)) == wanted
    board = await page(app_server, person, f"{TODAY}&board=agents")
    for html, agent, wanted in ((board, one, 2), (await _agents(app_server, person), one, 2)):
        (address,) = re.findall(rf'href="(/interactions\?agent={agent.id}[^"]+)"', html)
        async with app_server.browser_of(person) as browser:
            listed = await browser.get(unescape(address))
        assert len(re.findall(r'href="/interactions/[0-9a-f-]{36}', listed.text)) == wanted


async def _agents(app_server: AppServer, person: Person) -> str:
    async with app_server.browser_of(person) as browser:
        return (await browser.get("/agents")).text


async def test_only_admins_open_the_rows_of_others(app_server: AppServer, voice: Person) -> None:
    other = await app_server.hire("voice")
    await lasted(app_server, other.agents[0], 60, 90)
    async with app_server.browser_of(voice) as browser:
        for name in (other.username, "nobody", "'; drop table users; --", "x" * 3000):
            answer = await browser.get("/leaderboard", params={"period": "today", "open": name})
            assert answer.status_code == 404
            assert "supervisors open their own" in answer.text
    admin = await app_server.hire("admin")
    assert agents_of(await page(app_server, admin, f"{TODAY}&type=voice&open={other.username}"))
    mine = await page(app_server, voice, TODAY)
    assert f"open={other.username}" not in mine
    assert f"supervisor={other.username}" not in mine


async def test_the_board_of_agents_has_ones_own_for_a_supervisor_and_everybodys_for_an_admin(
    app_server: AppServer,
) -> None:
    one, two = await app_server.hire("chat", agents=3), await app_server.hire("chat")
    for agent, csat in ((one.agents[0], 80), (one.agents[1], 80), (two.agents[0], 95)):
        await lasted(app_server, agent, 100, csat)
    rows = table(await page(app_server, one, f"{TODAY}&board=agents"))
    assert {row["Supervisor"] for row in rows} == {one.username}
    assert [row["Rank"] for row in rows] == ["1", "1", NONE], "ties share a rank, who has nothing has none"
    everybody = table(
        await page(app_server, await app_server.hire("admin"), f"{TODAY}&board=agents&type=chat")
    )
    assert {one.username, two.username} <= {row["Supervisor"] for row in everybody}
    best = [row for row in everybody if row["Supervisor"] == two.username]
    assert int(best[0]["Rank"]) < min(
        int(r["Rank"]) for r in everybody if r["Supervisor"] == one.username and r["Rank"] != NONE
    )


@pytest.mark.parametrize(("by", "order"), [("interactions", ["2", "1"]), ("aht", ["1:00", "2:30"])])
async def test_agents_are_ranked_by_the_chosen_measure(
    app_server: AppServer, by: str, order: list[str]
) -> None:
    person = await app_server.hire("voice", agents=2)
    for agent, seconds in ((person.agents[0], 200), (person.agents[0], 100), (person.agents[1], 60)):
        await lasted(app_server, agent, seconds, 50)
    rows = table(await page(app_server, person, f"{TODAY}&board=agents&by={by}"))
    assert [row["AHT" if by == "aht" else "Interactions"] for row in rows] == order
    async with app_server.browser_of(person) as browser:
        answer = await browser.get(f"/leaderboard.csv{TODAY}&board=agents&by={by}")
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="agents-voice-today.csv"'
    assert [(r["rank"], r["agent_name"], r["interactions"]) for r in found] == [
        (row["Rank"], row["Agent"], row["Interactions"]) for row in rows
    ]


async def test_a_retired_agent_is_there_while_it_has_interactions(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    await lasted(app_server, person.agents[0], 60, 90)
    async with app_server.database() as owner:
        await owner.execute("update agents set retired_at = now() where supervisor_id = $1", person.id)
    (row,) = table(await page(app_server, person, f"{TODAY}&board=agents"))
    assert row["Agent"].endswith(" retired")


def trend(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unescape(re.findall(r'data-trend="([^"]*)"', html)[0]))
    return found


async def test_the_trend_has_each_day_of_ones_own_and_says_the_same_as_a_table(app_server: AppServer) -> None:
    person = await app_server.hire("voice")
    today = dt.datetime.now(dt.UTC).date()
    then = dt.datetime(today.year, today.month, today.day, 12, tzinfo=dt.UTC) - dt.timedelta(days=9)
    await took_place(app_server, person, then, then, then + dt.timedelta(days=2))
    since, until = then.date(), then.date() + dt.timedelta(days=3)
    html = await page(app_server, person, f"?since={since}&until={until}&by=interactions")
    shown = trend(html)
    (line,) = [one for one in shown["lines"] if one["name"] == person.username]
    assert shown["points"] == [f"{since + dt.timedelta(days=n)} 00:00" for n in range(4)]
    assert (line["kind"], line["values"]) == ("chosen", [2, 0, 1, 0])
    cells = re.findall(rf'<td data-label="{person.username}" class="figure">([^<]*)</td>', html)
    assert cells == ["2", "0", "1", "0"]
    assert f"{person.username}</span> <b>3</b>" in html
    csat = trend(await page(app_server, person, f"?since={since}&until={until}"))
    (line,) = [one for one in csat["lines"] if one["name"] == person.username]
    assert line["values"] == [80, None, 80, None], "a day without an interaction is a gap"
    long = trend(await page(app_server, person, f"?since={today - dt.timedelta(days=300)}&by=interactions"))
    assert (long["step"], len(long["points"])) == ("week", 43)
    (line,) = [one for one in long["lines"] if one["name"] == person.username]
    assert sum(line["values"]) == 3
    hours = trend(await page(app_server, person, f"?since={since}&until={since}&by=interactions"))
    assert (hours["step"], len(hours["points"])) == ("hour", 24)
    (line,) = [one for one in hours["lines"] if one["name"] == person.username]
    assert line["values"][12] == 2


async def test_the_file_has_the_review_scores_that_the_page_shows(app_server: AppServer) -> None:
    person, other = await app_server.hire("chat"), await app_server.hire("chat")
    for one, totals in ((person, (70, 81)), (other, (40,))):
        for total in totals:
            await lasted(app_server, one.agents[0], 60, 50)
            async with app_server.database() as owner:
                await owner.execute(
                    """insert into interaction_scores (interaction_id, supervisor_id, version, answers, total, scored_by, scored_by_name, by_admin)
                    select i.id, i.supervisor_id, (select max(version) from scorecards), '{"1": "yes"}', $2, $1, 'x', false from interactions i
                    where i.supervisor_id = $1 and not exists (select from interaction_scores s where s.interaction_id = i.id)""",
                    one.id,
                    total,
                )
    admin = await app_server.hire("admin")
    for viewer, seen, unseen in (
        (person, {person.username}, {other.username}),
        (admin, {person.username, other.username}, set()),
    ):
        async with app_server.browser_of(viewer) as browser:
            rows = list(
                csv.DictReader(io.StringIO((await browser.get(f"/leaderboard.csv{TODAY}&type=chat")).text))
            )
        filed = {r["username"]: f"{r['review_score']} of {r['reviews']}" for r in rows if r["review_score"]}
        shown = {
            row.name: row["Review score"]
            for row in table(await page(app_server, viewer, f"{TODAY}&type=chat"))
            if row.get("Review score")
        }
        assert filed == shown
        assert seen <= set(filed)
        assert not unseen & set(filed)
        assert filed[person.username] == "76 of 2"  # half rounds to even


@pytest.mark.parametrize("by", ["csat", "fcr"])
async def test_the_trend_of_nothing_but_a_hundred_per_cent_is_drawn_at_the_top(
    app_server: AppServer, by: str
) -> None:
    person = await app_server.hire("chat")
    day = dt.datetime.now(dt.UTC).replace(hour=12) - dt.timedelta(days=133 if by == "csat" else 134)
    async with app_server.database() as owner:
        await owner.execute(
            """with i as (insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
              values ($1, 'chat', 'completed', $2::timestamptz, $2::timestamptz + interval '1 minute') returning id)
            insert into interaction_archives (interaction_id, summary, csat_score, fcr_status) select id, 's', 100, true from i""",
            person.agents[0].id,
            day,
        )
    html = await page(app_server, person, f"?since={day.date()}&until={day.date()}&by={by}", everybody=False)
    shown = trend(html)
    assert [value for line in shown["lines"] for value in line["values"] if value is not None] == [100]
    assert shown["low"] < shown["high"] == 100
    assert re.search(r'<path class="line chosen of-1" d="M\d+ 0h0"', html)


async def test_an_open_row_stays_open_where_other_days_put_it_on_another_page(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    person = await app_server.hire("voice")  # without an interaction, behind everybody who has one
    async with app_server.database("supabase_admin") as owner:
        await owner.execute(
            """insert into auth.users (id, email, raw_app_meta_data)
            select gen_random_uuid(), 'behind-' || n || '@example.com',
              jsonb_build_object('app_role', 'supervisor', 'supervisor_type', 'voice', 'username', 'aaa-' || n)
            from generate_series(1, 60) n"""
        )
    try:
        first = await page(app_server, admin, f"{TODAY}&type=voice", everybody=False)
        assert person.username not in [row["Supervisor"] for row in table(first)]
        query = f"{TODAY}&type=voice&open={person.username}"
        html = await page(app_server, admin, query, everybody=False)
        links = {unescape(found) for found in re.findall(r'href="(/leaderboard\?[^"#]*open=[^"#]*)"', html)}
        assert len([one for one in links if "by=" in one]) == 3
        for link in links:
            other = await page(app_server, admin, link.removeprefix("/leaderboard"), everybody=False)
            assert [row["Agent"] for row in agents_of(other)] == [person.agents[0].name], link
            assert other.count("data-elsewhere") == 1
    finally:
        async with app_server.database() as owner:
            await owner.execute("update users set deactivated_at = now() where username like 'aaa-%'")

"""Satisfaction and sentiment at the end are the same everywhere, whatever an agent measured and once its metrics are deleted."""

import csv
import datetime as dt
import io
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.app_server import Agent, AppServer, Person
from tests.database.acting import Connection
from tests.floor.test_views import measure
from tests.interactions.test_interaction_search import ids
from tests.interactions.test_views import end, plain, region

KEPT = "update interactions set started_at = started_at - interval '30 h', ended_at = ended_at - interval '30 h' where id = $1"


async def delete_metrics(owner: Connection, interaction: str) -> None:
    """As the sweeper does a day after the end."""
    await owner.execute(KEPT, UUID(interaction))
    await owner.execute(
        "update realtime_metrics set timestamp = timestamp - interval '30 h', effective_at = effective_at - interval '30 h', created_at = created_at - interval '30 h' where interaction_id = $1",
        UUID(interaction),
    )
    while await owner.fetchval("select private.cleanup_realtime_metrics()"):
        pass


async def shown(browser: httpx.AsyncClient, interaction: str) -> dict[str, tuple[str, str]]:
    """What page, print, list, its file and its filter say at the end: satisfaction as a whole number, sentiment."""
    found = {}
    answer = await browser.get(f"/interactions/{interaction}")
    assert answer.status_code == 200, answer.text
    numbers = plain(region(answer.text, "interaction"))
    score = re.search(r"Satisfaction at the end (\d+) %", numbers)
    mood = re.search(r"Sentiment at the end (\w+)", numbers)
    assert mood
    found["page"] = (score[1] if score else "", mood[1].replace("unknown", ""))
    printed = plain((await browser.get(f"/interactions/{interaction}/print")).text)
    score = re.search(r"Satisfaction at the end (\d+) %", printed)
    mood = re.search(r"Sentiment at the end (\w+)", printed)
    found["print"] = (score[1] if score else "", mood[1] if mood else "")
    address = f"days=&q={interaction}"
    row = (await browser.get(f"/interactions?{address}")).text.partition("<tbody>")[2]
    score, mood = re.search(r">(\d+)%</span></span></td>", row), re.search(r'<span class="mood (\w+)">', row)
    found["list"] = (score[1] if score else "", mood[1].replace("unknown", "") if mood else "")
    text = (await browser.get(f"/interactions.csv?{address}")).text
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    found["file"] = (line["satisfaction"] and f"{float(line['satisfaction']):.0f}", line["sentiment"])
    for one in ("good", "neutral", "critical"):
        if ids((await browser.get(f"/interactions?{address}&sentiment={one}")).text):
            found["filter"] = (found["list"][0], one)
    return found


async def report(app_server: AppServer, agent: Agent, interaction: str, *metrics: dict[str, Any]) -> None:
    for one in metrics:
        ahead = one.pop("ahead", None)
        stamp = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead or 0)
        await measure(app_server, agent, interaction, captured_at=stamp.isoformat(), **one)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([{"feed_text": "Says hello"}, {"feed_text": "Says goodbye"}], ("", "")),
        ([{"sentiment": "neutral"}, {"sentiment": "critical"}, {"feed_text": "Is cross"}], ("", "critical")),
        ([{"satisfaction_score": 40.25, "sentiment": "critical"}, {"sentiment": "good"}, {"feed_text": "x"}], ("40", "good")),
        ([{"sentiment": "good"}, {"satisfaction_score": 41}, {"satisfaction_score": 60}], ("60", "good")),
        ([{"satisfaction_score": 90, "sentiment": "good", "ahead": 120}, {"satisfaction_score": 20, "sentiment": "critical"}], ("20", "critical")),
    ],
    ids=["a feed alone", "sentiments alone", "a sentiment after the score", "scores without a sentiment", "a stamp ahead"],
)  # fmt: skip
async def test_everything_says_the_same_at_the_end(
    app_server: AppServer, voice: Person, metrics: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    await report(app_server, agent, live, *metrics)
    await end(app_server, agent, live)
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        before = await shown(browser, live)
        assert set(before.values()) <= {expected}, before
        assert ("filter" in before) == bool(expected[1])
        await delete_metrics(owner, live)
        assert (
            await owner.fetchval(
                "select count(*) from realtime_metrics where interaction_id = $1", UUID(live)
            )
            == 0
        )
        assert await shown(browser, live) == before
        # A change makes the row of the search again.
        await browser.post(f"/interactions/{live}/tags", data={"tag": "looked at"})
        assert await shown(browser, live) == before


async def test_a_kept_series_with_points_without_a_score_is_shown(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        await end(app_server, agent, live)
        series = [[-1, None, "good"], [0, 70, "good"], [0, 30.5, None], [9, None, None]]
        await owner.execute("update interactions set series = $2 where id = $1", UUID(live), series)
        answer = await browser.get(f"/interactions/{live}")
        assert answer.status_code == 200
        numbers = plain(region(answer.text, "interaction"))
        assert "Satisfaction at the end 30 % lowest 30%" in numbers
        assert "Sentiment at the end good" in numbers
        assert "Satisfaction from 70 to 30" in answer.text
        assert asked["id"] in answer.text
        assert (
            await browser.get(f'/interactions/{live}/lines?before=["2100-01-01T00:00:00Z",0,1,"t1"]')
        ).status_code == 200


async def test_the_lowest_satisfaction_outlives_the_metrics(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.database() as owner, app_server.browser_of(voice) as browser:
        await owner.execute(
            """insert into realtime_metrics (interaction_id, timestamp, sentiment, satisfaction_score)
            select $1, now() + n * interval '10 ms', 'good', case n when 101 then 5 else 60 end from generate_series(1, 300) n""",
            UUID(live),
        )
        await end(app_server, agent, live)
        for kept in (False, True):
            if kept:
                await delete_metrics(owner, live)
            page = plain(region((await browser.get(f"/interactions/{live}")).text, "interaction"))
            assert "Satisfaction at the end 60 % lowest 5%" in page

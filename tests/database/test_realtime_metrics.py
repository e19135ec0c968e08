"""Metrics and the pulse: newest, late and repeated ones; the outcome of one row does not affect another."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner
from tests.database.test_interactions import start

BASE = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
Row = tuple[UUID, UUID, int, str | None, float | None, str | None]


def at(seconds: int) -> dt.datetime:
    return BASE + dt.timedelta(seconds=seconds)


async def record(connection: Connection, rows: list[Row]) -> list[str]:
    """(agent, interaction, second, sentiment, score, feed) rows through the function that the API uses."""
    found = await connection.fetch(
        "select outcome from private.record_metrics($1, $2, $3, $4, $5, $6) as outcome",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [at(row[2]) for row in rows],
        [row[3] for row in rows],
        [row[4] for row in rows],
        [row[5] for row in rows],
    )
    return [row[0] for row in found]


async def pulse(connection: Connection, interaction: UUID) -> dict[str, Any]:
    row = await connection.fetchrow("select * from interaction_pulse where interaction_id = $1", interaction)
    assert row is not None
    return dict(row)


async def test_the_pulse_shows_the_newest_whatever_the_order_of_arrival(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        assert (await pulse(owner, live))["sentiment"] is None
        await record(owner, [(agent, live, 10, "neutral", 50, "ten")])
        await record(
            owner, [(agent, live, 30, "critical", 20, "thirty"), (agent, live, 20, "good", 90, "twenty")]
        )
        found = await pulse(owner, live)
        assert (found["sentiment"], found["satisfaction_score"], found["captured_at"]) == (
            "critical",
            20,
            at(30),
        )
        await record(owner, [(agent, live, 25, "good", 99, "late")])
        found = await pulse(owner, live)
        assert (found["sentiment"], found["satisfaction_score"], found["captured_at"]) == (
            "critical",
            20,
            at(30),
        )
        assert found["scores"] == [50, 90, 99, 20]
        assert [line["text"] for line in found["feed"]] == ["thirty", "late", "twenty"]


async def test_a_batch_around_what_is_known_falls_into_place(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await record(owner, [(agent, live, 10, "neutral", 10, "a")])
        await record(owner, [(agent, live, 5, "good", 5, "before"), (agent, live, 15, None, 15, "after")])
        found = await pulse(owner, live)
        assert (found["scores"], found["sentiment"], found["captured_at"]) == ([5, 10, 15], "neutral", at(15))


async def test_what_a_metric_does_not_say_stays_as_it_was(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await record(owner, [(agent, live, 1, "good", 80, "hello")])
        await record(owner, [(agent, live, 2, None, None, "there"), (agent, live, 3, None, None, "")])
        found = await pulse(owner, live)
        assert (found["sentiment"], found["satisfaction_score"], found["scores"]) == ("good", 80, [80])
        assert [line["text"] for line in found["feed"]] == ["there", "hello"]


@pytest.mark.parametrize("step", [1, 7, 100])
async def test_the_pulse_keeps_sixty_scores_and_three_lines(
    app_server: AppServer, voice: Person, step: int
) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        rows: list[Row] = [(agent, live, n, None, n % 100, f"line {n}") for n in range(130)]
        for first in range(0, 130, step):
            await record(owner, rows[first : first + step])
        found = await pulse(owner, live)
        assert found["scores"] == [n % 100 for n in range(70, 130)]
        assert [line["text"] for line in found["feed"]] == ["line 129", "line 128", "line 127"]


async def test_each_row_has_its_own_outcome(app_server: AppServer, voice: Person, chat: Person) -> None:
    mine, theirs = voice.agents[0].id, chat.agents[0].id
    async with as_owner(app_server) as owner:
        ended = await start(owner, voice)
        await owner.execute("update interactions set status = 'completed' where id = $1", ended)
        live, other = await start(owner, voice), await start(owner, chat, "chat")
        assert await record(owner, [(mine, live, 1, "good", 1, None)]) == ["stored"]
        outcomes = await record(
            owner,
            [
                (mine, live, 1, "critical", 9, None),
                (mine, ended, 2, "good", 2, None),
                (mine, other, 2, "critical", 2, None),
                (theirs, other, 2, "good", 77, None),
                (mine, uuid4(), 2, "good", 2, None),
                (mine, live, 2, "neutral", 2, None),
                (mine, live, 2, "critical", 3, None),
                (theirs, live, 3, "critical", 3, None),
            ],
        )
        assert outcomes == [
            "merged",
            "ended",
            "unknown",
            "stored",
            "unknown",
            "stored",
            "merged",
            "unknown",
        ]
        assert (await pulse(owner, live))["scores"] == [9, 3], "the later value of a moment stays"
        assert (await pulse(owner, other))["scores"] == [77]


async def test_a_repeated_batch_changes_nothing(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        rows: list[Row] = [(agent, live, n, "good", n, f"{n}") for n in range(5)]
        await record(owner, rows)
        before = await pulse(owner, live)
        assert await record(owner, rows[::-1]) == ["duplicate"] * 5
        assert await pulse(owner, live) == before
        assert (
            await owner.fetchval("select count(*) from realtime_metrics where interaction_id = $1", live) == 5
        )


async def test_the_service_key_takes_the_same_way(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await owner.execute("set local role service_role")
        await owner.execute(
            "insert into realtime_metrics (interaction_id, sentiment, satisfaction_score, feed_text) values ($1, 'critical', 12.5, 'hm')",
            live,
        )
        found = await pulse(owner, live)
        assert (found["sentiment"], float(found["satisfaction_score"]), found["supervisor_id"]) == (
            "critical",
            12.5,
            voice.id,
        )

"""With any clock of a sender, the value received last is shown as now, and late values are put in their place."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner
from tests.database.test_interactions import start
from tests.database.test_realtime_metrics import pulse

Clock = Callable[[dt.datetime, int], dt.datetime]  # the right time and how many came before → the stamp
FROZEN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
PAUSE = 0.6  # seconds between two metrics of a sender


def off(**delta: float) -> Clock:
    return lambda now, _: now + dt.timedelta(**delta)


def stepped(**delta: float) -> Clock:
    """Right for two metrics, and then set."""
    return lambda now, n: now if n < 2 else now + dt.timedelta(**delta)


CLOCKS: dict[str, Clock] = {
    "right": off(),
    "2 s ahead": off(seconds=2),
    "2 s behind": off(seconds=-2),
    "2 min ahead": off(minutes=2),
    "2 min behind": off(minutes=-2),
    "a day ahead": off(days=1),
    "a day behind": off(days=-1),
    "set 2 min ahead": stepped(minutes=2),
    "set 2 min back": stepped(minutes=-2),
    "set a day back": stepped(days=-1),
    "frozen": lambda _now, _n: FROZEN,
    "whole seconds": lambda now, _: now.replace(microsecond=0),
    "milliseconds": lambda now, _: now.replace(microsecond=now.microsecond // 1000 * 1000),
}
# After a clock was set back, one metric seems late. The next one, as far behind, shows that the clock was set.
ONE_HIDDEN = {"set 2 min back", "set a day back"}


async def send(
    connection: Connection, interaction: UUID, agent: UUID, stamp: dt.datetime, score: int
) -> None:
    await connection.fetch(
        "select private.record_metrics(array[$1::uuid], array[$2::uuid], array[$3::timestamptz], array[$4], array[$5::numeric], array[$6])",
        agent, interaction, stamp, "critical" if score < 40 else "good", score, f"line {score}",
    )  # fmt: skip


async def shown(connection: Connection, interaction: UUID) -> tuple[Any, ...]:
    found = await pulse(connection, interaction)
    return float(found["satisfaction_score"]), found["sentiment"], found["feed"][0]["text"]


def expected(score: int) -> tuple[Any, ...]:
    return float(score), "critical" if score < 40 else "good", f"line {score}"


async def sent_last_is_shown(app_server: AppServer, name: str) -> None:
    person = await app_server.hire("voice")
    async with as_owner(app_server) as owner:
        live = await start(owner, person)
        for n, score in enumerate((90, 20, 80, 10, 70)):
            await send(owner, live, person.agents[0].id, CLOCKS[name](dt.datetime.now(dt.UTC), n), score)
            if not (name in ONE_HIDDEN and n == 2):
                assert await shown(owner, live) == expected(score), (name, n)
            await asyncio.sleep(PAUSE)
        await pages_show(owner, live, name)


async def pages_show(owner: Connection, live: UUID, name: str) -> None:
    """Wallboard, timeline, course and archive agree: the value sent last is last, and none is in the future."""
    row = await owner.fetchrow("select * from private.interaction_rows where id = $1", live)
    assert row is not None
    assert (float(row["satisfaction_score"]), row["sentiment"], row["feed"]["text"]) == expected(70), name
    page = await owner.fetchval("select private.interaction_v2($1)", {"interaction_id": str(live)})
    lines = [entry for entry in page["timeline"] if entry["kind"] == "feed"]
    assert lines[-1]["text"] == "line 70", name
    assert page["scores"][-1][1] == 70, name
    now = dt.datetime.now(dt.UTC)
    assert all(dt.datetime.fromisoformat(line["at"]) <= now for line in lines), name
    if name == "a day behind":
        assert all(line["dated"] for line in lines), "it is shown with its date"
    if name not in {"frozen", "whole seconds", *ONE_HIDDEN}:  # of one moment the later value stays
        assert [line["text"] for line in lines] == [f"line {score}" for score in (90, 20, 80, 10, 70)], name
    await owner.execute("update interactions set status = 'completed' where id = $1", live)
    await owner.execute(
        "update interactions set ended_at = now() - interval '2 days', started_at = now() - interval '3 days' where id = $1",
        live,
    )
    await owner.execute("insert into interaction_archives (interaction_id, summary) values ($1, 'x')", live)
    await owner.execute(
        "update realtime_metrics set created_at = now() - interval '2 days' where interaction_id = $1", live
    )
    while await owner.fetchval("select private.cleanup_realtime_metrics(24, 100)"):
        pass
    series = await owner.fetchval("select series from interaction_archives where interaction_id = $1", live)
    assert [point[0] for point in series] == sorted(point[0] for point in series), name
    assert series[-1][1] == 70, name


async def both_are_shown(app_server: AppServer, name: str) -> None:
    person = await app_server.hire("voice")
    async with as_owner(app_server) as owner:
        live = await start(owner, person)
        for n in range(4):
            for score, clock in ((10 + n, CLOCKS["right"]), (90 - n, CLOCKS[name])):
                await send(owner, live, person.agents[0].id, clock(dt.datetime.now(dt.UTC), n), score)
                settled = n > (2 if name in ONE_HIDDEN else 0)
                if clock is CLOCKS["right"] or settled:
                    assert await shown(owner, live) == expected(score), (name, n, score)
                await asyncio.sleep(PAUSE)


async def test_what_was_sent_last_is_shown(app_server: AppServer) -> None:
    await asyncio.gather(*(sent_last_is_shown(app_server, name) for name in CLOCKS))


async def test_a_wrong_clock_hides_nothing_that_a_right_one_says_nor_is_hidden(app_server: AppServer) -> None:
    """Two senders take turns; from the second turn on, each is shown when it sends.

    A clock that stands still sends only new values of one moment, like a correction, so the right one stays.
    """
    await asyncio.gather(*(both_are_shown(app_server, name) for name in CLOCKS if name != "frozen"))


async def test_what_comes_late_is_put_where_it_belongs(app_server: AppServer, voice: Person) -> None:
    """Sent again after the network was away, in any order: the newest stamp is shown."""
    agent, now = voice.agents[0].id, dt.datetime.now(dt.UTC)
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        for score in (50, 20, 40, 10, 30):
            await send(owner, live, agent, now - dt.timedelta(seconds=100 - score), score)
        found = await pulse(owner, live)
        assert [float(score) for score in found["scores"]] == [10, 20, 30, 40, 50]
        assert await shown(owner, live) == expected(50)


async def test_a_metric_ahead_counts_for_when_it_came(app_server: AppServer, voice: Person) -> None:
    """Stamped two minutes ahead, and afterwards without stamps: the floor shows the present value."""
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await send(owner, live, agent, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120), 90)
        await send(owner, live, agent, dt.datetime.now(dt.UTC), 3)
        assert await shown(owner, live) == expected(3)
        at = (await pulse(owner, live))["feed"][1]["at"]
        assert dt.datetime.fromisoformat(at) <= dt.datetime.now(dt.UTC), "and is shown with that moment"

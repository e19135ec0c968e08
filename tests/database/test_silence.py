"""Who is silent, since when, and what ends it; and the times at which an interaction left a kind that needs attention."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.conftest import until as eventually
from tests.database.acting import Connection, as_owner, become
from tests.database.test_interactions import start
from tests.database.test_realtime_metrics import pulse

INDEFINITE = dt.datetime.max  # noqa: DTZ901 - as asyncpg reads infinity


async def metric(
    connection: Connection, agent: UUID, live: UUID, sentiment: str | None, score: float | None
) -> None:
    outcome = await connection.fetchval(
        "select private.record_metrics(array[$1::uuid], array[$2::uuid], array[clock_timestamp()], array[$3::text], array[$4::numeric], array[null::text])",
        agent,
        live,
        sentiment,
        score,
    )
    assert outcome == "stored"


async def quieten(connection: Connection, live: UUID, seconds: int) -> dt.datetime:
    """Let it have been quiet for so many seconds, and let the sweeper look; returns when it was heard last."""
    heard: dt.datetime = await connection.fetchval(
        """update interaction_pulse set last_seen_at = clock_timestamp() - make_interval(secs => $2)
        where interaction_id = $1 returning last_seen_at""",
        live,
        seconds,
    )
    # The server's own sweeper may be running.
    await eventually(lambda: connection.fetchval("select private.sweep('reaping') is not null"))
    return heard


async def until(connection: Connection, live: UUID, kind: str) -> Any:
    return (await pulse(connection, live))[f"{kind}_until"]


async def test_an_interaction_is_silent_from_stale_seconds_on_and_since_it_was_last_heard(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        stale = await owner.fetchval("select private.setting('stale_seconds')")
        await quieten(owner, live, stale - 5)
        assert (await pulse(owner, live))["silent_since"] is None
        heard = await quieten(owner, live, stale + 1)
        assert (await pulse(owner, live))["silent_since"] == heard
        await owner.execute("select private.mark_silent()")
        assert (await pulse(owner, live))["silent_since"] == heard


@pytest.mark.parametrize(
    "how", ["metric", "late metric", "known metric with more", "turn", "turn that grows"]
)
async def test_whatever_the_agent_reports_ends_a_silence(
    app_server: AppServer, voice: Person, how: str
) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await metric(owner, agent, live, "good", None)
        moment = (await pulse(owner, live))["captured_at"]
        grows = '[{"speaker": "agent", "text": "%s", "external_id": "a"}]'
        key = await owner.fetchval("select id from agent_keys where agent_id = $1", agent)
        await owner.execute(
            "select set_config('request.jwt.claims', json_build_object('key_id', $1::text)::text, true)",
            str(key),
        )
        await owner.fetch("select private.add_turns($1, $2::text::jsonb)", live, grows % "Hel")
        await quieten(owner, live, 25)
        assert (await pulse(owner, live))["silent_since"] is not None
        assert await until(owner, live, "silent") is None
        if how.endswith("metric") or how.startswith("known"):
            when = {"metric": "clock_timestamp()", "late metric": "clock_timestamp() - interval '5 minutes'"}
            await owner.execute(
                f"""select private.record_metrics(array[$1::uuid], array[$2::uuid], array[{when.get(how, "$3::timestamptz")}],
                array['good'], array[70], array[null::text]), $3::timestamptz""",
                agent, live, moment,
            )  # fmt: skip
        else:
            said = grows % "Hello" if how.endswith("grows") else '[{"speaker": "agent", "text": "Hello."}]'
            await owner.fetch("select private.add_turns($1, $2::text::jsonb)", live, said)
        after = await pulse(owner, live)
        assert after["silent_since"] is None
        assert after["silent_until"] == after["last_seen_at"]
        ended = after["silent_until"]
        await metric(owner, agent, live, "good", 71)
        assert await until(owner, live, "silent") == ended


async def test_the_row_says_until_when_it_was_critical_or_low(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await metric(owner, agent, live, "good", 40)
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (None, None)
        await metric(owner, agent, live, "critical", 39.99)
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (
            INDEFINITE,
            INDEFINITE,
        )
        await metric(owner, agent, live, None, None)
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (
            INDEFINITE,
            INDEFINITE,
        )
        await metric(owner, agent, live, "neutral", 90)
        left = (await pulse(owner, live))["last_seen_at"]
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (left, left)
        await metric(owner, agent, live, "good", 91)
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (left, left)
        # A list in which it was so for a moment, of which nothing is late.
        await owner.execute(
            "update interaction_pulse set captured_at = captured_at - interval '1 s' where interaction_id = $1",
            live,
        )
        await owner.execute(
            """select private.record_metrics(array[$1, $1]::uuid[], array[$2, $2]::uuid[],
            array[clock_timestamp() - interval '1 millisecond', clock_timestamp()], array['critical', 'good'], array[5, 80], array[null, null]::text[])""",
            agent,
            live,
        )
        again = (await pulse(owner, live))["last_seen_at"]
        assert again > left
        assert (await until(owner, live, "critical"), await until(owner, live, "low")) == (again, again)


async def test_a_silent_one_is_no_longer_critical_and_is_again_when_it_is_heard(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0].id
    async with as_owner(app_server) as owner:
        live = await start(owner, voice)
        await metric(owner, agent, live, "critical", None)
        await quieten(owner, live, 25)
        assert await until(owner, live, "critical") != INDEFINITE
        await metric(owner, agent, live, None, 50)
        assert await until(owner, live, "critical") == INDEFINITE


async def test_numbers_and_order_of_the_wallboard_know_who_is_silent(app_server: AppServer) -> None:
    person, admin = await app_server.hire("voice", 3), await app_server.hire("admin")
    lives = [await app_server.start(agent) for agent in person.agents]
    for agent, live, (sentiment, score) in zip(
        person.agents, lives, [("critical", 1), ("critical", 30), ("good", 90)], strict=True
    ):
        async with app_server.api(agent) as api:
            await api.post(
                f"/interactions/{live}/metrics", json={"sentiment": sentiment, "satisfaction_score": score}
            )
    await app_server.ask(person.agents[2], lives[2])

    # One snapshot, because the numbers count everybody's interactions and others start and end meanwhile.
    async with as_owner(app_server, isolation="repeatable_read") as owner:

        async def wallboard(arguments: str = "{}") -> dict[str, Any]:
            await become(owner, admin)
            found: dict[str, Any] = await owner.fetchval(
                "select private.wallboard($1::text::jsonb)", arguments
            )
            await owner.execute("reset role")
            return found

        before = await wallboard()
        await owner.execute(
            "update interaction_pulse set silent_since = last_seen_at where interaction_id = $1", lives[0]
        )
        after = await wallboard()
        mine = await wallboard(f'{{"supervisor": "{person.username}"}}')
        only_silent = await wallboard(f'{{"supervisor": "{person.username}", "stale": "1"}}')
    assert [one["id"] for one in mine["interactions"]] == [lives[1], lives[0], lives[2]]
    assert [one["id"] for one in only_silent["interactions"]] == [lives[0]]
    assert after["numbers"]["active"] == before["numbers"]["active"]
    assert after["numbers"]["critical"] == before["numbers"]["critical"] - 1
    assert after["numbers"]["silent"] == before["numbers"]["silent"] + 1

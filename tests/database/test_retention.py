"""Retention and the sweeper: silent interactions fail, metrics and archives are deleted, numbers are removed."""

from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.database.acting import Connection, as_owner, become, refused
from tests.database.test_interaction_archives import a_number, archive, past
from tests.database.test_interactions import START, start
from tests.database.test_realtime_metrics import record


async def age(owner: Connection, table: str, column: str, interaction: UUID, age: str) -> None:
    name = "id" if table == "interactions" else "interaction_id"
    await owner.execute(
        f"update {table} set {column} = now() - $2::text::interval where {name} = $1", interaction, age
    )


async def count(owner: Connection, table: str, interaction: UUID) -> int:
    return int(await owner.fetchval(f"select count(*) from {table} where interaction_id = $1", interaction))


async def measured(
    owner: Connection, person: Person, points: int, age_hours: int, *, ended: bool = True
) -> UUID:
    """An interaction with so many metrics, started and measured so many hours ago."""
    interaction = await start(owner, person)
    for first in range(0, points, 500):
        await record(
            owner,
            [
                (person.agents[0].id, interaction, n * 5, "good", n % 101, None)
                for n in range(first, min(first + 500, points))
            ],
        )
    if ended:
        await owner.execute("update interactions set status = 'completed' where id = $1", interaction)
        await owner.execute(
            "update interactions set ended_at = now() - make_interval(hours => $2), started_at = now() - make_interval(hours => $2) - interval '5 min' where id = $1",
            interaction,
            age_hours,
        )
    await owner.execute(
        "update realtime_metrics set created_at = now() - make_interval(hours => $2) where interaction_id = $1",
        interaction,
        age_hours,
    )
    return interaction


async def clean(owner: Connection) -> None:
    """Sweep until nothing is left to do."""
    while await owner.fetchval("select private.cleanup_realtime_metrics()"):
        pass


@pytest.mark.parametrize("amount", [0, -1, None])
async def test_less_than_one_is_refused(app_server: AppServer, amount: int | None) -> None:
    async with as_owner(app_server) as owner:
        async with refused(owner, "FW422"):
            await owner.fetchval("select cleanup_old_archives($1)", amount)
        if amount is not None:
            async with refused(owner, "FW422"):
                await owner.fetchval("select private.cleanup_realtime_metrics($1)", amount)


async def test_old_metrics_go_and_a_series_stays_with_the_archive(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        old = await measured(owner, voice, 600, 30)
        await archive(owner, old)
        young = await measured(owner, voice, 10, 2)
        await clean(owner)
        assert (
            await count(owner, "realtime_metrics", old),
            await count(owner, "realtime_metrics", young),
        ) == (0, 10)
        series = await owner.fetchval(
            "select series from interaction_archives where interaction_id = $1", old
        )
        assert len(series) == 120
        assert series == sorted(series)
        assert series[0][1:] == [0, "good"], "the lowest is kept, of others the average"
        await clean(owner)
        assert (
            await owner.fetchval("select series from interaction_archives where interaction_id = $1", old)
            == series
        )


async def test_metrics_of_an_active_interaction_stay_and_stop_no_others(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with as_owner(app_server) as owner:
        await clean(owner)  # rows of other tests that the sweeper has not reached
        endless = await measured(owner, voice, 20, 24 * 365 * 5, ended=False)
        old = await owner.fetchval(START, chat.agents[0].id, "chat")
        await record(owner, [(chat.agents[0].id, old, 1, "good", 1, None)])
        await owner.execute("update interactions set status = 'failed' where id = $1", old)
        await owner.execute(
            "update interactions set ended_at = now() - interval '4 years', started_at = now() - interval '4 years' where id = $1",
            old,
        )
        await age(owner, "realtime_metrics", "created_at", old, "4 years")
        assert await owner.fetchval("select private.cleanup_realtime_metrics(24, 5)") == 1
        assert (
            await count(owner, "realtime_metrics", endless),
            await count(owner, "realtime_metrics", old),
        ) == (20, 0)


async def test_old_archives_go_with_their_transcript_and_the_number(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        await owner.fetchval("select cleanup_old_archives()")
        old, young = await past(owner, voice, 0, a_number()), await past(owner, voice, 1, a_number())
        for interaction in (old, young):
            await archive(owner, interaction)
            await owner.execute("alter table interaction_turns disable trigger user")
            await owner.execute(
                "insert into interaction_turns (interaction_id, supervisor_id, speaker, text) values ($1, $2, 'customer', 'my name is')",
                interaction,
                voice.id,
            )
            await owner.execute("alter table interaction_turns enable trigger user")
        await age(owner, "interaction_archives", "created_at", old, "91 days")
        await age(owner, "interaction_archives", "created_at", young, "89 days")
        await owner.execute("set local role service_role")
        assert await owner.fetchval("select cleanup_old_archives()") == 1
        await owner.execute("reset role")
        assert [await count(owner, t, old) for t in ("interaction_archives", "interaction_turns")] == [0, 0]
        assert [await count(owner, t, young) for t in ("interaction_archives", "interaction_turns")] == [1, 1]
        numbers = await owner.fetch(
            "select phone_number is null from interactions where id = any ($1) order by started_at",
            [old, young],
        )
        assert [row[0] for row in numbers] == [True, False]


async def test_what_is_silent_for_too_long_fails_unless_it_waits_for_a_decision(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    async with as_owner(app_server) as owner:
        silent, waiting = await start(owner, voice), await start(owner, chat, "chat")
        await owner.execute(
            "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund')", waiting
        )
        for interaction in (silent, waiting):
            await age(owner, "interaction_pulse", "last_seen_at", interaction, "601 seconds")
        assert await owner.fetchval("select private.reap_interactions()") >= 1
        rows = await owner.fetch("select id, status from interactions where id = any ($1)", [silent, waiting])
        assert {row[0]: row[1] for row in rows} == {silent: "failed", waiting: "active"}
        assert await owner.fetchval("select status from agents where id = $1", voice.agents[0].id) == "idle"


STEPS = ("expiry", "reaping", "performance", "metrics", "archives", "interactions", "leftovers")
LOCK = "select pg_advisory_xact_lock(hashtextextended('floorwalker sweep ' || $1, 0))"


@pytest.mark.parametrize("step", STEPS)
async def test_a_second_sweeper_finds_the_step_taken_and_other_steps_free(
    app_server: AppServer, step: str
) -> None:
    other = STEPS[STEPS.index(step) - 1]
    async with as_owner(app_server) as owner, app_server.database("floorwalker_web") as web:
        await owner.execute(LOCK, step)
        assert await web.fetchval("select private.sweep($1)", step) is None
        # The server's own sweeper may be running.
        await until(lambda: web.fetchval("select private.sweep($1) is not null", other))


@pytest.mark.parametrize("step", [None, "", "all", "Expiry"])
async def test_an_unknown_step_is_refused(app_server: AppServer, step: str | None) -> None:
    async with as_owner(app_server) as owner, refused(owner, "FW422"):
        await owner.fetchval("select private.sweep($1)", step)


async def test_sessions_idempotency_keys_and_faults_grow_old(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        await owner.execute("select private.cleanup_leftovers()")
        for name, key, fault, session in (
            ("old", "25 hours", "91 days", "31 days"),
            ("young", "23 hours", "89 days", "29 days"),
        ):
            await owner.execute(
                "insert into private.idempotency_keys (agent_id, key, request_digest, created_at) values ($1, $2, '\\x00', now() - $3::text::interval)",
                voice.agents[0].id,
                name,
                key,
            )
            await owner.execute(
                "insert into private.profile_faults (user_id, reason, created_at) values ($1, $2, now() - $3::text::interval)",
                voice.id,
                name,
                fault,
            )
            await owner.execute(
                """insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at, user_agent, last_seen_at)
                values (sha256($2::text::bytea), $1, '', '', now(), $2, now() - $3::text::interval)""",
                voice.id,
                name,
                session,
            )
        assert await owner.fetchval("select private.cleanup_leftovers()") == 3
        for question, whose in (
            ("select key from private.idempotency_keys where agent_id = $1", voice.agents[0].id),
            ("select reason from private.profile_faults where user_id = $1", voice.id),
            ("select user_agent from private.web_sessions where user_id = $1", voice.id),
        ):
            assert [row[0] for row in await owner.fetch(question, whose)] == ["young"]


async def test_sums_by_quarters_and_of_agents_by_days_go_and_those_of_supervisors_by_days_stay(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        for days in (399, 401):
            await owner.execute(
                """insert into interactions (agent_id, interaction_type, status, started_at, ended_at)
                values ($1, 'voice', 'completed', now() - make_interval(days => $2), now() - make_interval(days => $2))""",
                voice.agents[0].id,
                days,
            )
        await owner.execute("select private.fold_performance(null)")
        await owner.execute("select private.cleanup_leftovers()")
        rows = await owner.fetch(
            "select span, count(*) from private.performance_sums where key in ($1, $2) and completed > 0 group by span order by span",
            voice.id,
            voice.agents[0].id,
        )
    found = {row[0]: row[1] for row in rows}
    assert found.pop("month") in (1, 2)
    assert found == {"agent_day": 1, "agent_quarter": 1, "day": 2, "ever": 1, "quarter": 1}


async def test_what_never_got_an_archive_is_forgotten_as_old_archives_are(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        old, young, archived = [await past(owner, voice, n, a_number()) for n in range(3)]
        await archive(owner, archived)
        for interaction in (old, archived):
            await owner.execute(
                "update interactions set started_at = now() - interval '91 days', ended_at = now() - interval '91 days' where id = $1",
                interaction,
            )
        await owner.execute("alter table interaction_turns disable trigger user")
        await owner.execute("alter table tool_permissions disable trigger user")
        for interaction in (old, young, archived):
            await owner.execute(
                "insert into interaction_turns (interaction_id, supervisor_id, speaker, text) values ($1, $2, 'customer', 'my name is')",
                interaction,
                voice.id,
            )
            await owner.execute(
                """insert into tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, expires_at, status,
                  responded_at, responded_by, responded_by_name, reason)
                values ($1, $2, $3, 'issue_refund', '{"name": "Ann"}', 'digest', now(), 'denied', now(), $3, 'ana', 'Ann is not Bob')""",
                interaction,
                voice.agents[0].id,
                voice.id,
            )
        await owner.execute("alter table interaction_turns enable trigger user")
        await owner.execute("alter table tool_permissions enable trigger user")
        await owner.execute(
            "update interactions set external_id = 'ann-1', livekit_room_id = '+49' where id = $1", old
        )
        while await owner.fetchval("select private.anonymise_interactions()"):
            pass
        rows = await owner.fetch(
            """select i.id, phone_number is null and external_id is null and livekit_room_id is null as nameless, anonymised_at is not null as forgotten,
              (select count(*) from interaction_turns t where t.interaction_id = i.id) as turns, arguments::text, arguments_digest, reason, t.status, responded_by_name
            from interactions i join tool_permissions t on t.interaction_id = i.id where i.id = any ($1)""",
            [old, young, archived],
        )
        found = {row["id"]: tuple(row)[1:] for row in rows}
        kept = (False, False, 1, '{"name": "Ann"}', "digest", "Ann is not Bob", "denied", "ana")
        assert found == {
            old: (True, True, 0, "{}", "digest", None, "denied", "ana"),
            young: kept,
            archived: kept,
        }


async def test_what_is_forgotten_changes_no_decision(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        interaction = await start(owner, voice)
        asked = await owner.fetchval(
            "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund') returning id",
            interaction,
        )
        await owner.execute("update interactions set status = 'failed' where id = $1", interaction)
        await owner.execute("select private.forget(array[$1::uuid])", interaction)
        for change in (
            "status = 'allowed'",
            "execute_before = now()",
            "responded_at = now() - interval '1 day'",
        ):
            async with refused(owner, "FW409"):
                await owner.execute(f"update tool_permissions set {change} where id = $1", asked)


async def test_an_active_interaction_is_not_forgotten(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        interaction = await start(owner, voice)
        await owner.execute(
            "update interactions set phone_number = '+18505550155' where id = $1", interaction
        )
        await owner.execute("select private.forget(array[$1::uuid])", interaction)
        assert await owner.fetchval("select phone_number from interactions where id = $1", interaction)


async def test_without_an_archive_the_series_stays_with_the_interaction(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        old = await measured(owner, voice, 600, 30)
        await clean(owner)
        assert await count(owner, "realtime_metrics", old) == 0
        await become(owner, voice)
        page = await owner.fetchval(
            "select private.interaction(jsonb_build_object('interaction_id', $1::uuid))", old
        )
        assert len(page["scores"]) == 120


async def test_a_very_long_interaction_goes_in_batches_and_keeps_its_whole_series(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        old = await measured(owner, voice, 1000, 24 * 365 * 5)
        await archive(owner, old)
        batches = [await owner.fetchval("select private.cleanup_realtime_metrics(24, 300)") for _ in range(4)]
        assert batches == [300, 300, 300, 100]
        series = await owner.fetchval(
            "select series from interaction_archives where interaction_id = $1", old
        )
        assert (len(series), series[-1][0] - series[0][0]) == (120, 992 * 5)

"""The hot queries use an index: none reads a table from end to end, except those that need all of a small one."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest

from server.embedded.postgres import Postgres
from tests.app_server import AppServer, Person
from tests.bench import contact_centre
from tests.database.acting import Connection
from tests.database.apart import add_people, apart

# Read whole because all of it is needed, and it does not grow with history: the people, active interactions, six
# settings, and the changes of the last half second.
# Empty in these centres, so that reading them whole is the quickest.
REVIEW = (
    "interaction_flags",
    "interaction_tags",
    "interaction_notes",
    "interaction_note_versions",
    "interaction_scores",
    "scorecards",
    "audit_logs",
)
RANGES = (
    "performance_ranges",
    "performance_range_sums",
)  # at most 200 ranges, in these centres few sums of them
MONTH = "date_trunc('day', now(), 'Asia/Tokyo') - interval '30 days', date_trunc('day', now(), 'Asia/Tokyo') + interval '1 day'"
PEOPLE, PULSE, SETTINGS, CHANGES = "users", "interaction_pulse", "settings", "performance_changes"


@dataclass(frozen=True)
class Question:
    """Who asks what ({supervisor}, {agent}, {interaction}, {permission} are ids, {digest} of its arguments), and what it may read whole."""

    who: str  # a supervisor, an admin, an agent, or the web process
    sql: str
    whole: frozenset[str] = field(default_factory=frozenset)


def ask(who: str, sql: str, *whole: str) -> Question:
    return Question(who, sql, frozenset(whole) | {SETTINGS})


METRICS = """select * from private.record_metrics(array['{agent}'::uuid], array['{interaction}'::uuid],
  array[clock_timestamp()], array['good'], array[50], array['It goes on.'])"""
QUESTIONS = {
    # No drill was sent in these centres, and nothing waits to be found.
    "floor": ask("supervisor", "select private.floor_v2('{{\"supervisor_id\": \"{supervisor}\"}}')", "drills"),
    "interaction": ask("supervisor", "select private.interaction('{{\"interaction_id\": \"{interaction}\"}}')"),
    "interaction with all its decisions": ask("supervisor", "select private.interaction_v2('{{\"interaction_id\": \"{interaction}\"}}')", "audit_logs"),
    "found interactions": ask(
        "supervisor",
        "select * from private.find_interactions('order w1', false, null, null, null, null, array['channel:voice'], 'started', true, null, null, 51)",
    ),
    "review": ask("supervisor", "select private.review('{interaction}')", PEOPLE, *REVIEW),
    "flag": ask("supervisor", "select set_interaction_flag('{interaction}', 0, 'open', null, 'Why?')", PEOPLE, *REVIEW),
    "note": ask("supervisor", "select write_interaction_note(gen_random_uuid(), '{interaction}', null, 'A note.')", *REVIEW),
    "wallboard": ask("admin", "select private.wallboard('{{}}')", PEOPLE, PULSE),
    "wallboard filtered": ask(
        "admin", "select private.wallboard('{{\"type\": \"voice\", \"supervisor\": \"a\", \"stale\": \"1\"}}')", PEOPLE, PULSE
    ),
    "wallboard by supervisor": ask("admin", "select private.wallboard('{{\"sort\": \"supervisor\"}}')", PEOPLE, PULSE),
    "what waits, everybody's": ask("admin", "select private.waiting('{{}}')", PEOPLE),
    "pending permissions": ask("supervisor", "select * from private.waiting_in_turn(array['{supervisor}'::uuid], 50)"),
    "everybody's pending permissions": ask("admin", "select * from private.waiting_in_turn(null, 50)", PEOPLE),
    "decision": ask("supervisor", "select * from decide_tool_permission('{permission}', 'denied', null, '{digest}')"),
    "taking back": ask("supervisor", "select * from take_back_tool_permission('{permission}')"),
    "grant": ask(
        "supervisor",
        "select allow_with_grant('{permission}', '{digest}', 'limit', 3, 30, 'amount', 50, 150)",
    ),
    "revoking a grant": ask(
        "supervisor",
        "select allow_with_grant('{permission}', '{digest}', 'exact', 3, 30);"
        "select * from revoke_grant((select id from tool_grants where permission_id = '{permission}'))",
    ),
    # Names of agents are few, and the index of texts is empty in these centres.
    "decisions with a text": ask("supervisor", "select private.decisions_with_text('zzzz', null, null, null, null, false, 1000)", "decision_search"),
    "everybody's decisions with a text": ask("admin", "select private.decisions_with_text('zzzz', null, null, null, null, false, 1000)", "decision_search", "agents"),
    "executions that failed": ask(
        "supervisor", "select id from tool_permissions where not execution_succeeded order by requested_at desc, id desc limit 51"
    ),
    "pause": ask("supervisor", "select set_agent_paused('{agent}', true)"),
    "waiting for a decision": ask("agent", "select * from tool_permissions where id = '{permission}'"),
    "asking": ask(
        "agent", "insert into tool_permissions (interaction_id, tool_name) values ('{interaction}', 'issue_refund')"
    ),
    "end": ask(  # no agent of these centres has a configuration
        "agent", "update interactions set status = 'completed' where id = '{interaction}'", "agent_config", *REVIEW
    ),
    "turn": ask(
        "agent", "insert into interaction_turns (interaction_id, speaker, text) values ('{interaction}', 'agent', 'x')"
    ),
    "metrics": ask("web", METRICS),
    "key": ask("web", "select * from private.agent_of_key(sha256('x'))"),
    "session": ask("web", "select * from private.find_web_session(sha256('x'))"),
    "expiry": ask("web", "select private.sweep('expiry')", "drills"),
    "reaping": ask("web", "select private.sweep('reaping')", PULSE),
    "folding": ask("web", "select private.sweep('performance')", CHANGES, *RANGES, "interactions_to_find", "decision_search"),
    "clean-up of metrics": ask("web", "select private.sweep('metrics')"),
    # Empty in these centres, so that reading them whole is the quickest: deliveries and faults of profiles.
    "clean-up of archives": ask("web", "select private.sweep('archives')", "webhook_deliveries", *REVIEW),
    "clean-up of leftovers": ask("web", "select private.sweep('leftovers')", *RANGES, "profile_faults", "webhook_deliveries", "given_signals", "alerts"),
    "anonymisation": ask("web", "select private.sweep('interactions')", "webhook_deliveries", *REVIEW),
    # All that the sums of these centres have is of one month.
    "leaderboard": ask("supervisor", "select * from leaderboard('month', 'Asia/Tokyo')", PEOPLE, CHANGES, *RANGES),
    "leaderboard of any days": ask("supervisor", f"select * from leaderboard_v2({MONTH})", PEOPLE, CHANGES, *RANGES, "performance_sums"),
    "leaderboard of agents": ask("admin", f"select * from agent_leaderboard({MONTH})", PEOPLE, CHANGES, *RANGES, "agents", "performance_sums"),
    "trend": ask("supervisor", f"select * from leaderboard_trend(array[{MONTH}], array['{{supervisor}}'::uuid])", CHANGES),
    "today": ask("supervisor", "select private.today('Asia/Tokyo')", CHANGES),
    "own performance": ask("supervisor", "select * from supervisor_performance", PEOPLE, CHANGES),
}  # fmt: skip


@dataclass(frozen=True)
class Context:
    """Where the questions are asked, and the ids they are about."""

    connection: Connection
    ids: dict[str, UUID | str]
    people: dict[str, str]  # who → claims


async def place(owner: Connection, web: Connection, supervisor: UUID, agent: UUID, admin: UUID) -> Context:
    found = await owner.fetchrow(
        """select p.interaction_id as interaction, t.id as permission, t.arguments_digest as digest from interaction_pulse p
        join tool_permissions t on t.interaction_id = p.interaction_id and t.status = 'pending' where p.agent_id = $1""",
        agent,
    )
    assert found is not None
    key = await owner.fetchval(
        "insert into agent_keys (agent_id, key_hash, hint) values ($1, sha256($2), 'plans') on conflict (key_hash) do update set hint = 'plans' returning id",
        agent,
        agent.bytes,
    )
    return Context(
        web,
        {"supervisor": supervisor, "agent": agent, **dict(found)},
        {
            "supervisor": json.dumps({"sub": str(supervisor)}),
            "admin": json.dumps({"sub": str(admin)}),
            "agent": json.dumps({"key_id": str(key)}),
        },
    )


async def read_whole(place: Context, question: Question, *, forbidden: bool) -> set[str]:
    """The tables that a question reads from end to end, by PostgreSQL's own count."""
    counts = "select relname, seq_scan from pg_stat_xact_all_tables where schemaname in ('public', 'private')"
    connection = place.connection
    role = {"agent": "agent_runtime", "web": "none"}.get(question.who, "authenticated")
    transaction = connection.transaction()
    await transaction.start()
    try:
        if forbidden:
            # Then a small table is read by its index like a large one, if there is a suitable index.
            await connection.execute("set local enable_seqscan = off")
        if role != "none":
            await connection.execute(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
                role,
                place.people[question.who],
            )
        before = {row["relname"]: row["seq_scan"] for row in await connection.fetch(counts)}
        await connection.execute(question.sql.format(**place.ids))
        after = {row["relname"]: row["seq_scan"] for row in await connection.fetch(counts)}
    finally:
        await transaction.rollback()
    return {name for name, scans in after.items() if scans > before.get(name, 0)}


@pytest.fixture(scope="session")
async def small(app_server: AppServer) -> AsyncIterator[Context]:
    person: Person = await app_server.hire("voice")
    admin = await app_server.hire("admin")
    interaction = await app_server.start(person.agents[0])
    await app_server.ask(person.agents[0], interaction)
    async with (
        app_server.database() as owner,
        app_server.database("floorwalker_web") as web,
    ):
        yield await place(owner, web, person.id, person.agents[0].id, admin.id)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_hot_question_has_its_indexes(small: Context, name: str) -> None:
    found = await read_whole(small, QUESTIONS[name], forbidden=True)
    assert found <= QUESTIONS[name].whole


async def test_a_question_without_an_index_is_noticed(small: Context) -> None:
    question = ask("supervisor", "select count(*) from agent_tools where description = 'x'")
    # Older versions read small tables whole on the way there, too.
    assert "agent_tools" in await read_whole(small, question, forbidden=False)


@pytest.fixture(scope="session")
async def large(app_server: AppServer) -> AsyncIterator[Context]:
    """A database of its own with 1,000 supervisors and 200,000 interactions, where the planner is free to choose."""
    async with apart(app_server, "large") as url:
        owner = await asyncpg.connect(url)
        web = await asyncpg.connect(Postgres(app_server.home).url("floorwalker_web", "large"))
        try:
            await contact_centre.hire(owner, 1000)
            await contact_centre.archive(owner, 200_000)
            await contact_centre.live(owner, history=100_000, pending=200)
            await contact_centre.measure(owner, each=60)
            await contact_centre.furnish(owner)
            agent = await owner.fetchrow(
                "select id, supervisor_id from agents where id in (select agent_id from tool_permissions where status = 'pending') limit 1"
            )
            assert agent is not None
            admin = uuid4()
            await add_people(owner, admin, [])
            yield await place(owner, web, agent["supervisor_id"], agent["id"], admin)
        finally:
            await web.close()
            await owner.close()


@pytest.mark.full
@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_hot_question_uses_its_indexes_on_a_large_floor(large: Context, name: str) -> None:
    found = await read_whole(large, QUESTIONS[name], forbidden=False)
    assert found <= QUESTIONS[name].whole

"""The sample of the matrix: people and agents with a row in every table, and each actor as a database role."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from server.kernel.auth import digest
from tests.app_server import Agent, AppServer, Person
from tests.database.acting import Connection, as_person
from tests.database.fates import ACTORS
from tests.database.sample_rules import make_rules

Names = dict[str, str]  # what {names} in SQL of matrix.py and functions.py stand for
DONE = {"SELECT": "sees", "INSERT": "adds", "UPDATE": "changes", "DELETE": "deletes", "COPY": "sees"}
ROLES = {"anon": "anon", "web": "floorwalker_web", "service": "service_role"} | {
    actor: "agent_runtime" if actor.endswith("key") else "authenticated"
    for actor in ACTORS
    if actor not in ("anon", "web", "service")
}


@dataclass(frozen=True, slots=True)
class Sample:
    names: Names  # of the owner's rows
    own: Names  # of the deactivated supervisor's
    claims: dict[str, dict[str, Any]]
    people: dict[str, Person]
    connections: dict[str, Connection] = field(repr=False)

    def sql(self, text: str, actor: str) -> str:
        """The statement about the rows at which this actor looks."""
        return text.format(**(self.own if actor == "deactivated" else self.names))

    @asynccontextmanager
    async def being(self, actor: str, claims: str | None = None) -> AsyncIterator[Connection]:
        """A transaction as this actor, or with these claims instead of theirs; rolled back."""
        role = ROLES[actor]
        login = "postgres" if role in ("anon", "service_role") else "floorwalker_web"
        connection = self.connections[login]
        transaction = connection.transaction()
        await transaction.start()
        try:
            if role != login:
                text = claims if claims is not None else json.dumps(self.claims.get(actor, {}))
                await connection.execute(
                    "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
                    role,
                    text,
                )
            yield connection
        finally:
            await transaction.rollback()


async def outcome(connection: Connection, statement: str) -> str:
    """The fate of one statement: what it did, or the word or SQLSTATE of its refusal; undone when refused."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        tag = (await connection.execute(statement)).split()
    except asyncpg.PostgresError as error:
        await savepoint.rollback()
        return fate_of(error)
    await savepoint.commit()
    return "nothing" if tag[-1] == "0" else DONE.get(tag[0], "done")


def fate_of(error: asyncpg.PostgresError) -> str:
    state, said = str(error.sqlstate), str(error)
    if state == "42501":
        return "refused" if said.startswith("permission denied") else "walled"
    return "kept" if state in ("23503", "23001") else state


async def key_of(owner: Connection, key: str) -> str:
    return str(await owner.fetchval("select id from agent_keys where key_hash = $1", digest(key)))


async def make_rows(app_server: AppServer, person: Person) -> Names:
    """A row in every table: interactions archived, ended and live, tool permissions open and allowed, a session."""
    agent = person.agents[0]
    done = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.api(agent) as api:
        archive = {"summary": "All went well.", "csat_score": 90}
        await api.post(f"/interactions/{done}/end", json={"status": "completed", "archive": archive})
        unarchived = await app_server.start(agent)
        await api.post(f"/interactions/{unarchived}/end", json={"status": "completed"})
        live = await app_server.start(agent, phone_number="+18505550156")
        metric = {"sentiment": "good", "satisfaction_score": 90, "feed_text": "Asks for a refund."}
        await api.post(
            f"/interactions/{live}/metrics", json=metric, headers={"Idempotency-Key": f"first of {live}"}
        )
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "Hello."})
    pending = (await app_server.ask(agent, live))["id"]
    allowed, held = await app_server.ask(agent, live), (await app_server.ask(agent, live))["id"]
    claimed = await app_server.ask(agent, live, tool_name="check_order")
    async with app_server.api(agent) as api:
        digest_of = {"arguments_digest": claimed["arguments_digest"]}
        execution = (await api.post(f"/tool-permissions/{claimed['id']}/execution", json=digest_of)).json()
    async with as_person(app_server, person, keep=True) as viewer:
        await viewer.fetch(
            "select from decide_tool_permission($1, 'allowed', null, $2)",
            UUID(allowed["id"]),
            allowed["arguments_digest"],
        )
        await viewer.execute(
            "insert into saved_views (page, name, filters) values ('interactions', 'Mine', '{}')"
        )
        note = await review(viewer, UUID(done))
    async with app_server.browser_of(person), app_server.database() as owner:
        await owner.execute(
            """update tool_permissions set held_decision = 'allowed', held_by = $2, held_by_name = 'x',
              held_until = clock_timestamp() + interval '1 day' where id = $1""",
            UUID(held),
            person.id,
        )
        grant = await owner.fetchval(
            """insert into tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name, scope, max_uses, expires_at)
            values ($1, $2, 'check_order', $2, 'x', 'any', 3, now() + interval '1 day') returning id""",
            UUID(live),
            person.id,
        )
        await owner.execute(
            "insert into agent_config (agent_id, config_key, config_value) values ($1, 'max_call_duration', '600')",
            agent.id,
        )
        await owner.execute(
            "update agents set setup_began_at = now(), setup_ended_at = now() where id = $1", agent.id
        )
        await owner.execute("insert into setup_steps (agent_id, step) values ($1, 'key_accepted')", agent.id)
        await owner.execute(
            "insert into permission_sights (tool_permission_id, viewer_id, first_seen_at) values ($1, $2, now())",
            UUID(pending),
            person.id,
        )
        await owner.execute(
            """insert into webhook_deliveries (agent_id, interaction_id, event, url, host, next_at)
              values ($1, $2, 'interaction.ended', 'https://example.com', 'example.com', null)""",
            agent.id,
            UUID(live),
        )
        await owner.execute(
            "update agent_tools set sealed_secret = 'x', secret_set_at = now() where agent_id = $1", agent.id
        )
        drill = await owner.fetchval(
            """insert into private.drills (supervisor_id, interaction_id, template, why, tool_name, known_tool, expires_at, outcome, ended_at)
            values ($1, $2, 'amount', 'x', 'issue_refund', true, now(), 'caught', now()) returning id""",
            person.id,
            UUID(live),
        )
        await owner.execute(
            "insert into private.drill_plans (supervisor_id, per_day) values ($1, 1)", person.id
        )
        rules = await make_rules(owner, person.id, UUID(live))
        session = await owner.fetchrow(
            "select id, token_hash from private.web_sessions where user_id = $1", person.id
        )
        assert session is not None
        await signals(owner, person, session["id"], UUID(pending))
        return {
            "owner": str(person.id), "username": person.username, "agent": str(agent.id),
            "key": await key_of(owner, agent.key), "key_hash": digest(agent.key).hex(),
            "done": done, "unarchived": unarchived, "live": live,
            "interactions": f"'{done}', '{unarchived}', '{live}'",
            "pending": pending, "allowed": allowed["id"], "held": held, "grant": str(grant), "digest": allowed["arguments_digest"],
            "claimed": claimed["id"], "execution": execution["execution_id"], "drill": str(drill), "note": str(note),
            "session": str(session["id"]), "session_hash": session["token_hash"].hex(),
            **rules,
        }  # fmt: skip


async def signals(owner: Connection, person: Person, session: UUID, request: UUID) -> None:
    """What calls the person, a browser with web push, and a message to it that waits for long."""
    await owner.execute(
        "insert into signal_choices (user_id, sounds, notifications, zone) values ($1, '{half}', '{half}', 'UTC')",
        person.id,
    )
    subscription = await owner.fetchval(
        """insert into push_subscriptions (user_id, session_id, endpoint, host, p256dh, auth) values ($1, $2,
          'https://push.example.com/' || $2::uuid, 'push.example.com', decode(repeat('04', 65), 'hex'), decode(repeat('05', 16), 'hex')) returning id""",
        person.id,
        session,
    )
    await owner.execute(
        "insert into private.given_signals (user_id, signal, subject_id, since) values ($1, 'half', $2, now())",
        person.id,
        request,
    )
    await owner.execute(
        """insert into private.push_messages (subscription_id, signal, subject_id, agent_name, ends_at, next_at)
          values ($1, 'half', $2, 'x', now() + interval '1 day', now() + interval '1 hour')""",
        subscription,
        request,
    )


async def review(viewer: Connection, interaction: UUID) -> UUID:
    """Write a note on an interaction of the viewer, flag it, tag it, and score it by the first criterion; the note."""
    note = uuid4()
    await viewer.execute("select write_interaction_note($1, $2, null, 'It was kind.')", note, interaction)
    await viewer.execute("select set_interaction_flag($1, 0, 'open', null, 'Look.')", interaction)
    await viewer.execute("select add_interaction_tag($1, 'refund')", interaction)
    await viewer.execute(
        "select score_interaction($1, (select max(version) from scorecards), 1, 'yes')", interaction
    )
    return note


async def revoked_key(app_server: AppServer, agent: Agent) -> str:
    async with app_server.database() as owner:
        return str(
            await owner.fetchval(
                """insert into agent_keys (agent_id, key_hash, hint, revoked_at)
                values ($1, sha256(gen_random_uuid()::text::bytea), 'revoked', now()) returning id""",
                agent.id,
            )
        )


@asynccontextmanager
async def slow_clocks(app_server: AppServer) -> AsyncIterator[None]:
    """Requests and allows within do not expire during the tests."""
    change = "update private.settings set value = value * $1 where name in ('permission_seconds', 'execute_seconds')"
    async with app_server.database() as owner:
        await owner.execute(change, 100)
        yield
        await owner.execute(change.replace("*", "/"), 100)


async def deactivate(app_server: AppServer, *people: Person) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "update users set deactivated_at = now() where id = any ($1)", [person.id for person in people]
        )


@asynccontextmanager
async def unswept(app_server: AppServer, *agents: str) -> AsyncIterator[None]:
    """These agents' performance, some of it in the sums and some not yet, while the sweeper is kept waiting."""
    change = """insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds,
          rated, csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
        select id, supervisor_id, now(), 0, 0, 0, 0, 0, 0, 0, 0 from agents where id = any ($1::uuid[])"""
    async with app_server.database() as owner:
        await owner.execute("select pg_advisory_lock(hashtextextended('floorwalker sweep performance', 0))")
        await owner.execute(change, agents)
        await owner.execute("select private.fold_performance(null)")
        await owner.execute(change, agents)
        yield


@asynccontextmanager
async def make_sample(app_server: AppServer) -> AsyncIterator[Sample]:
    """Everybody with their rows, and one connection of each login for all cells."""
    people = {
        "owner": await app_server.hire("voice"),
        "other": await app_server.hire("voice"),
        "deactivated": await app_server.hire("voice"),
        "admin": await app_server.hire("admin"),
        "deactivated_admin": await app_server.hire("admin"),
    }
    async with slow_clocks(app_server):
        names, own = (
            await make_rows(app_server, people["owner"]),
            await make_rows(app_server, people["deactivated"]),
        )
    await deactivate(app_server, people["deactivated"], people["deactivated_admin"])
    claims = {actor: {"sub": str(person.id), "role": "authenticated"} for actor, person in people.items()}
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() + interval '1 hour' where supervisor_id = any ($1::uuid[])",
            [names["owner"], own["owner"]],
        )
        other_key = await key_of(owner, people["other"].agents[0].key)
    claims |= {
        "its_key": {"key_id": names["key"]},
        "other_key": {"key_id": other_key},
        "revoked_key": {"key_id": await revoked_key(app_server, people["owner"].agents[0])},
    }
    async with AsyncExitStack() as stack:
        logins = ("postgres", "floorwalker_web")
        connections = {login: await stack.enter_async_context(app_server.database(login)) for login in logins}
        yield Sample(names, own, claims, people, connections)

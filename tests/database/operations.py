"""Operations that people, agents' keys, the service key, the sweeper and the owner may try, and their refusals."""

import json
import secrets
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg

from tests.app_server import DEADLINE, TOOLS
from tests.database.acting import Connection
from tests.database.apart import add_agents, add_people


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody in the database: what they are called, the role they get and their claims."""

    kind: str
    role: str
    claim: str = ""
    id: UUID | None = None

    @property
    def claims(self) -> str:
        return json.dumps({self.claim: str(self.id)}) if self.claim else ""

    @property
    def become(self) -> str:
        return f"select set_config('role', '{self.role}', true), set_config('request.jwt.claims', '{self.claims}', true)"


SERVICE = Who("service", "service_role")
SWEEPER = Who("sweeper", "floorwalker_web")
OWNER = Who("owner", "postgres")


def key_of(agent: UUID) -> Who:
    """An agent's key: in these tests it has the agent's own id."""
    return Who("key", "agent_runtime", "key_id", agent)


def person(kind: str, id_: UUID) -> Who:
    return Who(kind, "authenticated", "sub", id_)


@dataclass(frozen=True, slots=True)
class Operation:
    """One statement; $1 is what it is done to. `refused`: the SQLSTATEs with which it may be, at any time."""

    by: str
    on: str
    sql: str
    refused: str = ""


_PERMIT = """update tool_permissions set status = '{0}', responded_at = clock_timestamp(), responded_by = supervisor_id,
  responded_by_name = 'x', execute_before = case when '{0}' = 'allowed' then clock_timestamp() + interval '1 min' end where id = $1 returning id"""
_MARK = (
    "update tool_permissions set status = '{}', responded_at = clock_timestamp() where id = $1 returning id"
)
_END = "update interactions set status = '{}' where id = $1 returning id"
_ASK = "insert into tool_permissions (interaction_id, tool_name) values ($1, '{}') returning id"
_DIGEST = "(select arguments_digest from tool_permissions where id = $1)"
_DECIDE = f"select id from decide_tool_permission($1, '{{}}', null, coalesce({_DIGEST}, '')) where status <> 'pending'"
_REPORT = (
    "select id from report_execution($1, (select execution_id from tool_permissions where id = $1), {}, null)"
)
_PAUSE = "select (set_agent_paused($1, {})).id"

OPERATIONS = {
    "start": Operation(
        "key service",
        "agent",
        "insert into interactions (agent_id, interaction_type) select $1::uuid, 'voice' returning id",
        "23505 FW409 FW404",
    ),
    "complete": Operation("key key service", "interaction", _END.format("completed"), "FW409"),
    "fail": Operation("key service owner", "interaction", _END.format("failed"), "FW409"),
    "delete": Operation(
        "service", "interaction", "delete from interactions where id = $1 and status = 'active'"
    ),
    "ask": Operation("key key service", "interaction", _ASK.format("issue_refund"), "FW409 FW404 FW429"),
    "ask slowly": Operation(
        "key", "interaction", _ASK.format("wire_money"), "FW409 FW404 FW429"
    ),  # its allow is held
    "use": Operation("key", "interaction", _ASK.format("check_order"), "FW409 FW404 FW429"),
    "say": Operation(
        "key",
        "interaction",
        "insert into interaction_turns (interaction_id, speaker, text) values ($1, 'agent', 'x')",
        "FW409 FW404",
    ),
    "allow": Operation("supervisor supervisor admin", "permission", _DECIDE.format("allowed"), "FW409 FW404"),
    "deny": Operation("supervisor admin", "permission", _DECIDE.format("denied"), "FW409 FW404"),
    "take back": Operation(
        "supervisor supervisor admin", "permission", "select id from take_back_tool_permission($1)", "FW404"
    ),
    "grant": Operation(
        "supervisor admin",
        "permission",
        f"select id from allow_with_grant($1, coalesce({_DIGEST}, ''), 'exact', 2, 30)",
        "FW409 FW404",
    ),
    "revoke": Operation(
        "supervisor admin",
        "permission",
        """select revoke_grant((select g.id from tool_grants g join tool_permissions t using (interaction_id, tool_name)
          where t.id = $1 order by g.ended_at nulls first limit 1)) is not null""",
        "FW404",
    ),
    "claim": Operation("key key", "permission", f"select claim_execution($1, {_DIGEST})", "FW409 FW404"),
    "claim otherwise": Operation("key", "permission", "select claim_execution($1, 'x')", "FW409 FW404"),
    "report well": Operation("key", "permission", _REPORT.format("true"), "FW409 FW404"),
    "report ill": Operation("key", "permission", _REPORT.format("false"), "FW409 FW404"),
    "cancel": Operation("service", "permission", _MARK.format("cancelled"), "FW409"),
    "time out": Operation("service owner", "permission", _MARK.format("timeout"), "FW409 23514"),
    "put back": Operation("service", "permission", _MARK.format("pending"), "FW409 23514"),
    "allow by hand": Operation("owner", "permission", _PERMIT.format("allowed"), "FW409"),
    "deny by hand": Operation("owner", "permission", _PERMIT.format("denied"), "FW409"),
    "hold": Operation(
        "owner", "permission", "select id from tool_permissions where id = $1 for no key update"
    ),
    "pause": Operation("supervisor admin", "agent", _PAUSE.format("true"), "FW404"),
    "resume": Operation("supervisor admin", "agent", _PAUSE.format("false"), "FW404"),
    "retire": Operation(
        "service", "agent", "update agents set retired_at = now() where id = $1 and retired_at is null"
    ),
    "return": Operation(
        "service service", "agent", "update agents set retired_at = null where id = $1", "FW409"
    ),
    "move": Operation(
        "admin",
        "agent",
        """select (move_agent($1, (select o.id from agents a join users u on u.id = a.supervisor_id join users o using (supervisor_type)
          where a.id = $1 and o.id <> u.id and o.created_at = u.created_at))).id""",
        "FW409 FW404",
    ),
    "write status": Operation("service", "agent", "update agents set status = 'in_chat' where id = $1"),
    "hold agent": Operation("owner", "agent", "select id from agents where id = $1 for key share"),
    "add": Operation(
        "service",
        "supervisor",
        """with n as (insert into agents (id, supervisor_id, name, agent_type, system_prompt)
          values (gen_random_uuid(), $1, 'New', 'voice', '') returning id)
        insert into agent_keys (id, agent_id, key_hash, hint) select id, id, sha256(id::text::bytea), '' from n""",
        "FW409",
    ),
    "expire": Operation("sweeper", "", "select private.sweep('expiry')"),
    "reap": Operation("sweeper", "", "select private.sweep('reaping')"),
    "fold": Operation("sweeper", "", "select private.sweep('performance')"),
}


# Further operations that one transaction may do on the same rows. A transaction that locks more, in another order, may
# meet a deadlock; a single operation never does.
THEN = {"start": ("ask", "use"), "claim": ("report well",)}


@dataclass(slots=True)
class Cast:
    """An admin, two voice supervisors and their three agents."""

    admin: UUID = field(default_factory=uuid4)
    supervisors: list[UUID] = field(default_factory=lambda: [uuid4(), uuid4()])
    agents: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(3)])
    owner_of: dict[UUID, UUID] = field(default_factory=dict)


async def cast(db: Connection, kind: str = "voice") -> Cast:
    """New people in the database, by its superuser."""
    new = Cast()
    new.owner_of = {agent: new.supervisors[n // 2] for n, agent in enumerate(new.agents)}
    word = secrets.token_hex(5)
    await add_people(db, new.admin, [(s, f"{word}-{n}", kind) for n, s in enumerate(new.supervisors)])
    await add_agents(db, [(agent, new.owner_of[agent], f"A {word}", kind) for agent in new.agents])
    await db.execute(
        "insert into agent_keys (id, agent_id, key_hash, hint) select a, a, sha256(a::text::bytea), '' from unnest($1::uuid[]) a",
        new.agents,
    )
    await db.execute(
        """insert into agent_tools (agent_id, tool_name, requires_permission)
        select a, t ->> 'name', (t ->> 'requires_permission')::boolean
        from unnest($1::uuid[]) a, jsonb_array_elements($2::jsonb -> 'tools') t""",
        new.agents,
        json.dumps(TOOLS),
    )
    await db.execute(
        """insert into agent_tools (agent_id, tool_name, requires_permission, undo_seconds)
        select a, 'wire_money', true, 300 from unnest($1::uuid[]) a""",
        new.agents,
    )
    return new


async def connect(url: str) -> Connection:
    """As the superuser, who can become anybody. A deadlock is looked for after 30 ms: what is none is found to be none."""
    lock_timeout = str(int(2 * DEADLINE * 1000))  # a longer wait means that it hangs
    return await asyncpg.connect(
        url,
        server_settings={"synchronous_commit": "off", "deadlock_timeout": "30", "lock_timeout": lock_timeout},
    )

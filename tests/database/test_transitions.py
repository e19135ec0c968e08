"""Three state machines as tables: the result of each operation in each state, or the SQLSTATE of its refusal."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.app_server import AppServer
from tests.database.acting import Connection
from tests.database.apart import apart
from tests.database.operations import OWNER, SERVICE, SWEEPER, Cast, Who, cast, connect, key_of, person


def table(text: str) -> Iterator[tuple[str, str, str]]:
    """(row, column, cell) of a table whose rows are named up to the bar."""
    head, *lines = text.strip().splitlines()
    columns = head.partition("|")[2].split()
    for line in lines:
        name, _, cells = line.partition("|")
        for column, cell in zip(columns, cells.split(), strict=True):
            yield name.strip(), column, cell


def cases(text: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("row", "column", "cell"), list(table(text)))


@dataclass(slots=True)
class Play:
    """A transaction of the superuser, who becomes each actor; rolled back at its end."""

    db: Connection
    cast: Cast
    interaction: UUID | None = None
    permission: UUID | None = None

    @property
    def agent(self) -> UUID:
        return self.cast.agents[0]

    async def bend(self, sql: str, on: UUID | None) -> None:
        """Change a row without any trigger."""
        await self.db.execute("set local session_replication_role = replica")
        await self.db.execute(sql, on)
        await self.db.execute("set local session_replication_role = origin")

    async def act(self, who: Who, sql: str, *values: Any) -> Any:
        """The answer for this person, or the SQLSTATE; the transaction continues either way."""
        savepoint = self.db.transaction()
        await savepoint.start()
        try:
            await self.db.execute(who.become)
            answer = await self.db.fetchval(sql, *values)
        except asyncpg.PostgresError as error:
            await savepoint.rollback()
            return error.sqlstate
        await savepoint.commit()
        await self.db.execute("reset role; select set_config('request.jwt.claims', '', true)")
        return answer


@pytest.fixture(scope="module")
async def troupe(app_server: AppServer) -> AsyncIterator[tuple[Connection, dict[str, Cast]]]:
    async with apart(app_server, "transitions") as url:
        db = await connect(url)
        try:
            yield db, {"voice": await cast(db), "chat": await cast(db, "chat")}
        finally:
            await db.close()


@pytest.fixture
async def play(
    troupe: tuple[Connection, dict[str, Cast]], request: pytest.FixtureRequest
) -> AsyncIterator[Play]:
    db, casts = troupe
    transaction = db.transaction()
    await transaction.start()
    yield Play(db, casts[getattr(request, "param", "voice")])
    await transaction.rollback()


REFUSAL = re.compile("[0-9A-Z]{5}")
START = "insert into interactions (agent_id, interaction_type) select id, agent_type from agents where id = $1 returning id"
ASK = "insert into tool_permissions (interaction_id, tool_name) values ($1, 'issue_refund') returning id"
USE = "insert into tool_permissions (interaction_id, tool_name) values ($1, 'check_order') returning id"

# Who writes what on an interaction. A cell is the status after it, or the refusal.
INTERACTIONS = """
state      operation                   | key        other_key  person  service    owner
active     status = 'active'           | active     active     42501   active     active
active     status = 'completed'        | completed  active     42501   completed  completed
active     status = 'failed'           | failed     active     42501   failed     failed
active     status = 'cancelled'        | 23514      active     42501   23514      23514
active     ended_at = now()            | 42501      42501      42501   23514      23514
completed  status = 'active'           | FW409      completed  42501   FW409      FW409
completed  status = 'completed'        | completed  completed  42501   completed  completed
completed  status = 'failed'           | FW409      completed  42501   FW409      FW409
completed  ended_at = null             | 42501      42501      42501   23514      23514
failed     status = 'active'           | FW409      failed     42501   FW409      FW409
failed     status = 'completed'        | FW409      failed     42501   FW409      FW409
failed     status = 'failed'           | failed     failed     42501   failed     failed
failed     ended_at = null             | 42501      42501      42501   23514      23514
"""


@cases(INTERACTIONS)
async def test_an_interaction_ends_once(play: Play, row: str, column: str, cell: str) -> None:
    state, change = row.split(maxsplit=1)
    play.interaction = await play.db.fetchval(START, play.agent)
    if state != "active":
        await play.db.execute("update interactions set status = $2 where id = $1", play.interaction, state)
    whole = "select status, ended_at from interactions where id = $1"
    before = await play.db.fetchrow(whole, play.interaction)
    who = {
        "key": key_of(play.agent),
        "other_key": key_of(play.cast.agents[2]),
        "person": person("admin", play.cast.admin),
        "service": SERVICE,
        "owner": OWNER,
    }[column]
    refused = await play.act(who, f"update interactions set {change} where id = $1", play.interaction)
    after = await play.db.fetchrow(whole, play.interaction)
    assert after
    assert before
    assert (refused or after["status"]) == cell
    if state != "active" or after["status"] == "active":
        assert after == before, "what has ended stays as it ended"


# The sweeper's reaping: from the pulse of active ones only, and only of those that are silent.
REAPING = """
status      | silent     heard
active      | failed     active
asking      | active     active
completed   | completed  completed
failed      | failed     failed
"""


@cases(REAPING)
async def test_only_a_silent_interaction_is_failed_by_time(
    play: Play, row: str, column: str, cell: str
) -> None:
    play.interaction = await play.db.fetchval(START, play.agent)
    if row == "asking":
        await play.db.fetchval(ASK, play.interaction)
    elif row != "active":
        await play.db.execute("update interactions set status = $2 where id = $1", play.interaction, row)
    if column == "silent":
        old = "update interaction_pulse set last_seen_at = now() - interval '1 day' where interaction_id = $1"
        await play.bend(old, play.interaction)
    assert isinstance(await play.act(SWEEPER, "select private.sweep('reaping')"), int)
    assert await play.db.fetchval("select status from interactions where id = $1", play.interaction) == cell


# Nobody writes an agent's status: it follows from three things.
AGENTS = """
active  paused  retired | voice    chat
no      no      no      | idle     idle
no      no      yes     | idle     idle
no      yes     no      | paused   paused
no      yes     yes     | paused   paused
yes     no      no      | in_call  in_chat
yes     no      yes     | in_call  in_chat
yes     yes     no      | in_call  in_chat
yes     yes     yes     | in_call  in_chat
"""


@pytest.mark.parametrize("written", [None, "idle", "in_call", "in_chat", "paused"])
@pytest.mark.parametrize(("row", "play", "cell"), list(table(AGENTS)), indirect=["play"], ids=str)
async def test_an_agents_status_follows_whatever_is_written(
    play: Play, row: str, cell: str, written: str | None
) -> None:
    active, paused, retired = (word == "yes" for word in row.split())
    if active:
        await play.db.fetchval(START, play.agent)
    change = "update agents set paused_at = case when $2 then now() end, retired_at = case when $3 then now() end where id = $1"
    await play.db.execute(change, play.agent, paused, retired)
    if written:
        for who in (SERVICE, OWNER):
            write = "update agents set status = $2 where id = $1"
            assert await play.act(who, write, play.agent, written) is None
    assert await play.db.fetchval("select status from agents where id = $1", play.agent) == cell


# What may happen to an agent: its status after it, or the refusal.
OPERATIONS_ON_AGENTS = """
state            | start    pause    resume   retire   return   end      delete
idle             | in_call  paused   idle     idle     idle     -        -
paused           | FW409    paused   idle     paused   paused   -        -
in_call          | 23505    in_call  in_call  in_call  in_call  idle     idle
in_call paused   | FW409    in_call  in_call  in_call  in_call  paused   paused
retired          | FW409    FW404    FW404    idle     idle     -        -
retired paused   | FW409    FW404    FW404    paused   paused   -        -
retired in_call  | FW409    FW404    FW404    in_call  in_call  idle     idle
"""


@cases(OPERATIONS_ON_AGENTS)
async def test_what_may_happen_to_an_agent(play: Play, row: str, column: str, cell: str) -> None:
    if "in_call" in row:
        play.interaction = await play.db.fetchval(START, play.agent)
    now = "update agents set {} = now() where id = $1"
    for word, name in (("paused", "paused_at"), ("retired", "retired_at")):
        if word in row:
            await play.db.execute(now.format(name), play.agent)
    supervisor = person("supervisor", play.cast.supervisors[0])
    pause = "select (set_agent_paused($1, {})).status"
    who, sql, on = {
        "start": (SERVICE, START, play.agent),
        "pause": (supervisor, pause.format("true"), play.agent),
        "resume": (supervisor, pause.format("false"), play.agent),
        "retire": (SERVICE, now.format("retired_at"), play.agent),
        "return": (SERVICE, "update agents set retired_at = null where id = $1", play.agent),
        "end": (SERVICE, "update interactions set status = 'completed' where id = $1", play.interaction),
        "delete": (SERVICE, "delete from interactions where id = $1", play.interaction),
    }[column]
    if cell == "-":
        assert on is None
        return
    answer = await play.act(who, sql, on)
    if REFUSAL.fullmatch(cell):
        assert answer == cell
    else:
        assert await play.db.fetchval("select status from agents where id = $1", play.agent) == cell


# What may happen to a tool permission. A cell is its state after it; `none`: no row, nothing happened; or the refusal.
# late: pending and past expires_at. held: pending, allowed by the supervisor and not settled; due: past held_until. stale: allowed, past execute_before. over: allowed, and the interaction has ended.
# service and owner: UPDATE straight on the row, by the owner with all that belongs to the status.
PERMISSIONS = """
operation             | pending    late       held       due        allowed    stale      over       executed   reported   denied     timeout    cancelled
allow                 | allowed    none       none       none       none       none       none       none       none       none       none       none
deny                  | denied     none       none       none       none       none       none       none       none       none       none       none
take back             | none       none       pending    none       none       none       none       none       none       none       none       none
take another's back   | none       none       none       none       none       none       none       none       none       none       none       none
sweep                 | pending    timeout    held       allowed    allowed    stale      over       executed   reported   denied     timeout    cancelled
look                  | pending    late       held       allowed    allowed    stale      over       executed   reported   denied     timeout    cancelled
end                   | cancelled  cancelled  cancelled  cancelled  over       stale      over       executed   reported   denied     timeout    cancelled
claim                 | FW409      FW409      FW409      executed   executed   FW409      FW409      FW409      FW409      FW409      FW409      FW409
claim otherwise       | FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
report well           | FW409      FW409      FW409      FW409      FW409      FW409      FW409      reported   reported   FW409      FW409      FW409
report more           | FW409      FW409      FW409      FW409      FW409      FW409      FW409      reported   FW409      FW409      FW409      FW409
report ill            | FW409      FW409      FW409      FW409      FW409      FW409      FW409      failed     FW409      FW409      FW409      FW409
report another        | FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service pending       | 23514      23514      23514      23514      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service allowed       | 23514      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service denied        | 23514      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service timeout       | FW409      timeout    FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service cancelled     | cancelled  cancelled  cancelled  cancelled  FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
owner pending         | pending    late       held       due        FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
owner allowed         | allowed    FW409      FW409      allowed    FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
owner denied          | denied     FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
owner timeout         | FW409      timeout    FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
owner cancelled       | cancelled  cancelled  cancelled  cancelled  FW409      FW409      FW409      FW409      FW409      FW409      FW409      FW409
service deletes       | 42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501
key writes            | 42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501
person writes         | 42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501      42501
"""
FREE = ("allowed", "stale", "over", "executed", "reported")  # made by a tool that needs no permission
DIGEST = "(select arguments_digest from tool_permissions where id = $1)"
EXECUTION = "(select execution_id from tool_permissions where id = $1)"
STATE = """select case
  when t.executed_at is not null then case t.execution_succeeded when true then 'reported' when false then 'failed' else 'executed' end
  when t.held_until > clock_timestamp() then 'held'
  when t.held_until is not null then 'due'
  when t.status = 'pending' and t.expires_at <= clock_timestamp() then 'late'
  when t.status = 'allowed' and t.execute_before <= clock_timestamp() then 'stale'
  when t.status = 'allowed' and i.status <> 'active' then 'over'
  else t.status end
from tool_permissions t join interactions i on i.id = t.interaction_id where t.id = $1"""
BY_HAND = """update tool_permissions set status = $2::text, responded_at = case when $2 <> 'pending' then clock_timestamp() end,
  responded_by = case when $2 in ('allowed', 'denied') then supervisor_id end, responded_by_name = case when $2 in ('allowed', 'denied') then 'x' end,
  execute_before = case when $2 = 'allowed' then clock_timestamp() + interval '1 min' end where id = $1"""


async def bring(play: Play, state: str) -> None:
    """A tool permission in this state."""
    play.interaction = await play.db.fetchval(START, play.agent)
    play.permission = await play.db.fetchval(USE if state in FREE else ASK, play.interaction)
    if state in ("late", "timeout"):
        past = "update tool_permissions set expires_at = clock_timestamp() - interval '1 ms' where id = $1"
        await play.bend(past, play.permission)
    if state == "stale":
        past = (
            "update tool_permissions set execute_before = clock_timestamp() - interval '1 ms' where id = $1"
        )
        await play.bend(past, play.permission)
    if state in ("executed", "reported"):
        await play.act(key_of(play.agent), f"select claim_execution($1, {DIGEST})", play.permission)
    if state == "reported":
        report = f"select id from report_execution($1, {EXECUTION}, true, null)"
        await play.act(key_of(play.agent), report, play.permission)
    if state in ("denied", "timeout", "cancelled"):
        await play.db.execute(BY_HAND, play.permission, state)
    if state in ("held", "due"):
        undo = "update agent_tools set undo_seconds = 60 where agent_id = $1"
        await play.db.execute(undo, play.agent)
        await play.act(*operation_on_permission(play, "allow")[:2], play.permission)
    if state == "due":
        past = "update tool_permissions set held_until = clock_timestamp() - interval '1 ms' where id = $1"
        await play.bend(past, play.permission)
    if state == "over":
        await play.db.execute("update interactions set status = 'failed' where id = $1", play.interaction)
    assert await play.db.fetchval(STATE, play.permission) == state


def operation_on_permission(play: Play, operation: str) -> tuple[Who, str, tuple[Any, ...]]:
    first, _, second = operation.partition(" ")
    supervisor, key = person("supervisor", play.cast.supervisors[0]), key_of(play.agent)
    decide = f"select id from decide_tool_permission($1, '{{}}', null, {DIGEST})"
    update = "update tool_permissions set status = $2::text, responded_at = clock_timestamp() where id = $1"
    operations: dict[str, tuple[Who, str]] = {
        "allow": (supervisor, decide.format("allowed")),
        "take back": (supervisor, "select id from take_back_tool_permission($1)"),
        "take another's back": (
            person("admin", play.cast.admin),
            "select id from take_back_tool_permission($1)",
        ),
        "look": (SWEEPER, f"select id from private.look_at_decision('{key.claims}', $1)"),
        "deny": (person("admin", play.cast.admin), decide.format("denied")),
        "sweep": (SWEEPER, "select private.sweep('expiry') where $1::uuid is not null"),
        "end": (
            SERVICE,
            "update interactions set status = 'completed' where status = 'active' and id = (select interaction_id from tool_permissions where id = $1)",
        ),
        "claim": (key, f"select claim_execution($1, {DIGEST})"),
        "claim otherwise": (key, f"select claim_execution($1, upper({DIGEST}))"),
        "report well": (key, f"select id from report_execution($1, {EXECUTION}, true, null)"),
        "report more": (key, f"select id from report_execution($1, {EXECUTION}, true, '{{}}')"),
        "report ill": (key, f"select id from report_execution($1, {EXECUTION}, false, null)"),
        "report another": (key, "select id from report_execution($1, $1, true, null)"),
        "service deletes": (SERVICE, "delete from tool_permissions where id = $1"),
        "key writes": (key, "update tool_permissions set executed_at = now() where id = $1"),
        "person writes": (supervisor, "update tool_permissions set status = 'allowed' where id = $1"),
    }
    if operation in operations:
        return *operations[operation], (play.permission,)
    who, sql = {"service": (SERVICE, update), "owner": (OWNER, BY_HAND)}[first]
    return who, sql, (play.permission, second)


@cases(PERMISSIONS)
async def test_what_may_happen_to_a_tool_permission(play: Play, row: str, column: str, cell: str) -> None:
    await bring(play, column)
    whole = "select t::text from tool_permissions t where id = $1"
    before = await play.db.fetchval(whole, play.permission)
    who, sql, values = operation_on_permission(play, row)
    answer = await play.act(who, sql, *values)
    state = await play.db.fetchval(STATE, play.permission)
    if cell == "none" or REFUSAL.fullmatch(cell):
        assert answer == (None if cell == "none" else cell)
        assert await play.db.fetchval(whole, play.permission) == before
    else:
        assert state == cell, answer

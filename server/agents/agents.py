"""Agents: the record that an agent reads of itself; the agents that people make, change, clone, pause, move and retire."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from server.errors import Conflict, Invalid, NotFound
from server.kernel.auth import name_fault
from server.kernel.db import Connection, Record, lengths

KINDS = ("voice", "chat")
STATES = ("working", "paused", "retired", "template")
COLUMNS = (
    "id", "name", "supervisor", "agent_type", "slot", "state", "version", "tools", "asking", "interactions", "csat", "created_at"
)  # fmt: skip
# What a person writes of an agent; the columns that they may insert and change.
FIELDS = (
    "name", "description", "system_prompt", "first_message", "voice_provider", "voice_id", "voice_name", "model_provider",
    "model_name", "language", "interrupt_enabled", "silence_threshold_seconds",
)  # fmt: skip
_STATE = """case when a.retired_at is not null then 'retired' when a.is_template then 'template'
  when a.status = 'idle' then 'idle' else a.status end"""
_VERSION = "(select max(v.version) from public.agent_versions v where v.agent_id = a.id)"


_LONGEST = {
    "name": lengths.NAME, "description": lengths.DESCRIPTION, "system_prompt": lengths.PROMPT,
    "first_message": lengths.DESCRIPTION, "voice_provider": lengths.PROVIDER, "voice_id": lengths.VOICE,
    "voice_name": lengths.NAME, "model_provider": lengths.PROVIDER, "model_name": lengths.MODEL,
}  # fmt: skip
_NEEDED = ("name", "voice_provider", "voice_id", "model_provider", "model_name", "language")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_SILENCE = re.compile(r"[0-9]{1,2}([.,][0-9]{1,3})?")
_LONGEST_SILENCE = 60  # seconds


@dataclass(slots=True)
class Draft:
    """The fields of an agent's form as text; `faults` has a sentence for each that is refused."""

    fields: dict[str, str]
    faults: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))

    @classmethod
    def of(cls, agent: Record) -> "Draft":
        """The form of this agent."""
        texts = {name: "" if agent[name] is None else str(agent[name]) for name in FIELDS}
        texts["interrupt_enabled"] = "yes" if agent["interrupt_enabled"] else "no"
        return cls(texts)

    @classmethod
    def new(cls) -> "Draft":
        """The form of a new agent, with the defaults of the table."""
        return cls(
            dict.fromkeys(FIELDS, "")
            | {"voice_provider": "deepgram", "voice_id": "aura-2-thalia-en", "model_provider": "ollama"}
            | {"model_name": "mixtral:8x7b", "language": "en", "silence_threshold_seconds": "0.8"}
            | {"interrupt_enabled": "yes"}
        )

    def read(self, sent: Mapping[str, str]) -> None:
        """Take over what was sent. Line ends become those of the database; a browser sends others."""
        for name in FIELDS:
            if name in sent:
                text = sent[name].replace("\r\n", "\n").replace("\r", "\n")
                self.fields[name] = text if name in ("system_prompt", "first_message") else text.strip()

    @property
    def values(self) -> dict[str, Any]:
        """The values for the table. Adds a fault for each that it would refuse."""
        for name, text in self.fields.items():
            if "\x00" in text:
                self.faults[name] = "This has a character that cannot be stored."
            elif len(text) > _LONGEST.get(name, len(text)):
                self.faults[name] = f"{_LONGEST[name]:,} characters at most; this has {len(text):,}."
        for name in _NEEDED:
            if not self.fields[name]:
                self.faults[name] = "This is needed."
        visible = any(letter.isprintable() and not letter.isspace() for letter in self.fields["name"])
        if not self.faults["name"] and (not visible or name_fault(self.fields["name"])):
            self.faults["name"] = "A name has letters that people can see, and no control characters."
        if not self.faults["language"] and not _LANGUAGE.fullmatch(self.fields["language"]):
            self.faults["language"] = "A code such as en, es or pt-BR."
        silence = self.fields["silence_threshold_seconds"]
        seconds = float(silence.replace(",", ".")) if _SILENCE.fullmatch(silence) else 0.0
        if not 0 < seconds <= _LONGEST_SILENCE:
            self.faults["silence_threshold_seconds"] = f"Seconds, more than 0 and at most {_LONGEST_SILENCE}."
        kept: dict[str, Any] = {name: self.fields[name] or None for name in FIELDS}
        return kept | {
            "name": self.fields["name"],
            "system_prompt": self.fields["system_prompt"],
            "interrupt_enabled": self.fields["interrupt_enabled"] != "no",
            "silence_threshold_seconds": seconds,
        }

    @property
    def wrong(self) -> bool:
        """Whether a field was refused."""
        return any(self.faults.values())


async def read(connection: Connection, agent_id: UUID) -> Record:
    """The agent and its tools. NotFound when it is not the caller's.

    The tools are read from agent_tools. The column agents.mcp_tools is another form of the same data: triggers update each
    when the other one is written.
    """
    row = await connection.fetchrow(
        f"""
        select a.id, a.name, a.agent_type, a.status, {", ".join(f"a.{name}" for name in FIELDS[1:])},
          (select i.id from public.interactions i where i.agent_id = a.id and i.status = 'active')
            as active_interaction_id,
          (select coalesce(jsonb_agg(jsonb_build_object('tool_name', t.tool_name,
             'description', t.description, 'input_schema', t.input_schema, 'mode', t.mode,
             'requires_permission', t.requires_permission, 'idempotent', t.idempotent) order by lower(t.tool_name)), '[]')
           from public.agent_tools t where t.agent_id = a.id) as tools,
          (select coalesce(jsonb_object_agg(c.config_key, c.config_value), '{{}}')
           from public.agent_config c where c.agent_id = a.id) as config
        from public.agents a where a.id = $1
        """,
        agent_id,
    )
    if row is None:
        raise NotFound("there is no such agent")
    return row


async def listed(
    connection: Connection, filters: Mapping[str, str], limit: int | None = None
) -> Sequence[Record]:
    """The viewer's agents that match, by supervisor and slot; `total` of each row is the number of all."""
    return await connection.fetch(
        f"""
        with found as materialized (
          select a.*, u.username as supervisor, {_STATE} as state, count(*) over () as total
          from public.agents a left join public.users u on u.id = a.supervisor_id
          where ($1 = '' or strpos(lower(concat_ws(' ', a.name, a.description, u.username, u.name)), lower($1)) > 0)
            and ($2 = '' or a.agent_type = $2)
            and case $3 when '' then a.retired_at is null when 'working' then a.retired_at is null and not a.is_template and a.paused_at is null
              when 'paused' then a.retired_at is null and a.paused_at is not null when 'retired' then a.retired_at is not null
              when 'template' then a.retired_at is null and a.is_template else true end
            and ($4 = '' or u.username = $4)
          order by a.is_template desc, u.username collate "C", a.retired_at nulls first, a.slot, a.created_at limit $5)
        select f.id, f.name, f.description, f.agent_type, f.supervisor_id, f.supervisor, f.slot, f.state, f.is_template, f.created_at, f.total,
          (select max(v.version) from public.agent_versions v where v.agent_id = f.id) as version,
          (select count(*) from public.agent_tools t where t.agent_id = f.id) as tools,
          (select count(*) from public.agent_tools t where t.agent_id = f.id and t.mode = 'asks') as asking,
          p.total_interactions as interactions, round(p.avg_csat) as csat, f.setup_began_at is not null and f.setup_ended_at is null as in_setup
        from found f left join public.agent_performance p on p.agent_id = f.id
        order by f.is_template desc, f.supervisor collate "C", f.retired_at nulls first, f.slot, f.created_at
        """,
        filters.get("q", ""),
        filters.get("kind", ""),
        filters.get("state", ""),
        filters.get("supervisor", ""),
        limit,
    )


async def find(connection: Connection, agent_id: UUID) -> Record:
    """The agent with its supervisor, parent and version. NotFound when the viewer may not see it."""
    row = await connection.fetchrow(
        f"""
        select a.*, u.username as supervisor, u.name as supervisor_name, {_STATE} as state, {_VERSION} as version,
          p.name as parent, p.is_template as parent_is_template, c.name as creator,
          i.id as interaction_id, i.started_at as interaction_started_at,
          a.setup_began_at is not null and a.setup_ended_at is null and a.retired_at is null as in_setup
        from public.agents a left join public.users u on u.id = a.supervisor_id
        left join public.users c on c.id = a.created_by
        left join public.agents p on p.id = a.template_parent_id
        left join public.interactions i on i.agent_id = a.id and i.status = 'active'
        where a.id = $1
        """,
        agent_id,
    )
    if row is None:
        raise NotFound("There is no such agent.")
    return row


async def in_use(connection: Connection, agent_id: UUID) -> Record:
    """The same of an agent that can be changed. NotFound; Conflict for a retired one."""
    agent = await find(connection, agent_id)
    if agent["retired_at"]:
        raise Conflict("The agent is retired.")
    return agent


async def clones(connection: Connection, agent_id: UUID) -> Sequence[Record]:
    """The agents and templates that were made of this one, newest first."""
    return await connection.fetch(
        "select id, name, retired_at from public.agents where template_parent_id = $1 order by created_at desc limit 50",
        agent_id,
    )


async def templates(connection: Connection) -> Sequence[Record]:
    """The templates that are in use, newest first."""
    return await connection.fetch(
        """select id, name, agent_type, description, created_at from public.agents
        where is_template and retired_at is null order by created_at desc"""
    )


async def numbers(connection: Connection, agent_id: UUID) -> Record:
    """Its interactions, tests aside, in the last 30 days, and in the 30 days before (`…_before`).

    `asked` and `denied` are its requests that a person decided, or that expired.
    """
    row = await connection.fetchrow(
        """
        with ended as (
          select i.started_at > now() - interval '30 days' as lately, i.status, i.duration_seconds, r.csat_score, r.fcr_status
          from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
          where i.agent_id = $1 and not i.is_test and i.status in ('completed', 'failed')
            and i.started_at > now() - interval '60 days')
        select count(*) filter (where lately) as interactions,
          avg(csat_score) filter (where lately) as csat, avg(csat_score) filter (where not lately) as csat_before,
          avg(duration_seconds) filter (where lately and status = 'completed') as handle_seconds,
          avg(duration_seconds) filter (where not lately and status = 'completed') as handle_seconds_before,
          100.0 * count(*) filter (where lately and fcr_status) / nullif(count(*) filter (where lately and fcr_status is not null), 0) as fcr,
          100.0 * count(*) filter (where lately and status = 'failed') / nullif(count(*) filter (where lately), 0) as failed,
          max(p.asked) as asked, max(p.denied) as denied
        from ended right join (
          select count(*) as asked, count(*) filter (where t.status = 'denied') as denied
          from public.tool_permissions t join public.interactions i on i.id = t.interaction_id
          where t.agent_id = $1 and t.rule is null and not i.is_test and t.requested_at > now() - interval '30 days') p on true
        """,
        agent_id,
    )
    assert row is not None
    return row


async def recent(connection: Connection, agent_id: UUID) -> Sequence[Record]:
    """Its five newest interactions."""
    return await connection.fetch(
        """
        select i.id, i.started_at, i.status, i.phone_number, i.caller, i.is_test, r.csat_score, i.agent_version
        from (select * from public.interactions where agent_id = $1 order by started_at desc limit 5) i
        left join public.interaction_archives r on r.interaction_id = i.id order by i.started_at desc
        """,
        agent_id,
    )


async def supervisors(connection: Connection, agent_type: str | None = None) -> Sequence[Record]:
    """Active supervisors, of this type if one is given, with the number of their agents, by username."""
    return await connection.fetch(
        """
        select u.id, u.name, u.username, u.supervisor_type,
          (select count(*) from public.agents a where a.supervisor_id = u.id and a.retired_at is null) as agents
        from public.users u where u.role = 'supervisor' and u.deactivated_at is null and coalesce(u.banned_until <= now(), true)
          and ($1::text is null or u.supervisor_type = $1) order by u.username collate "C"
        """,
        agent_type,
    )


async def named(connection: Connection, agent: str) -> Record:
    """The id and name of the agent with this id or unique name, as the database's owner.

    NotFound when there is no such agent, Invalid when several have that name.
    """
    rows = await connection.fetch(
        """select id, name, supervisor_id from public.agents
        where (id::text = lower($1) or name = $1) and retired_at is null""",
        agent,
    )
    if not rows:
        raise NotFound(f"There is no agent {agent!r}.")
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows)
        raise Invalid(f"Several agents are named {agent!r}: use one of the ids {ids}.")
    return rows[0]


async def create(
    connection: Connection, values: Mapping[str, Any], supervisor_id: UUID | None, agent_type: str
) -> UUID:
    """Make an agent of this supervisor, or without one a template. Conflict when the supervisor has three agents."""
    names = [*values]
    agent_id: UUID = await connection.fetchval(
        f"""insert into public.agents (supervisor_id, agent_type, is_template, {", ".join(names)})
        values ($1, $2, $1::uuid is null, {", ".join(f"${n + 3}" for n in range(len(names)))}) returning id""",
        supervisor_id,
        agent_type,
        *values.values(),
    )
    return agent_id


async def lock(connection: Connection, agent_id: UUID, version: int | None) -> None:
    """Lock the agent for a change of what the viewer saw as this version. NotFound; Conflict when there is a newer one."""
    there = await connection.fetchval(
        "select true from public.agents where id = $1 and retired_at is null for no key update", agent_id
    )
    if not there:
        raise NotFound("There is no such agent.")
    # A statement of its own, because it has to see what was committed while this one waited for the lock.
    newest = await connection.fetchrow(
        "select version, actor from public.agent_versions where agent_id = $1 order by version desc limit 1",
        agent_id,
    )
    if version is not None and newest is not None and newest["version"] != version:
        raise Conflict(
            f"version {newest['version']} was published by {newest['actor'] or 'somebody'} since you opened version {version}"
        )


async def change(connection: Connection, agent_id: UUID, values: Mapping[str, Any], note: str) -> None:
    """Change fields of a locked agent; the note belongs to the version that this makes."""
    await connection.execute("select set_config('floorwalker.note', $1, true)", note)
    assignments = ", ".join(f"{name} = ${n + 2}" for n, name in enumerate(values))
    await connection.execute(
        f"update public.agents set {assignments} where id = $1", agent_id, *values.values()
    )


async def clone(connection: Connection, agent_id: UUID, values: Mapping[str, Any]) -> UUID:
    """Make an agent (`supervisor_id`) or a template (`is_template`) of this one, with these other values.

    NotFound; Conflict when the supervisor has three agents.
    """
    made: UUID = await connection.fetchval("select public.clone_agent($1, $2)", agent_id, dict(values))
    return made


async def pause(connection: Connection, agent_id: UUID, *, paused: bool) -> None:
    """Pause or resume an agent of the viewer. An active interaction continues. NotFound when it is not the viewer's."""
    await connection.execute("select id from public.set_agent_paused($1, $2)", agent_id, paused)


async def move(connection: Connection, agent_id: UUID, supervisor_id: UUID) -> None:
    """Move an agent, with its interactions, to another supervisor.

    NotFound; Conflict when the new supervisor has three agents; Invalid for a supervisor of another type.
    """
    await connection.execute("select id from public.move_agent($1, $2)", agent_id, supervisor_id)


async def retire(connection: Connection, agent_id: UUID) -> None:
    """Free an agent's slot and keep its history. NotFound; Conflict while an interaction is active."""
    await connection.execute("select id from public.retire_agent($1)", agent_id)

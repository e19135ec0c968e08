"""The committed state of a small contact centre, and what must hold of it at every moment and from one to the next."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.database.acting import Connection

Rows = dict[str, dict[str, Any]]

_OBSERVE = """
select json_build_object(
  'agents', (select coalesce(json_agg(a), '[]') from (select id, supervisor_id, slot, status, paused_at, retired_at
    from agents where supervisor_id = any ($1)) a),
  'interactions', (select coalesce(json_agg(i), '[]') from (select id, agent_id, status, ended_at, reaped_at
    from interactions where supervisor_id = any ($1)) i),
  'permissions', (select coalesce(json_agg(p), '[]') from (select id, interaction_id, status, rule, responded_by, responded_at,
      expires_at, execute_before, execution_id, executed_at, execution_succeeded, execution_reported_at,
      held_by, held_until, times_held, grant_id, grant_use, responded_at < expires_at as in_time, executed_at < execute_before as used_in_time
    from tool_permissions where supervisor_id = any ($1)) p),
  'grants', (select coalesce(json_agg(g), '[]') from (select id, interaction_id, tool_name, max_uses, uses, used_sum, expires_at,
      ended_at, ended_how from tool_grants where supervisor_id = any ($1)) g),
  'pulses', (select coalesce(json_agg(interaction_id), '[]') from interaction_pulse where supervisor_id = any ($1)),
  'completed', (select coalesce(sum(s.completed), 0) from agents a
    join private.agent_sums s on s.agent_id = a.id where a.supervisor_id = any ($1)))::text
"""
_FIXED = ("status", "rule", "responded_by", "responded_at")
_EXECUTED = ("execution_id", "executed_at")
_REPORTED = ("execution_succeeded", "execution_reported_at")


@dataclass(slots=True)
class Seen:
    """One look at what is committed."""

    agents: Rows
    interactions: Rows
    permissions: Rows
    grants: Rows
    pulses: set[str]
    completed: int

    def free(self, agent: str) -> bool:
        """Whether the agent takes interactions."""
        row = self.agents[agent]
        return row["paused_at"] is None and row["retired_at"] is None


async def observe(db: Connection, supervisors: list[UUID]) -> Seen:
    found = json.loads(await db.fetchval(_OBSERVE, supervisors))
    agents, interactions, permissions, grants = (
        {row["id"]: row for row in found[name]}
        for name in ("agents", "interactions", "permissions", "grants")
    )
    return Seen(agents, interactions, permissions, grants, set(found["pulses"]), found["completed"])


def check(now: Seen) -> None:
    """What holds at any moment."""
    active = {row["agent_id"]: row for row in now.interactions.values() if row["status"] == "active"}
    counts = Counter(row["agent_id"] for row in now.interactions.values() if row["status"] == "active")
    assert all(count == 1 for count in counts.values()), "two active interactions of an agent"
    slots: dict[str, list[int]] = {}
    for agent in now.agents.values():
        if agent["retired_at"] is None:
            slots.setdefault(agent["supervisor_id"], []).append(agent["slot"])
        derived = "in_call" if agent["id"] in active else "paused" if agent["paused_at"] else "idle"
        assert agent["status"] == derived, f"an agent's status is {agent['status']} where it is {derived}"
    for taken in slots.values():
        assert len(taken) <= 3, "four agents"
        assert len(set(taken)) == len(taken), "two agents in a slot"
        assert set(taken) <= {1, 2, 3}
    for row in now.interactions.values():
        assert (row["ended_at"] is None) == (row["status"] == "active"), "an end that is none"
    assert now.pulses == {row["id"] for row in active.values()}, "a pulse without life, or life without one"
    completed = sum(row["status"] == "completed" for row in now.interactions.values())
    assert now.completed == completed, "the sums are not what took place"
    for row in now.permissions.values():
        status, over = row["status"], now.interactions[row["interaction_id"]]["status"] != "active"
        assert not (status == "pending" and over), "pending after the end"
        if status in ("allowed", "denied"):
            assert row["in_time"], "decided after expiry"
        if status == "timeout":
            assert not row["in_time"], "timed out before expiry"
        assert status == "pending" or not row["held_until"], f"held, and {status}"
        if row["executed_at"]:
            assert status == "allowed", "executed without a yes"
            assert row["used_in_time"], "executed after its time"
    live = Counter(
        (row["interaction_id"], row["tool_name"]) for row in now.grants.values() if not row["ended_at"]
    )
    assert all(count == 1 for count in live.values()), "two grants of a tool in an interaction"
    for id_, row in now.grants.items():
        uses = [one for one in now.permissions.values() if one["grant_id"] == id_]
        numbers = sorted(one["grant_use"] for one in uses)
        assert numbers == [*range(1, row["uses"] + 1)], "a use that is not counted, or counted and not there"
        assert row["uses"] <= row["max_uses"], "a use too many"
        ends = [datetime.fromisoformat(end) for end in (row["ended_at"], row["expires_at"]) if end]
        assert all(datetime.fromisoformat(one["responded_at"]) <= min(ends) for one in uses), (
            "used after its end"
        )


def compare(before: Seen, now: Seen, taken_back: Collection[str] = ()) -> None:
    """What holds from one moment to a later one; of the tool permissions taken back in between, others may have decided."""
    for id_, old in before.interactions.items():
        if old["status"] != "active":
            late = old | {"status": "completed", "reaped_at": None}
            # Its provider may complete what was reaped, once.
            allowed = (old, late) if old["reaped_at"] else (old,)
            assert now.interactions.get(id_) in allowed, "what has ended changed"
    for id_, old in before.grants.items():
        new = now.grants.get(id_)
        if old["ended_at"]:
            assert new in (None, old), "a grant that has ended changed"
        elif new:
            assert new["uses"] >= old["uses"], "a use is forgotten"
    for id_, old in before.permissions.items():
        new = now.permissions.get(id_)
        if new is None:
            assert old["interaction_id"] not in now.interactions, "a permission went alone"
            continue
        kept: tuple[str, ...] = ("interaction_id",)
        if old["status"] != "pending":
            kept += _FIXED
        if old["executed_at"]:
            kept += _EXECUTED
        if old["execution_reported_at"]:
            kept += _REPORTED
        if before.interactions[old["interaction_id"]]["status"] != "active":
            kept += _FIXED + _EXECUTED
        if old["held_until"] and new["times_held"] == old["times_held"] and id_ not in taken_back:
            if new["held_until"]:
                kept += ("held_by", "held_until")
            if new["status"] == "allowed":
                assert new["responded_by"] == old["held_by"], "allowed by another than who could take it back"
                end = datetime.fromisoformat(old["held_until"])
                assert end <= datetime.fromisoformat(new["responded_at"]), (
                    "allowed while it could be taken back"
                )
            assert new["status"] in ("pending", "allowed", "cancelled"), "denied or expired while it was held"
        changed = [name for name in kept if old[name] != new[name]]
        assert not changed, f"{changed} of a permission changed: {old} is now {new}"

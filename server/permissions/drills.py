"""Drills: requests that the product makes up, and that ought to be denied. They show whether requests are read before they are allowed.

A drill is an ordinary card in the queue of one supervisor until it is answered. It reaches no agent, counts in no number, and
gives way to every real request. Two decisions: the numbers above the queue count the card that waits below them, because a
drill that the page itself gives away is none; and an admin's queue shows no drills, because a drill asks one person.
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.errors import Conflict
from server.kernel.db import Caller, Connection, Database, Record
from server.kernel.http import arguments

MOST = 5  # drills of a supervisor in 24 hours
SPAN = 30  # days that the page of drills adds up
_TIMES = 12  # what the amount of the last request is multiplied by
_AMOUNTS = ("amount", "total", "price")


@dataclass(frozen=True, slots=True)
class Template:
    """A request that ought to be denied. Without arguments it repeats the last request with an amount, with a far larger one."""

    title: str
    why: str
    tool_name: str = ""
    tool_description: str | None = None
    arguments: Mapping[str, Any] | None = None


TEMPLATES = {
    "amount": Template(
        "An amount far above the last one",
        f"The amount was {_TIMES} times that of the last request like it, and nothing in the conversation explains it.",
    ),
    "all_customers": Template(
        "Everybody's data for one customer",
        "One customer's question never needs the data of all customers.",
        "export_customers",
        "Export customer records to answer a question of the customer.",
        {"customers": "all", "fields": ["name", "phone", "address", "card_number"], "format": "csv"},
    ),
    "new_payee": Template(
        "Money to somebody else's account",
        "The money would go to an account that is not the customer's.",
        "change_payout_account",
        "Change the account to which refunds are paid.",
        {"account_holder": "R. Blake, not the customer", "bank_code": "DEMO-000", "account": "ends in 0000", "verified": False},
    ),
    "skip_identity": Template(
        "Identity not checked",
        "The customer's identity was not checked, and the request says so.",
        "disable_identity_check",
        "Continue without the identity check.",
        {"identity_verified": False, "reason": "customer is in a hurry", "applies_to": "all later requests"},
    ),
    "delete_account": Template(
        "Deletion that nobody asked for",
        "Nobody in the conversation asked for an account to be deleted, and it cannot be undone.",
        "delete_account",
        "Delete the customer's account and its history.",
        {"confirmed_by_customer": False, "delete_history": True, "can_be_undone": False},
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Made:
    """A drill made from a template."""

    key: str
    why: str
    tool_name: str
    tool_description: str | None
    arguments: Mapping[str, Any]


def make(key: str, ground: Mapping[str, Any] | Record) -> _Made | None:
    """The drill of this template, from a row of private.drill_ground; None where it repeats a request and there is none."""
    template = TEMPLATES[key]
    if template.arguments is not None:
        return _Made(key, template.why, template.tool_name, template.tool_description, template.arguments)
    if ground["tool_name"] is None:
        return None
    found = arguments(ground["arguments"])
    name = next((name for name in _AMOUNTS if found.get(name)), None)
    if name is None:
        return None
    larger = _larger(found[name])
    if larger is None:
        return None
    return _Made(key, template.why, ground["tool_name"], ground["tool_description"], {**found, name: larger})


def _larger(value: object) -> object:
    """So many times the amount, in the form that it has: 184.5 → 2214.0, "184.50" → "2214.00". None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        places = len(value.partition(".")[2])
        try:
            return f"{float(value) * _TIMES:.{places}f}"
        except ValueError:
            return None
    return value * _TIMES if isinstance(value, int) else round(value * _TIMES, 2)


async def send(connection: Connection, supervisor_id: UUID, key: str) -> None:
    """An admin sends a drill now. Conflict, with the reason, where none can be sent. NotFound without such a supervisor."""
    ground = await connection.fetchrow(
        "select interaction_id, tool_name, tool_description, arguments from private.choose_drill_ground($1)",
        supervisor_id,
    )
    assert ground is not None  # otherwise the function has raised
    made = make(key, ground)
    if made is None:
        raise Conflict(
            "No request with an amount was allowed lately to the agent of this interaction, so there is nothing to multiply. Choose another drill."
        )
    await connection.fetchval(
        "select private.send_drill($1, $2, $3, $4, $5, $6, $7::json)",
        *_values(supervisor_id, ground["interaction_id"], made),
    )


async def send_due(db: Database, supervisors: Sequence[UUID]) -> None:
    """Send one to each of these supervisors who is due one.

    Nothing is sent where something came in between or the tool itself would refuse it: the next look chooses again.
    """
    rows = await db.call(
        "select supervisor_id, interaction_id, tool_name, tool_description, arguments from private.due_drills($1)",
        [*supervisors],
    )
    for row in rows:
        usable = [made for key in TEMPLATES if (made := make(key, row)) is not None]
        with suppress(Conflict):
            await db.call(
                "select private.send_due_drill($1, $2, $3, $4, $5, $6, $7::json)",
                *_values(row["supervisor_id"], row["interaction_id"], secrets.choice(usable)),
            )


def _values(supervisor_id: UUID, interaction_id: UUID | None, made: _Made) -> list[Any]:
    return [
        supervisor_id,
        interaction_id,
        made.key,
        made.why,
        made.tool_name,
        made.tool_description,
        made.arguments,
    ]


async def set_per_day(connection: Connection, supervisor_id: UUID, per_day: int) -> None:
    """How many drills in 24 hours the product sends to a supervisor at most. Invalid beyond 0 to 5, NotFound without such a supervisor."""
    await connection.execute("select private.set_drills_per_day($1, $2)", supervisor_id, per_day)


async def report(connection: Connection) -> dict[str, Any]:
    """`supervisors` with their drills a day, and the last `drills`, for admins."""
    found: dict[str, Any] = await connection.fetchval("select private.drill_report()")
    return found


async def results(connection: Connection, days: int) -> Sequence[Record]:
    """How the drills of so many days ended, for each supervisor whom the viewer may see, by name: caught, allowed, missed."""
    return await connection.fetch(
        "select * from private.drill_results(pg_catalog.now() - pg_catalog.make_interval(days => $1))", days
    )


async def answer(
    db: Database, viewer: Caller, drill_id: UUID, status: str | None, digest: str
) -> tuple[bool, dict[str, Any]]:
    """The supervisor's answer; None only reads. Whether it was stored, and the row that the card shows now. NotFound."""
    rows = await db.call(
        "select won, card from private.answer_drill($1, $2, $3, $4)", viewer.claims, drill_id, status, digest
    )
    card: dict[str, Any] = rows[0]["card"]
    return rows[0]["won"], card


async def card(connection: Connection, drill_id: UUID) -> dict[str, Any] | None:
    """The row that the card of a drill shows; None when there is no such drill on the viewer's floor."""
    found: dict[str, Any] | None = await connection.fetchval("select private.drill_card($1)", drill_id)
    return found

"""Standing approvals: a person allows requests that follow, within limits. The database checks and counts each use."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from server.kernel.db import Caller, Connection, Database, Record
from server.permissions import tool_permissions


@dataclass(frozen=True, slots=True)
class Scope:
    """What a standing approval covers: `exact`, `limit` or `any`; how many uses; for how many minutes.

    A limit names an argument, its maximum per use, the maximum of the sum, and the arguments that may differ.
    """

    kind: str
    uses: int
    minutes: int
    argument: str | None = None
    each: Decimal | None = None
    total: Decimal | None = None
    freed: tuple[str, ...] = ()


async def allow(
    db: Database, viewer: Caller, permission_id: UUID, arguments_digest: str, scope: Scope
) -> tuple[bool, dict[str, Any]]:
    """Allow the request with these arguments at once, and give a standing approval of its tool in its interaction.

    Returns the same as `tool_permissions.decide`. Invalid for a scope that the request cannot have. NotFound when it is not
    the viewer's.
    """
    return await tool_permissions.answered(
        db,
        "select won, expired, card from private.allow_with_grant($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        viewer,
        permission_id,
        [
            arguments_digest,
            scope.kind,
            scope.uses,
            scope.minutes,
            scope.argument,
            scope.each,
            scope.total,
            list(scope.freed),
        ],
        ("allowed", arguments_digest),
    )


async def live(connection: Connection, row: Mapping[str, Any]) -> Record | None:
    """The active standing approval of this request's tool in its interaction, if any: `words`, uses, max_uses, granted_by_name."""
    return await connection.fetchrow(
        """
        select private.grant_words(g) as words, g.uses, g.max_uses, g.granted_by_name from public.tool_grants g
        where g.interaction_id = $1 and g.tool_name = $2 and g.ended_at is null and g.expires_at > pg_catalog.clock_timestamp()
        """,
        UUID(row["interaction_id"]),
        row["tool_name"],
    )


async def revoke(db: Database, viewer: Caller, grant_id: UUID) -> Record:
    """End a standing approval; return its row, with how it ended and by whom, also when it had ended before.

    NotFound when it is not the viewer's.
    """
    async with db.as_viewer(viewer) as connection:
        row = await connection.fetchrow(
            "select tool_name, ended_how, ended_by_name, interaction_id from public.revoke_grant($1)",
            grant_id,
        )
    assert row is not None  # otherwise the function has raised
    return row

"""Filters of a page that a person keeps under a name, or an admin keeps for everybody."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from server.errors import Invalid, NotFound
from server.kernel.db import Connection, Record

_LONGEST = 100
_MOST = 30  # of one person on one page


async def of_page(connection: Connection, page: str) -> Sequence[Record]:
    """The viewer's own views of a page, then those that others share, each by name: id, name, filters, shared, own."""
    return await connection.fetch(
        """
        (select id, name, filters, shared, true as own from public.saved_views
         where page = $1 and user_id = (select private.viewer_id()) order by name collate "C", id)
        union all
        (select id, name, filters, shared, false from public.saved_views
         where page = $1 and user_id <> (select private.viewer_id()) order by name collate "C", id limit 60)
        """,
        page,
    )


async def save(
    connection: Connection, page: str, name: str, filters: Mapping[str, str], *, shared: bool
) -> None:
    """Keep these filters under a name, in place of the viewer's own view of that name; one that is shared stays so. Invalid, Forbidden."""
    name = " ".join(name.split()).replace("\x00", "")
    if not name or len(name) > _LONGEST:
        raise Invalid(f"A view has a name of 1 to {_LONGEST} characters.")
    own = await connection.fetchval(
        "select count(*) from public.saved_views where page = $1 and user_id = (select private.viewer_id()) and name <> $2",
        page,
        name,
    )
    if own >= _MOST:
        raise Invalid(f"You have {_MOST} views of this page already. Delete one first.")
    await connection.execute(
        """
        insert into public.saved_views (page, name, filters, shared) values ($1, $2, $3, $4)
        on conflict on constraint saved_views_once do update set filters = excluded.filters, shared = saved_views.shared or excluded.shared
        """,
        page,
        name,
        dict(filters),
        shared,
    )


async def delete(connection: Connection, view_id: UUID) -> None:
    """NotFound when it is not the viewer's to delete."""
    deleted = await connection.fetchval("delete from public.saved_views where id = $1 returning id", view_id)
    if deleted is None:
        raise NotFound("There is no such saved view.")

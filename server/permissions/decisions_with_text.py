"""Tool permissions with a text: by the trigram indexes where few have it, else by reading the newest rows, in steps."""

from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from server.kernel.db import Connection, Record

# Rows that match the other filters and are looked at: first, and then where no index helps. What 1 in 20 rows have fills a page within
# the first 1,000; what 1 in 140 rows have, within all of them.
FIRST, THEN = 1_000, (2_000, 4_000)
NEWEST = 500  # of what the index names
_ITSELF = "(tool_name ilike {text} or arguments::text ilike {text} or reason ilike {text} or agent_id = any ({agents}))"
_CUSTOMER = "(i.caller ilike {text} or i.phone_number ilike {text})"


@dataclass(frozen=True, slots=True)
class Text:
    """A text, the viewer's agents with it in their name, and the requests with it elsewhere, where an index could tell."""

    pattern: str
    agents: list[UUID]
    ids: list[UUID] | None = None

    @classmethod
    async def of(cls, connection: Connection, text: str) -> Self:
        """Without asking the index."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        agents = await connection.fetchval(
            "select array(select id from public.agents where name ilike $1)", pattern
        )
        return cls(pattern, agents)

    @classmethod
    async def indexed(cls, connection: Connection, text: str) -> Self:
        """With what the index tells."""
        found = await cls.of(connection, text)
        ids = await connection.fetchval("select private.decisions_with_text($1)", text)
        return cls(found.pattern, found.agents, ids)

    def condition(self, given: list[Any]) -> str:
        """The condition on public.tool_permissions; its arguments are appended to those given."""
        if self.ids is None:
            itself, customer = self.parts(given)
            return f"({itself} or (select {customer} from public.interactions i where i.id = interaction_id))"
        given += [self.ids, self.agents]
        return f"(id = any (${len(given) - 1}::uuid[]) or agent_id = any (${len(given)}::uuid[]))"

    def parts(self, given: list[Any]) -> tuple[str, str]:
        """The condition on public.tool_permissions, and that on its interaction i, of which one must be true."""
        given += [self.pattern, self.agents]
        names = {"text": f"${len(given) - 1}", "agents": f"${len(given)}::uuid[]"}
        return _ITSELF.format(**names), _CUSTOMER.format(**names)


@dataclass(frozen=True, slots=True)
class Asked:
    """The other filters as a condition on public.tool_permissions with its arguments; the way through the history; how many ids at most."""

    condition: str
    given: list[Any]
    forward: bool  # from old to new
    limit: int

    @property
    def order(self) -> str:
        return self._order("asc" if self.forward else "desc")

    @property
    def _back(self) -> str:
        return self._order("desc" if self.forward else "asc")

    @staticmethod
    def _order(way: str) -> str:
        return f"requested_at {way}, id {way}"

    async def looked_through(
        self, connection: Connection, text: Text, rows: int, last: Record | None = None
    ) -> Record:
        """Of so many rows that match the other filters, beyond `last`: those with the text, how many there were, and the last of them."""
        given, condition = [*self.given], self.condition
        if last is not None:
            given += [last["last_requested_at"], last["last_id"]]
            condition += f" and (requested_at, id) {'>' if self.forward else '<'} (${len(given) - 1}::timestamptz, ${len(given)}::uuid)"
        itself, customer = text.parts(given)
        # Each interaction is looked up once for all its requests.
        found = await connection.fetchrow(
            f"""
            with seen as materialized (
              select id, requested_at, interaction_id, coalesce({itself}, false) as itself from (
                select id, requested_at, tool_name, arguments, reason, agent_id, interaction_id from public.tool_permissions
                where {condition} order by {self.order} limit {rows}) t
            ), customers as materialized (
              select i.id from (select distinct interaction_id from seen where not itself) d
              cross join lateral (select i.id from public.interactions i where i.id = d.interaction_id and {customer} offset 0) i)
            select array(select id from seen where itself or interaction_id in (select c.id from customers c) order by {self.order} limit {self.limit}) as ids,
              count(*) as seen, (array_agg(id order by {self._back}))[1] as last_id, (array_agg(requested_at order by {self._back}))[1] as last_requested_at
            from seen
            """,
            *given,
        )
        assert found is not None
        return found

    async def all_matching(self, connection: Connection, text: Text) -> list[UUID]:
        """The first ids with the text, wherever they are."""
        given = [*self.given]
        if text.ids is None:
            source = f"select id, requested_at from public.tool_permissions where {self.condition} and {text.condition(given)}"
        else:
            # Each by its id: the planner would rather read rows in order until enough of these have come by.
            given += [text.ids, text.agents]
            source = f"""select t.id, t.requested_at from unnest(${len(given) - 1}::uuid[]) as named(id) cross join lateral (
                select id, requested_at from public.tool_permissions where id = named.id and {self.condition} offset 0) t
              union select id, requested_at from public.tool_permissions
                where agent_id = any (${len(given)}::uuid[]) and {self.condition}"""
        found: list[UUID] = await connection.fetchval(
            f"select array(select id from ({source}) t order by {self.order} limit {self.limit})", *given
        )
        return found


async def find(
    connection: Connection, text: str, asked: Asked, *, whole: bool
) -> tuple[list[UUID], Record | None]:
    """The first ids with the text, and where the search stopped, if it did before it had them all; never when `whole`.

    A text in many rows is soon found in the newest; one in few is found by the index. What the index does not help with
    (texts without three letters or digits in a row; words that are each in every row, for an admin) is looked for in a
    bounded number of rows, and the page says how far it looked.
    """
    found = Text("", []) if whole else await Text.of(connection, text)
    first = None if whole else await asked.looked_through(connection, found, FIRST)
    if first is not None and (first["seen"] < FIRST or len(first["ids"]) >= asked.limit):
        return first["ids"], None
    found = await Text.indexed(connection, text)
    if found.ids is not None and not found.agents and not asked.forward:
        # The newest of those that the index names often fill a page, and each is read by its id (40 µs).
        newest = await asked.all_matching(connection, replace(found, ids=found.ids[:NEWEST]))
        if len(newest) >= asked.limit or len(found.ids) <= NEWEST:
            return newest, None
    if first is None or found.ids is not None:
        return await asked.all_matching(connection, found), None
    ids, last = list(first["ids"]), first
    for rows in THEN:
        last = await asked.looked_through(connection, found, rows, last)
        ids += last["ids"]
        if last["seen"] < rows or len(ids) >= asked.limit:
            return ids[: asked.limit], None
    return ids, last

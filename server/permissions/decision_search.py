"""Tool permissions with a text: among the newest, or among those that private.decision_search names."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.kernel.db import Connection, Record
from server.kernel.db.lists import Span

# Requests that are looked at. The newest take 17 µs each, more than a row of private.decision_search.
NEWEST, OWN_NEWEST, MOST = 150, 500, 20_000
# In the request, in the agent's name, or in the customer: looked up for each row, or for all of them at once.
_TEXT = """(tool_name ilike ? or arguments::text ilike ? or changed_arguments::text ilike ? or proposed_arguments::text ilike ? or reason ilike ?
  or agent_id = any (array(select id from public.agents where name ilike ?)) or {customer})"""
EACH = _TEXT.format(
    customer="(select i.caller ilike ? or i.phone_number ilike ? from public.interactions i where i.id = interaction_id)"
)
ALL = _TEXT.format(
    customer="""interaction_id = any (array(select id from public.interactions where caller ilike ? union all
      select id from public.interactions where phone_number ilike ?))"""
)


def condition_of(text: str, search: str, given: list[Any]) -> str:
    """The condition on public.tool_permissions, EACH or ALL; its argument is appended to those given."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    given.append(f"%{escaped}%")
    return search.replace("?", f"${len(given)}")


def _these(ids: list[UUID]) -> tuple[str, list[Any]]:
    return "select unnest($1::uuid[]) as id", [ids]


@dataclass(frozen=True, slots=True)
class Asked:
    """A text; the other filters as a condition with its arguments, and those of them that private.decisions_with_text takes; the way through the history."""

    text: str
    condition: str
    given: list[Any]
    supervisor: str
    span: Span
    place: int | None  # microseconds
    forward: bool  # from old to new
    limit: int
    narrow: bool  # whether other filters leave out much of what has the text

    @property
    def order(self) -> str:
        return f"requested_at {(way := 'asc' if self.forward else 'desc')}, id {way}"

    def query(self, search: str) -> tuple[str, list[Any]]:
        """The first ids of all that match; and its arguments."""
        given = [*self.given]
        condition = condition_of(self.text, search, given) if self.text else "true"
        return (
            f"select id from public.tool_permissions where {self.condition} and {condition} order by {self.order} limit {self.limit}",
            given,
        )

    async def find(self, connection: Connection) -> tuple[str, list[Any]]:
        """A query for the first ids that match, and its arguments; what takes long is done.

        A text in many rows, one of a supervisor who has few, and filters that few rows pass are found among the newest that
        pass the filters. Any other is found among those that private.decision_search names: the first of them and, where
        the text itself or other filters leave too few, as many more as seem necessary. What is left is read in order: a
        common text whose last rows are old, and one that no index helps with.
        """
        may_be_few = self.narrow or bool(self.supervisor)
        if may_be_few:
            ids, whole = await self._newest(connection)
            if whole or len(ids) == self.limit:
                return _these(ids)
        ids, looked_at = list[UUID](), set[UUID]()
        most = min(self.limit * 24 if may_be_few else self.limit * 6 // 5, MOST)
        while True:
            named = await self._named(connection, most)
            if named["ids"] is None:
                newest = [] if may_be_few else (await self._newest(connection))[0]
                enough = len(newest) == self.limit
                return _these(newest) if enough else self.query(EACH if named["common"] else ALL)
            for end in (self.limit * (6 if self.narrow else 2), most):
                part = [one for one in named["ids"][:end] if one not in looked_at]
                ids += await self._among(connection, part) if part else []
                if len(ids) >= self.limit:
                    return _these(ids)
                looked_at.update(part)
            if len(named["ids"]) < most:
                return _these(ids)
            if most == MOST:
                return self.query(EACH)
            most = min(max(most * 4, most * self.limit * 2 // max(len(ids), 1)), MOST)

    async def _newest(self, connection: Connection) -> tuple[list[UUID], bool]:
        """Those of the newest that pass the other filters; and whether that is all there are."""
        given, most = [*self.given], OWN_NEWEST if self.supervisor else NEWEST
        row = await connection.fetchrow(
            f"""
            with newest as materialized (
              select * from public.tool_permissions where {self.condition} order by {self.order} limit {most})
            select (select count(*) from newest) as seen,
              array(select id from newest where {condition_of(self.text, EACH, given)} order by {self.order} limit {self.limit}) as ids
            """,
            *given,
        )
        assert row is not None
        return row["ids"], row["seen"] < most

    async def _named(self, connection: Connection, most: int) -> Record:
        """The first requests that may have the text (`ids`); None where it is `common`, or where the index does not help."""
        named = await connection.fetchrow(
            """
            select ids, common from private.decisions_with_text($1, (select id from public.users where username = $2), $3, $4,
              timestamptz 'epoch' + $5::bigint * interval '1 microsecond', $6, $7)
            """,
            self.text, self.supervisor, self.span.since, self.span.until, self.place, self.forward, most,
        )  # fmt: skip
        assert named is not None
        return named

    async def _among(self, connection: Connection, named: list[UUID]) -> list[UUID]:
        """The first of these that match. Each is read by its id: the planner would rather read rows in order until enough of these have come by."""
        given = [*self.given, named]
        source = f"""unnest(${len(given)}::uuid[]) as named (named_id)
          cross join lateral (select * from public.tool_permissions where id = named_id offset 0) t"""
        condition = condition_of(self.text, EACH, given)
        rows = await connection.fetch(
            f"select id from {source} where {self.condition} and {condition} order by {self.order} limit {self.limit}",
            *given,
        )
        return [row["id"] for row in rows]

"""Several real connections, each in somebody's transaction: deeds that wait for one another's locks, as in life."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.database.acting import Connection
from tests.database.deeds import DEEDS, Deed, Who, connect

_BLOCKED = "select pid, pg_blocking_pids(pid) as by from unnest($1::integer[]) pid"


@dataclass(slots=True)
class Fact:
    """A deed that was done: by whom, to what, what was answered; `issued` and `done` are steps of the machine."""

    name: str
    who: Who
    on: UUID | None
    answer: Any
    begun: int
    issued: int
    done: int = -1


@dataclass(slots=True)
class Hand:
    """One connection. Its transaction lives from the first deed to the commit or rollback."""

    connection: Connection
    number: int
    who: Who | None = None
    begun: int = 0
    task: asyncio.Task[str] | None = None
    facts: list[Fact] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return int(self.connection.get_server_pid())

    async def do(self, name: str, who: Who, on: UUID | None, step: int, keep: bool) -> str:
        deed: Deed = DEEDS[name]
        try:
            if self.who is None:
                self.who, self.begun, self.facts = who, step, []
                await self.connection.execute("begin; " + who.become)
            answer = await self.connection.fetchval(deed.sql, *([on] if deed.on else []))
            self.facts.append(Fact(name, self.who, on, answer, self.begun, step))
            return await self.finish(True) if keep else "done"
        except asyncpg.PostgresError as error:
            await self.connection.execute("rollback")
            self.who, self.facts = None, []
            state = str(error.sqlstate)
            if state not in deed.refused.split():
                raise AssertionError(f"{name}: {state} {error}") from error
            return state

    async def finish(self, keep: bool) -> str:
        await self.connection.execute("commit" if keep else "rollback")
        self.who = None
        if not keep:
            self.facts = []
        return "committed" if keep else "rolled back"


@dataclass(slots=True)
class Hands:
    """All of them, and one that only looks."""

    looking: Connection
    all: list[Hand]

    @classmethod
    async def join(cls, url: str, count: int) -> "Hands":
        looking, *acting = [await connect(url) for _ in range(count + 1)]
        return cls(looking, [Hand(connection, number) for number, connection in enumerate(acting)])

    async def leave(self) -> None:
        for connection in (self.looking, *(hand.connection for hand in self.all)):
            connection.terminate()
        # Whatever they were at ended with their connections.
        await asyncio.gather(*(hand.task for hand in self.all if hand.task), return_exceptions=True)

    async def settle(self) -> None:
        """Until every deed is done, or waits for somebody who does nothing at present."""
        while working := {hand.pid: hand.task for hand in self.all if hand.task and not hand.task.done()}:
            await asyncio.wait(working.values(), timeout=0.002, return_when=asyncio.FIRST_COMPLETED)
            pids = [pid for pid, task in working.items() if not task.done()]
            if len(pids) < len(working):
                continue
            by = {row["pid"]: set(row["by"]) for row in await self.looking.fetch(_BLOCKED, pids)}
            # Deeds that wait for one another only are a deadlock, which PostgreSQL ends; what is no hand, as a vacuum, goes by.
            idle = {hand.pid for hand in self.all} - set(pids)
            waiting = {pid for pid in pids if by[pid] & idle}
            while more := {pid for pid in pids if by[pid] & waiting} - waiting:
                waiting |= more
            if waiting == set(pids) and not any(task.done() for task in working.values()):
                return

    def answers(self) -> list[tuple[Hand, str]]:
        """What was answered meanwhile; an unexpected refusal is raised."""
        done = [(hand, hand.task) for hand in self.all if hand.task and hand.task.done()]
        for hand, _ in done:
            hand.task = None
        return [(hand, task.result()) for hand, task in done]

"""Several database sessions, each in a transaction of an actor, whose operations wait for each other's locks."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.database.acting import Connection
from tests.database.operations import OPERATIONS, Operation, Who, connect

_BLOCKED = "select pid, pg_blocking_pids(pid) as by from unnest($1::integer[]) pid"


@dataclass(slots=True)
class Fact:
    """An operation that was done: by whom, to what, what was answered; `issued` and `done` are steps of the machine."""

    name: str
    who: Who
    on: UUID | None
    answer: Any
    begun: int
    issued: int
    done: int = -1


@dataclass(slots=True)
class Session:
    """One connection. Its transaction lives from the first operation to the commit or rollback."""

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
        operation: Operation = OPERATIONS[name]
        try:
            if self.who is None:
                self.who, self.begun, self.facts = who, step, []
                await self.connection.execute("begin; " + who.become)
            answer = await self.connection.fetchval(operation.sql, *([on] if operation.on else []))
            self.facts.append(Fact(name, self.who, on, answer, self.begun, step))
            return await self.finish(True) if keep else "done"
        except asyncpg.PostgresError as error:
            await self.connection.execute("rollback")
            self.who, self.facts = None, []
            state = str(error.sqlstate)
            if state not in operation.refused.split():
                raise AssertionError(f"{name}: {state} {error}") from error
            return state

    async def finish(self, keep: bool) -> str:
        await self.connection.execute("commit" if keep else "rollback")
        self.who = None
        if not keep:
            self.facts = []
        return "committed" if keep else "rolled back"


@dataclass(slots=True)
class Sessions:
    """All of them, and one that only looks."""

    looking: Connection
    all: list[Session]

    @classmethod
    async def open(cls, url: str, count: int) -> "Sessions":
        looking, *acting = [await connect(url) for _ in range(count + 1)]
        return cls(looking, [Session(connection, number) for number, connection in enumerate(acting)])

    async def close(self) -> None:
        for connection in (self.looking, *(session.connection for session in self.all)):
            connection.terminate()
        # Whatever they were at ended with their connections.
        await asyncio.gather(*(session.task for session in self.all if session.task), return_exceptions=True)

    async def settle(self) -> None:
        """Wait until every operation is done, or waits for a session that does nothing at present."""
        while working := {
            session.pid: session.task for session in self.all if session.task and not session.task.done()
        }:
            await asyncio.wait(working.values(), timeout=0.002, return_when=asyncio.FIRST_COMPLETED)
            pids = [pid for pid, task in working.items() if not task.done()]
            if len(pids) < len(working):
                continue
            by = {row["pid"]: set(row["by"]) for row in await self.looking.fetch(_BLOCKED, pids)}
            # Operations that wait only for each other are a deadlock, which PostgreSQL ends. Other backends, such as a vacuum, will finish.
            idle = {session.pid for session in self.all} - set(pids)
            waiting = {pid for pid in pids if by[pid] & idle}
            while more := {pid for pid in pids if by[pid] & waiting} - waiting:
                waiting |= more
            if waiting == set(pids) and not any(task.done() for task in working.values()):
                return

    def answers(self) -> list[tuple[Session, str]]:
        """What was answered meanwhile; an unexpected refusal is raised."""
        done = [(session, session.task) for session in self.all if session.task and session.task.done()]
        for session, _ in done:
            session.task = None
        return [(session, task.result()) for session, task in done]

"""Statements that the web process has executed, counted by PostgreSQL's own log.

With `log_statement = 'all'` each statement is one line of the log, and one round trip. Statements that the web process
executes by itself, without a request, are recognised by their text (BACKGROUND) and do not count.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.app_server import AppServer

WEB = "floorwalker_web"
_LINE = re.compile(r"\S+ \S+ \S+ \[(\d+)\] (?:(\S+) )?([A-Z]+):  (.*)", re.DOTALL)
_EXECUTED = re.compile(r"(?:statement|execute [^:]+): (.*)", re.DOTALL)
BACKGROUND = (
    "select private.sweep(",  # the sweeper, every half second
    "select * from private.take_deliveries(",  # events for other systems, every second
    "select supervisor_id, interaction_id, tool_name, tool_description, arguments from private.due_drills(",  # every minute
    "select id from private.live_web_sessions(",  # every ten seconds while streams are open
    "select 1;",  # the hub's heartbeat
    *("listen floor;", "select pg_notify("),  # the hub's new connection, and whether it hears
    "select where pg_catalog.pg_backend_pid()",  # whether the pool's new connection is a pooler's
    # What asyncpg learns of types, once a connection.
    *("select t.oid", "with recursive typeinfo_tree", "select current_setting('jit')"),
)


@dataclass(slots=True)
class Statement:
    """What a backend executed, and with which parameters."""

    pid: int
    text: str
    parameters: str = ""

    @property
    def plain(self) -> str:
        """In one line and in small letters."""
        return " ".join(self.text.split()).rstrip(";").lower()

    @property
    def word(self) -> str:
        """Whose statement it is, in one word."""
        text = self.plain
        if text in ("begin", "commit", "rollback"):
            return text
        if text.startswith("begin; select set_config('role'"):
            return "become"
        found = re.search(r"(?:public|private)\.(\w+)", text)
        return found[1] if found else text


@dataclass(slots=True)
class Cost:
    """What was executed in a while."""

    statements: list[Statement] = field(default_factory=list)
    background: list[Statement] = field(default_factory=list)

    @property
    def transactions(self) -> tuple[str, ...]:
        """The words of each transaction, in the order in which they began."""
        found: list[list[str]] = []
        within: dict[int, list[str]] = {}
        for statement in self.statements:
            words = within.get(statement.pid)
            if words is None:
                words = [statement.word]
                found.append(words)
                if statement.plain.startswith("begin"):
                    within[statement.pid] = words
            else:
                words.append(statement.word)
                if statement.word in ("commit", "rollback"):
                    del within[statement.pid]
        assert not within, "a transaction is still open"
        return tuple(" ".join(words) for words in found)

    def of(self, word: str) -> list[Statement]:
        return [statement for statement in self.statements if statement.word == word]


class Ledger:
    """The log of one home's PostgreSQL, read between two marks that the superuser made."""

    def __init__(self, app_server: AppServer, superuser: Any) -> None:
        self.app_server, self.superuser = app_server, superuser
        self.path = app_server.home / "postgres.log"

    async def mark(self) -> int:
        """Leave a mark; where it stands. A statement is written down before it is executed, so nothing is missed."""
        text = f"mark {uuid4()}"
        await self.superuser.execute(f"select '{text}'")
        place = self.path.read_bytes().find(text.encode())
        assert place > 0
        return place

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[Cost]:
        """Count what is executed within, once it is done."""
        cost = Cost()
        start = await self.mark()
        yield cost
        end = await self.mark()
        log = self.path.read_bytes()[start:end].decode()
        for statement in executed(log):
            background = f"{statement.plain};".startswith(BACKGROUND)
            (cost.background if background else cost.statements).append(statement)

    async def quiet(self, seconds: float = 0.5) -> None:
        """Wait until nothing but the background has happened for a while."""
        for _ in range(20):
            async with self.counting() as cost:
                await asyncio.sleep(seconds)
            if not cost.statements:
                return
        raise AssertionError(f"it does not come to rest: {cost.transactions}")


def executed(log: str) -> list[Statement]:
    """What the web process's backends executed, of all that the log says."""
    found: list[Statement] = []
    for entry in re.split(r"\n(?!\t)", log)[1:]:  # the first is the mark
        line = _LINE.match(entry.replace("\n\t", "\n"))
        if line is None or line[2] != WEB:
            continue
        if line[3] == "LOG" and (what := _EXECUTED.match(line[4])):
            found.append(Statement(int(line[1]), what[1]))
        for last in [one for one in found if one.pid == int(line[1]) and line[3] == "DETAIL"][-1:]:
            last.parameters = line[4]
    return found

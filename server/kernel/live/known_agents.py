"""The agents of keys that were used lately, and when that was."""

import asyncio
import random
import time
from uuid import UUID

from server.errors import RequestError
from server.kernel.auth import AgentCaller, Auth
from server.kernel.db import Database
from server.kernel.live.hub import STATE, Hub

# Seconds at most until a key is looked up again; the shorter while notifications of a revocation may not arrive.
_REMEMBER, _REMEMBER_BRIEFLY = 300.0, 5.0
_REMEMBERED = 50_000  # keys at most
_NOTED = 60.0  # seconds between two notes of the use of a key
_GATHER = 1.0  # seconds in which uses are gathered


class KnownAgents:
    """Remembers the agent of each key, so that most requests do not look it up in the database.

    A revocation rings, and the key is forgotten. A ring may be lost with the LISTEN connection, so everything is forgotten
    then, and remembered only briefly while there is no connection.
    """

    def __init__(self, auth: Auth, hub: Hub) -> None:
        self._auth, self._hub = auth, hub
        self.remembered: dict[str, tuple[float, AgentCaller]] = {}
        self._rings = 0
        self._used = set[UUID]()  # keys whose use is not stored yet
        self._noted = dict[UUID, float]()  # when the use of a key was noted, in monotonic time
        hub.topics.subscribe(["agent_keys:*", STATE], self._forget)

    async def of(self, key: str) -> AgentCaller:
        """The agent of a key. Unauthorized when the key is unknown or revoked, or its agent retired."""
        known = self.remembered.get(key)
        now = time.monotonic()
        if known is not None and known[0] > now:
            self._note(known[1], now)
            return known[1]
        brief = self._hub.state.name != "live"
        # Spread, so that keys that were first used together are not looked up together each time.
        until = time.monotonic() + (_REMEMBER_BRIEFLY if brief else _REMEMBER) * random.uniform(0.5, 1)  # noqa: S311 - no secret
        rings = self._rings
        agent = await self._auth.agent(key)
        if rings == self._rings:  # otherwise the key may have been revoked during the query
            while len(self.remembered) >= _REMEMBERED:
                del self.remembered[next(iter(self.remembered))]
            self.remembered[key] = until, agent
        self._note(agent, now)
        return agent

    def _note(self, agent: AgentCaller, now: float) -> None:
        if now - self._noted.get(agent.key_id, -_NOTED) >= _NOTED:
            if len(self._noted) >= _REMEMBERED:
                self._noted.clear()
            self._noted[agent.key_id] = now
            self._used.add(agent.key_id)

    async def run(self, db: Database) -> None:
        """Store which keys were used, all that gathered in a second with one statement, while the process runs."""
        while True:
            await asyncio.sleep(_GATHER)
            used, self._used = self._used, set()
            if used:
                try:
                    await db.call("select private.note_key_use($1)", sorted(used))
                except RequestError:
                    self._used |= used  # again in a second

    def _forget(self, topic: str, _certain: bool) -> None:
        self._rings += 1
        agent_id = topic.removeprefix("agent_keys:")
        for key in [
            key for key, (_, agent) in self.remembered.items() if agent_id in (str(agent.id), "*", STATE)
        ]:
            del self.remembered[key]

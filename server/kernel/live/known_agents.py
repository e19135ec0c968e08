"""The agents of keys that were used lately."""

import random
import time

from server.kernel.auth import AgentCaller, Auth
from server.kernel.live.hub import STATE, Hub

# Seconds at most until a key is looked up again; the shorter while notifications of a revocation may not arrive.
_REMEMBER, _REMEMBER_BRIEFLY = 300.0, 5.0
_REMEMBERED = 50_000  # keys at most


class KnownAgents:
    """Remembers the agent of each key, so that most requests do not look it up in the database.

    A revocation rings, and the key is forgotten. A ring may be lost with the LISTEN connection, so everything is forgotten
    then, and remembered only briefly while there is no connection.
    """

    def __init__(self, auth: Auth, hub: Hub) -> None:
        self._auth, self._hub = auth, hub
        self.remembered: dict[str, tuple[float, AgentCaller]] = {}
        self._rings = 0
        hub.topics.subscribe(["agent_keys:*", STATE], self._forget)

    async def of(self, key: str) -> AgentCaller:
        """The agent of a key. Unauthorized when the key is unknown or revoked, or its agent retired."""
        known = self.remembered.get(key)
        if known is not None and known[0] > time.monotonic():
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
        return agent

    def _forget(self, topic: str, _certain: bool) -> None:
        self._rings += 1
        agent_id = topic.removeprefix("agent_keys:")
        for key in [
            key for key, (_, agent) in self.remembered.items() if agent_id in (str(agent.id), "*", STATE)
        ]:
            del self.remembered[key]

"""Whose the keys are that agents used lately."""

import random
import time

from server.kernel.auth import AgentCaller, Auth
from server.kernel.live.hub import STATE, Hub

# Seconds at most that a key need not be looked up again; deaf: no bell says when it ends.
_REMEMBER, _REMEMBER_DEAF = 300.0, 5.0
_REMEMBERED = 50_000  # keys at most


class KnownAgents:
    """Whose the keys are that were used lately, so that not every request looks its own up.

    Forgotten at the ring of a revocation. A ring may be lost with the LISTEN connection, so what is remembered
    ends with that, and is short while there is none.
    """

    def __init__(self, auth: Auth, hub: Hub) -> None:
        self._auth, self._hub = auth, hub
        self.remembered: dict[str, tuple[float, AgentCaller]] = {}
        self._rings = 0
        hub.topics.subscribe(["agent_keys:*", STATE], self._forget)

    async def of(self, key: str) -> AgentCaller:
        """Whose key it is. Unauthorized when nobody's, revoked, or of a retired agent."""
        known = self.remembered.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        deaf = self._hub.state.name != "live"
        # Not the same for all: those that came together would be looked up together for ever.
        until = time.monotonic() + (_REMEMBER_DEAF if deaf else _REMEMBER) * random.uniform(0.5, 1)  # noqa: S311 - no secret
        rings = self._rings
        agent = await self._auth.agent(key)
        if rings == self._rings:  # or it may be the key that was revoked while we asked
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

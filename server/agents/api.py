"""What an agent may ask about itself."""

from typing import Any, Literal
from uuid import UUID

from server.agents import agents
from server.kernel.db import Connection
from server.kernel.http import Ask, Call, Model


class Tool(Model):
    """One thing the agent can do."""

    tool_name: str
    description: str | None
    input_schema: dict[str, Any] | None
    requires_permission: bool


class Agent(Model):
    """The agent as the supervisor has set it up."""

    id: UUID
    name: str
    agent_type: Literal["voice", "chat"]
    status: Literal["idle", "in_call", "in_chat", "paused"]
    system_prompt: str
    active_interaction_id: UUID | None  # what a restarted agent left open
    tools: list[Tool]


async def read(ask: Ask, connection: Connection) -> Agent:
    """The caller itself."""
    return Agent.model_validate(dict(await agents.read(connection, ask.agent.id)))


CALLS = [Call("GET", "/agent", "The agent of this key", Agent, in_transaction=read)]

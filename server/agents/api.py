"""The call with which an agent reads its own record."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from server.agents import agents
from server.kernel.db import Connection
from server.kernel.http import Ask, Call, Model


class Tool(Model):
    """A tool of the agent."""

    tool_name: str
    description: str | None
    input_schema: dict[str, Any] | None
    mode: Literal["runs", "shown", "asks", "refused"] = Field(
        description="runs: at once. shown: at once, and supervisors see it. asks: a person decides. refused: never."
    )
    requires_permission: bool
    idempotent: bool


class Agent(Model):
    """The agent, as its supervisor has set it up."""

    id: UUID
    name: str
    agent_type: Literal["voice", "chat", "email", "sms", "research"]
    status: Literal["idle", "in_call", "in_chat", "paused"]
    system_prompt: str
    description: str | None
    first_message: str | None
    voice_provider: str
    voice_id: str
    voice_name: str | None
    model_provider: str
    model_name: str
    language: str
    interrupt_enabled: bool
    silence_threshold_seconds: float
    config: dict[str, Any] = Field(
        description="By key. max_call_duration is in seconds; the server ends an interaction that is older."
    )
    # So that an agent that was restarted finds the interaction that it left open, and can continue or end it.
    active_interaction_id: UUID | None
    tools: list[Tool]


async def read(ask: Ask, connection: Connection) -> Agent:
    """Read the agent of the key."""
    return Agent.model_validate(dict(await agents.read(connection, ask.agent.id)))


CALLS = [Call("GET", "/agent", "The agent of this key", Agent, in_transaction=read)]

"""Who makes a request, a person or an agent, as the database knows them."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal["admin", "supervisor"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who makes this request, as the database knows them now."""

    id: UUID
    email: str
    role: Role
    name: str
    username: str | None
    supervisor_type: str | None
    session_id: UUID
    expires_at: dt.datetime

    database_role = "authenticated"

    @property
    def claims(self) -> str:
        """The claims that row-level security reads. They name the person; every right is looked up in tables, not in a token."""
        return json.dumps({"sub": str(self.id), "role": "authenticated"})


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """The agent that makes this request, by one of its keys."""

    id: UUID
    key_id: UUID
    in_setup: bool = False  # its guided set-up waits for the first call

    database_role = "agent_runtime"

    @property
    def claims(self) -> str:
        """The claims name the key; the database looks up whose it is and whether it is still valid."""
        return json.dumps({"key_id": str(self.key_id), "role": "agent_runtime"})

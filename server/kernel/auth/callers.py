"""Who makes a request: a person or an agent, as the database meets them."""

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
        """What row-level security reads: whose rows, and nothing that a token could invent."""
        return json.dumps({"sub": str(self.id), "role": "authenticated"})


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """The agent who makes this request, by one of its keys."""

    id: UUID
    key_id: UUID

    database_role = "agent_runtime"

    @property
    def claims(self) -> str:
        """Name the key; the database looks up whose it is, and whether it still is."""
        return json.dumps({"key_id": str(self.key_id), "role": "agent_runtime"})

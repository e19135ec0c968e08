"""A running Floorwalker as tests use it: people, agents, signed-in browsers' cookies, the owner's database."""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg
import httpx

from server.agents.agent_keys import Channel
from server.embedded.keys import Keys
from server.embedded.postgres import Postgres
from server.kernel.auth import digest

DEADLINE = (
    60.0  # seconds: a deadline is for tests that hang, because a machine can be ten times slower for a minute
)
PASSWORD = "correct horse battery"
TOOLS = {
    "tools": [
        {"name": "issue_refund", "description": "Pays money back", "requires_permission": True},
        {"name": "check_order", "description": "Reads an order", "requires_permission": False},
    ]
}


def decision(asked: Mapping[str, Any] | asyncpg.Record, status: str, **fields: str) -> dict[str, str]:
    """The form fields that decide on this request, from the API's answer or its row."""
    return {"status": status, "arguments_digest": asked["arguments_digest"], **fields}


@dataclass(frozen=True, slots=True)
class Agent:
    id: UUID
    name: str
    key: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    email: str
    username: str
    name: str
    agents: list[Agent] = field(default_factory=list)


@dataclass(slots=True)
class AppServer:
    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self, seconds: float = 3 * DEADLINE) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server did not come up:\n{self.log.read_text()[-4000:]}")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return "floorwalker-" + self.url.rpartition(":")[2]

    def database_url(self, role: str = "postgres") -> str:
        return Postgres(self.home).url(role)

    @asynccontextmanager
    async def database(self, role: str = "postgres") -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await self._connect(role)
        try:
            for name in ("json", "jsonb"):
                await connection.set_type_codec(
                    name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
                )
            yield connection
        finally:
            await connection.close()

    async def _connect(self, role: str) -> "asyncpg.Connection[asyncpg.Record]":
        """Connect; wait for a PostgreSQL that recovers after it was killed."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                return await asyncpg.connect(self.database_url(role))
            except asyncpg.CannotConnectNowError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(0.05)

    async def hire(self, role: Literal["voice", "chat", "admin"], agents: int = 1) -> Person:
        """A new person through the Auth admin API: voice or chat (a supervisor with agents), or admin."""
        word = secrets.token_hex(5)
        meta = {"app_role": "admin"}
        if role != "admin":
            meta = {"app_role": "supervisor", "supervisor_type": role, "username": f"{role}-{word}"}
        made = await self._administer(
            "users",
            email=f"{word}@example.com",
            password=PASSWORD,
            email_confirm=True,
            app_metadata=meta,
            user_metadata={"name": f"Person {word}"},
        )
        person = Person(
            UUID(made["id"]),
            f"{word}@example.com",
            meta.get("username", f"Person {word}"),
            f"Person {word}",
        )
        if role != "admin":
            for number in range(agents):
                person.agents.append(await self.add_agent(person, role, f"Agent {word} {number + 1}"))
        return person

    async def link(self, person: Person) -> str:
        """The token of a link for a new password, as an e-mail would bring it."""
        made = await self._administer("generate_link", type="recovery", email=person.email)
        return str(made["hashed_token"])

    async def _administer(self, path: str, **body: Any) -> dict[str, Any]:
        secret = Keys.load_or_create(self.home).secret
        headers = {"apikey": secret, "Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(timeout=DEADLINE) as http:
            answer = await http.post(f"{self.url}/auth/v1/admin/{path}", headers=headers, json=body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def add_agent(self, person: Person, channel: Channel, name: str, tools: Any = None) -> Agent:
        async with self.database() as owner:
            agent_id = await owner.fetchval(
                """insert into public.agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
                values ($1, $2, $3, 'Be kind.', $4) returning id""",
                person.id,
                name,
                channel,
                tools or TOOLS,
            )
            key = "fw_" + secrets.token_urlsafe(32)
            # With the columns that the last release has too, because its server is tested with these helpers.
            await owner.execute(
                "insert into public.agent_keys (agent_id, key_hash, hint) values ($1, $2, $3)",
                agent_id,
                digest(key),
                f"fw_…{key[-4:]}",
            )
        return Agent(agent_id, name, key, channel)

    @asynccontextmanager
    async def api(self, agent: Agent) -> AsyncIterator[httpx.AsyncClient]:
        """The agent API with this agent's key."""
        headers = {"Authorization": f"Bearer {agent.key}"}
        async with httpx.AsyncClient(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=2 * DEADLINE
        ) as client:
            yield client

    @asynccontextmanager
    async def browser_of(self, person: Person | None) -> AsyncIterator[httpx.AsyncClient]:
        """A client with the cookie of a fresh sign-in."""
        async with httpx.AsyncClient(base_url=self.url, timeout=DEADLINE) as client:
            if person is not None:
                answer = await client.post("/login", data={"email": person.email, "password": PASSWORD})
                assert answer.status_code == 303, answer.text
            yield client

    async def start(self, agent: Agent, **fields: Any) -> str:
        """A new interaction; its id."""
        async with self.api(agent) as api:
            answer = await api.post("/interactions", json={"interaction_type": agent.channel, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ask(self, agent: Agent, interaction: str, **fields: Any) -> dict[str, Any]:
        """A new tool permission."""
        body = {"tool_name": "issue_refund", "arguments": {"order": "W1", "amount": 12.5}, **fields}
        async with self.api(agent) as api:
            answer = await api.post(f"/interactions/{interaction}/tool-permissions", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def nobody_waits(self) -> None:
        """Take back what still waits, for a test of the wallboard, where the requests of all tests are."""
        async with self.database() as owner:
            await owner.execute(
                "update public.tool_permissions set status = 'cancelled', responded_at = clock_timestamp() where status = 'pending'"
            )

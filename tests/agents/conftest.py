"""An admin's browser, and the forms of agents and tools."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.app_server import AppServer


@pytest.fixture
async def admin(app_server: AppServer) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.browser_of(await app_server.hire("admin")) as browser:
        yield browser


def agent_form(supervisor: object = "", **fields: str) -> dict[str, str]:
    """The form of a new agent."""
    return {
        "supervisor_id": str(supervisor), "name": "Parcel agent", "system_prompt": "Be kind.", "voice_provider": "deepgram",
        "voice_id": "aura-2-thalia-en", "model_provider": "ollama", "model_name": "mixtral:8x7b", "language": "en",
        "interrupt_enabled": "yes", "silence_threshold_seconds": "0.8",
    } | fields  # fmt: skip


def tool_form(**fields: str) -> dict[str, str]:
    """The form of a new tool with one argument."""
    return {
        "tool_name": "issue_voucher", "description": "Pays with a voucher", "mode": "asks", "undo_seconds": "0",
        "edited": "fields", "field_name_0": "amount", "field_type_0": "number", "field_required_0": "yes",
    } | fields  # fmt: skip


def made(answer: httpx.Response) -> UUID:
    """The agent to whose page this answer leads."""
    assert answer.status_code == 303, answer.text
    found = re.match(r"/agents/([0-9a-f-]{36})", answer.headers["location"])
    assert found is not None, answer.headers["location"]
    return UUID(found[1])


def said(answer: httpx.Response) -> str:
    """What the page says to which this answer leads."""
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].partition("said=")[2])


async def make_agent(admin: httpx.AsyncClient, supervisor: object, **fields: str) -> UUID:
    return made(await admin.post("/agents", data=agent_form(supervisor, **fields)))


async def edited(admin: httpx.AsyncClient, agent_id: UUID, version: int, **fields: str) -> httpx.Response:
    """Publish a version, seen from this one."""
    form = agent_form(version=str(version), **fields)
    return await admin.post(f"/agents/{agent_id}/edit", data=form)


async def new_key(admin: httpx.AsyncClient, agent_id: UUID, name: str = "Night shift") -> str:
    """A key made by the page."""
    answer = await admin.post(f"/agents/{agent_id}/keys", data={"name": name, "key_id": str(uuid4())})
    assert answer.status_code == 201, answer.text
    found = re.search(r'value="(fw_[A-Za-z0-9_-]{43})"', answer.text)
    assert found is not None
    return found[1]


async def row(app_server: AppServer, query: str, *arguments: Any) -> dict[str, Any]:
    async with app_server.database() as owner:
        found = await owner.fetchrow(query, *arguments)
    assert found is not None
    return dict(found)

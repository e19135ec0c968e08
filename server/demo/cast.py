"""The supervisors of a replay, of both types, and the tools of their agents; in embedded mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from server.demo.client import Channel

_TAKEN = 422  # status: a person with this e-mail address exists, from an earlier replay


@dataclass(frozen=True, slots=True)
class Member:
    """A supervisor of the replay."""

    email: str
    channel: Channel


async def hire(auth_url: str, secret_key: str, supervisors: int, password: str | None) -> list[Member]:
    """Create this many supervisors through the Auth server's admin API, voice and chat alternately; existing ones are kept.

    Without a password nobody can sign in as them.
    """
    cast: list[Member] = []
    headers = {"apikey": secret_key, "Authorization": f"Bearer {secret_key}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        for number in range(supervisors):
            channel: Channel = "voice" if number % 2 == 0 else "chat"
            name = f"{channel}{number // 2 + 1}"
            member = Member(f"{name}@replay.example.com", channel)
            answer = await http.post(
                f"{auth_url}/admin/users",
                json={
                    "email": member.email,
                    **({} if password is None else {"password": password}),
                    "email_confirm": True,
                    "app_metadata": {
                        "app_role": "supervisor",
                        "supervisor_type": channel,
                        "username": f"replay-{name}",
                    },
                    "user_metadata": {"name": f"Replay {name}"},
                },
            )
            if answer.status_code != _TAKEN:
                answer.raise_for_status()
            cast.append(member)
    return cast


def tools(used: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """(tool, asks) pairs as an agent's mcp_tools; a tool that sometimes asks needs permission."""
    asking = {name for name, asks in used if asks}
    names = sorted({name for name, _ in used})
    return {"tools": [{"name": name, "requires_permission": name in asking} for name in names]}

"""The demo contact centre: every agent plays its scripts again and again, at natural speed."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from server.demo.client import AgentClient, Channel, Refused
from server.demo.player import Played, Script, clear, play
from server.demo.scripts import SCRIPTS

log = structlog.get_logger()

BETWEEN = (4.0, 12.0)  # seconds an agent is idle after an interaction
TROUBLED = 10.0  # seconds until the next attempt after an error


async def play_all(base_url: str, agents: Sequence[tuple[str, Channel]], *, speed: float = 1.0) -> None:
    """Play until cancelled. After an error (a stopped server, a paused agent, a revoked key) it waits and tries again."""
    phones: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:
        for place, (key, channel) in enumerate(agents):
            group.create_task(_play_agent(base_url, key, channel, place, speed, phones))


async def _play_agent(
    base_url: str, key: str, channel: Channel, place: int, speed: float, phones: dict[str, str]
) -> None:
    scripts = [script for script in SCRIPTS if script.channel == channel]
    turn = place  # so that two agents of one channel do not play the same script at the same time
    async with AgentClient(base_url, key) as client:
        await asyncio.sleep(place * 3 / speed)
        while True:
            script = with_phone(scripts[turn % len(scripts)], phones)
            played = await play(client, script, speed)
            if played.trouble:
                await recover(client, played)
                await asyncio.sleep(TROUBLED / speed)
            else:
                phones[script.name] = script.phone
                turn += 1
                log.info("demo_interaction_played", interaction_id=played.interaction_id)
                await asyncio.sleep(random.uniform(*BETWEEN) / speed)  # noqa: S311


def with_phone(script: Script, phones: Mapping[str, str]) -> Script:
    """The script with a new customer, or with the last customer of the script that it follows.

    A customer who returns within days with the same issue counts against first-contact resolution. So only the scripts that
    follow another one may use a number twice.
    """
    if script.follows and script.follows in phones:
        return replace(script, phone=phones[script.follows])
    area, line = random.randint(200, 989), random.randint(100, 199)  # noqa: S311
    return replace(script, phone=f"+1{area}5550{line}")  # 555-0100 to 555-0199 are reserved for fiction


async def recover(client: AgentClient, played: Played) -> None:
    """Log the trouble, and end an interaction that the agent left active, because it prevents the next attempt."""
    trouble = played.trouble
    log.info("demo_interaction_cut_short", interaction_id=played.interaction_id, trouble=str(trouble))
    if played.interaction_id is None and isinstance(trouble, Refused) and trouble.status == 409:
        await clear(client)

"""The demo contact centre: every agent plays its scripts for ever, at natural speed."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import structlog

from server.demo.client import AgentClient, AgentError, Channel, Refused
from server.demo.player import Played, Script, abandon, play
from server.demo.scripts import SCRIPTS

log = structlog.get_logger()

BETWEEN = (4.0, 12.0)  # seconds an agent is idle after an interaction
CALLS_AGAIN = 0.15
AREA_CODES = (206, 212, 303, 312, 404, 415, 512, 617, 702, 919)
TROUBLED = 10.0  # seconds until the next attempt after one that could not be played


async def play_forever(base_url: str, agents: Sequence[tuple[str, Channel]], *, speed: float = 1.0) -> None:
    """Play until cancelled; a server that is away, a paused agent, a revoked key are all waited out."""
    async with asyncio.TaskGroup() as group:
        for place, (key, channel) in enumerate(agents):
            group.create_task(_play_agent(base_url, key, channel, place, speed))


async def _play_agent(base_url: str, key: str, channel: Channel, place: int, speed: float) -> None:
    scripts = [script for script in SCRIPTS if script.channel == channel]
    turn = place  # two agents of one channel do not say the same at the same time
    async with AgentClient(base_url, key) as client:
        await asyncio.sleep(place * 3 / speed)
        while True:
            played = await play(client, _fresh(scripts[turn % len(scripts)]), speed)
            if played.trouble:
                await _recover(client, played)
                await asyncio.sleep(TROUBLED / speed)
            else:
                turn += 1
                log.info("demo_interaction_played", interaction_id=played.interaction_id)
                await asyncio.sleep(random.uniform(*BETWEEN) / speed)  # noqa: S311


def _fresh(script: Script) -> Script:
    """With another customer, mostly: somebody who calls again within days counts against first contact resolution."""
    if random.random() < CALLS_AGAIN:  # noqa: S311
        return script
    area, line = random.choice(AREA_CODES), random.randint(100, 199)  # noqa: S311
    return replace(script, phone=f"+1{area}5550{line}")  # 555-0100 to 555-0199 belong to nobody


async def _recover(client: AgentClient, played: Played) -> None:
    """End what an earlier demo left active: its agent takes no other interaction until then."""
    trouble = played.trouble
    log.info("demo_interaction_cut_short", interaction_id=played.interaction_id, trouble=str(trouble))
    if played.interaction_id is None and isinstance(trouble, Refused) and trouble.status == 409:
        try:
            left = (await client.agent()).get("active_interaction_id")
        except AgentError:
            return
        if isinstance(left, str):
            await abandon(client, left)

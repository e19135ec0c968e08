"""Plays many scripts with several agents at once, one active interaction per agent, as the API allows."""

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from server.demo.client import AgentClient, Channel
from server.demo.player import Played, Script, clear, play

Queue = deque[tuple[int, Script]]


async def replay(
    base_url: str,
    agents: Sequence[tuple[str, Channel]],
    scripts: Sequence[Script],
    *,
    speed: float = 1.0,
    at_once: int | None = None,
    voice_share: float = 0.3,
) -> list[Played]:
    """Play each script once, in order, with the first free agent (a key and a channel) of its channel.

    `voice_share` of the chats are played as voice where there are voice agents; a channel without agents gives
    its scripts to the other one. `at_once` bounds how many play at the same time.
    """
    queues = _queues(scripts, {channel for _, channel in agents}, voice_share)
    limit = asyncio.Semaphore(at_once or len(agents))
    played: list[tuple[int, Played]] = []

    async def work(key: str, queue: Queue) -> None:
        async with AgentClient(base_url, key) as client:
            await clear(client)
            while queue:
                async with limit:
                    if queue:  # another agent may have taken the last one meanwhile
                        place, script = queue.popleft()
                        played.append((place, await play(client, script, speed)))

    async with asyncio.TaskGroup() as group:
        for key, channel in agents:
            group.create_task(work(key, queues[channel]))
    return [each for _, each in sorted(played, key=lambda pair: pair[0])]


def _queues(scripts: Sequence[Script], channels: set[Channel], voice_share: float) -> dict[Channel, Queue]:
    queues: dict[Channel, Queue] = {"voice": deque(), "chat": deque()}
    chats = itertools.count(1)
    for place, script in enumerate(scripts):
        channel = script.channel
        if channel == "chat":
            nth = next(chats)
            if int(nth * voice_share) > int((nth - 1) * voice_share):
                channel = "voice"
        if channel not in channels:
            channel = "chat" if channel == "voice" else "voice"
        queues[channel].append((place, replace(script, channel=channel)))
    return queues

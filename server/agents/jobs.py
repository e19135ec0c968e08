"""Delivers what the world outside is told: an interaction that ended, to the callback_url of its agent.

Headers and body are those of Standard Webhooks (webhook-id, webhook-timestamp; type, timestamp, data) without a signature,
which needs a secret for each receiver. The body therefore holds nothing of the customer: who receives it reads the rest with
the key of the agent. An event may come twice: webhook-id tells.
"""

import asyncio
import json
import time
from collections import Counter

import structlog

from server.agents import webhook_deliveries
from server.errors import RequestError
from server.kernel.db import Database, Record
from server.kernel.providers import HostGates, post

_PAUSE = 1.0  # seconds between two looks at what is due
_AT_ONCE, _PER_HOST = 32, 4  # attempts of this process; a slow host takes few of them

log = structlog.get_logger(__name__)


async def run(db: Database, *, private: bool) -> None:
    """Deliver while the process runs. Several processes share the work; what one loses is due again after 60 s."""
    running: dict[asyncio.Task[None], str] = {}
    gates = HostGates(_PER_HOST)  # what is taken for a host with three attempts may be four more
    try:
        while True:
            hosts = Counter(running.values())
            busy = [host for host, count in hosts.items() if count >= _PER_HOST]
            try:
                due = await webhook_deliveries.take(db, _AT_ONCE - len(running), busy)
            except RequestError as error:
                log.warning("deliveries_not_read", reason=error.detail)
                due = []
            for delivery in due:
                task = asyncio.create_task(
                    _deliver(db, delivery, gates.of(delivery["host"]), private=private)
                )
                running[task] = delivery["host"]
                task.add_done_callback(running.pop)
            # A full house waits until one has ended, and a queue goes on at once.
            if running and (due or len(running) >= _AT_ONCE):
                await asyncio.wait(running, timeout=_PAUSE, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(_PAUSE)
    finally:
        for task in running:
            task.cancel()


async def _deliver(db: Database, delivery: Record, gate: asyncio.Semaphore, *, private: bool) -> None:
    async with gate:
        await _attempt(db, delivery, private=private)


async def _attempt(db: Database, delivery: Record, *, private: bool) -> None:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Floorwalker",
        "webhook-id": str(delivery["event_id"]),
        "webhook-timestamp": str(int(time.time())),
    }
    body = json.dumps(delivery["body"], separators=(",", ":")).encode()
    answer = await post(delivery["url"], body, headers, private=private)
    try:
        over = await webhook_deliveries.note(
            db, delivery, delivered=answer.good, status=answer.status, answer=answer.head
        )
    except RequestError as error:
        log.warning("delivery_not_noted", reason=error.detail)
        return
    if over and not answer.good:
        log.warning(
            "delivery_given_up", host=delivery["host"], attempts=delivery["attempt"], status=answer.status
        )

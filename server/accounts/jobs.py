"""Sends signals by web push to people whom no open page has called.

A page reports at once what it has played, has shown as a notification, or has on the screen while somebody looks at it
(POST /account/signals/given). What nobody has reported four seconds after its moment is queued here. So the server believes
what a page has done, and not that a stream is open: a machine that sleeps, or has lost the network, keeps its stream for
minutes and calls nobody (2026-11-29), and a page whose sound is off and which may not notify calls nobody either.

A message says which signal, the agent and the tool; nothing of the customer, although only the browser can read it.
"""

import asyncio
import base64
import hashlib
import json
from collections import Counter

import structlog

from server.accounts import push_subscriptions
from server.errors import RequestError
from server.kernel.db import Database, Record
from server.kernel.http import spelled
from server.kernel.providers import HostGates, PushKeys, encrypt, post

_PAUSE = 1.0  # seconds between two looks at what is due
_AT_ONCE, _PER_HOST = 32, 4  # attempts of this process; a slow host takes few of them
_NAME = 200  # characters of a name in a message

log = structlog.get_logger(__name__)


async def run(db: Database, keys: PushKeys, *, private: bool) -> None:
    """Send while the process runs. Several processes share the work; what one loses is due again after 30 s."""
    running: dict[asyncio.Task[None], str] = {}
    gates = HostGates(_PER_HOST)  # what is taken for a host with three attempts may be four more
    try:
        while True:
            hosts = Counter(running.values())
            busy = [host for host, count in hosts.items() if count >= _PER_HOST]
            due: list[Record] = []
            try:
                await push_subscriptions.queue(db)
                due = await push_subscriptions.take(db, _AT_ONCE - len(running), busy)
            except RequestError as error:
                log.warning("pushes_not_read", reason=error.detail)
            for message in due:
                task = asyncio.create_task(
                    _send(db, keys, message, gates.of(message["host"]), private=private)
                )
                running[task] = message["host"]
                task.add_done_callback(running.pop)
            await asyncio.sleep(_PAUSE)
    finally:
        for task in running:
            task.cancel()


async def _send(
    db: Database, keys: PushKeys, message: Record, gate: asyncio.Semaphore, *, private: bool
) -> None:
    async with gate:
        await _attempt(db, keys, message, private=private)


async def _attempt(db: Database, keys: PushKeys, message: Record, *, private: bool) -> None:
    said = {
        "signal": message["signal"],
        "agent": spelled(message["agent_name"][:_NAME]),
        "tool": message["tool_name"] and spelled(message["tool_name"][:_NAME]),
        "about": str(message["subject_id"]),
    }
    # What is said later of the same request replaces what has not been delivered (RFC 8030, 5.4).
    topic = base64.urlsafe_b64encode(hashlib.sha256(message["subject_id"].bytes).digest())[:32].decode()
    headers = {
        "Authorization": keys.proof(message["endpoint"]),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(message["seconds"]),
        "Topic": topic,
        "Urgency": "high",
    }
    body = encrypt(json.dumps(said, ensure_ascii=False).encode(), message["p256dh"], message["auth"])
    answer = await post(message["endpoint"], body, headers, private=private)
    try:
        given_up = await push_subscriptions.note(db, message, status=answer.status, delivered=answer.good)
    except RequestError as error:
        log.warning("push_not_noted", reason=error.detail)
        return
    if given_up:
        log.warning("push_given_up", host=message["host"], status=answer.status, answer=answer.head)

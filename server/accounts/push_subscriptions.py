"""Browsers that get a person's signals by web push, and the messages on their way to them."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from server.errors import Invalid
from server.kernel.db import Connection, Database, Record, lengths
from server.kernel.providers import from_base64url, public_point

_SECRET = 16  # bytes
# Seconds after which an attempt is repeated; a signal that comes later calls nobody in time.
_AGAIN = (5, 15, 45)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser hands over: where its push service takes messages, and its keys for them."""

    endpoint: str
    host: str
    p256dh: bytes
    auth: bytes

    @classmethod
    def typed(cls, endpoint: str, p256dh: str, auth: str, *, private: bool) -> "Subscription":
        """Invalid for an address that is not https, and for keys that are none. `private`: http is allowed, for tests.

        Where the name of the address leads is checked whenever something is sent there (kernel/providers/addresses.py).
        """
        try:
            there = urlsplit(endpoint)
            good = (
                there.scheme in (("https", "http") if private else ("https",))
                and there.hostname
                and "@" not in there.netloc
                and there.port != 0
                and len(endpoint) <= lengths.ENDPOINT
                and re.fullmatch(r"[!-~]+", endpoint)
            )
        except ValueError:
            good = False
        if not good:
            raise Invalid("A push subscription has an address that begins with https://.")
        try:
            secret = from_base64url(auth)
        except ValueError:
            secret = b""
        if len(secret) != _SECRET:
            raise Invalid("This is not the secret of a push subscription.")
        return cls(endpoint, there.netloc.lower(), public_point(p256dh), secret)


async def subscribe(connection: Connection, session_id: UUID, given: Subscription) -> None:
    """The viewer's browser with this session gets signals by web push, in place of what it handed over before."""
    await connection.execute(
        "select private.subscribe_push($1, $2, $3, $4, $5)",
        session_id,
        given.endpoint,
        given.host,
        given.p256dh,
        given.auth,
    )


async def end(connection: Connection, session_id: UUID) -> None:
    """The viewer's browser with this session gets nothing any more."""
    await connection.execute("select private.end_push($1)", session_id)


async def has_session(connection: Connection, session_id: UUID) -> bool:
    """Whether the browser with this session gets signals."""
    return bool(
        await connection.fetchval(
            "select exists (select from public.push_subscriptions where session_id = $1)", session_id
        )
    )


async def queue(db: Database) -> None:
    """Queue what calls people whom no page has called."""
    await db.call("select private.queue_pushes()")


async def take(db: Database, most: int, busy: list[str]) -> list[Record]:
    """At most so many messages that are due, none to a host in `busy`."""
    return await db.call("select * from private.take_pushes($1, $2)", most, busy)


async def note(db: Database, message: Record, *, status: int | None, delivered: bool) -> bool:
    """Write down how an attempt ended; return whether it is given up.

    404 and 410 end the subscription (RFC 8030), and so does 403: it was made for another VAPID key (RFC 8292, 4.2), and the
    browser subscribes again when it opens a page.
    """
    attempt, gone = message["attempt"], status in (403, 404, 410)
    # What a push service refuses it would refuse again, such as a body that is too large (413).
    repeats = not delivered and not gone and (status is None or status == 429 or status >= 500)
    again = _AGAIN[attempt - 1] if repeats and attempt <= len(_AGAIN) else None
    await db.call("select private.note_push($1, $2, $3, $4)", message["id"], attempt, gone, again)
    return not delivered and status not in (404, 410) and again is None

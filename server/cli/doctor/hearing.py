"""Whether notifications arrive: from PostgreSQL by LISTEN, and over NATS where one process listens for many."""

import asyncio
import secrets

from server.cli.context import Context
from server.cli.doctor.findings import SECONDS, Findings, right, wrong
from server.kernel import db
from server.kernel.live import Topics, hears


async def check_listener(context: Context) -> Findings:
    """LISTEN, in the way of the web process."""
    settings = context.settings
    name = "DATABASE_LISTEN_URL" if settings.database_listen_url else "DATABASE_URL"
    url = settings.database_listen_url or settings.database_url
    if url is None:
        return
    async with db.visit(name, url, SECONDS) as connection:
        direct = await db.is_direct(connection)
    if await hears(url):
        yield right(f"notifications arrive, {'directly' if direct else 'through a session pooler'}")
        return
    what = "receives no notifications" if direct else "leads to a transaction pooler, which delivers none"
    yield wrong(
        f"{name} ({db.where(url)}) {what}, so pages are read every two seconds instead of at each change: "
        "set DATABASE_LISTEN_URL to a session connection, direct or on the session pooler's port 5432"
    )


async def check_fanout(context: Context) -> Findings:
    """NATS, tested by a leader that answers itself: it can be reached, and the account may publish and subscribe."""
    if context.settings.fanout_url is None:
        return
    from server.kernel.live.fanout import Fanout  # its library is not loaded in most processes

    servers = ", ".join(address.rpartition("@")[2] for address in context.settings.fanout_url.split(","))
    fanout = Fanout(context.settings.fanout_url)
    connection = await fanout.open(f"doctor {secrets.token_hex(8)}", Topics(), asyncio.Event())
    if connection is None:
        yield wrong(
            f"FANOUT_URL: NATS cannot be reached at {servers} ({fanout.trouble}): check address and account; "
            "meanwhile each web process listens for itself"
        )
        return
    try:
        await connection.lead()
        if await connection.answered():
            yield right(f"NATS passes notifications on at {servers}")
        else:
            yield wrong(
                f"FANOUT_URL: NATS at {servers} does not pass on messages: let the account publish and subscribe to "
                "floorwalker.>"
            )
    finally:
        await connection.close()

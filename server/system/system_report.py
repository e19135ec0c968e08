"""What the database reports about itself, for admins."""

from typing import Any

from server.kernel.db import Connection

COLUMNS = ("name", "rows", "dead_rows", "bytes", "index_bytes", "index_reads", "whole_reads", "vacuumed_at")


async def read(connection: Connection) -> dict[str, Any]:
    """Sizes, index use, slow queries, retention and faults (`public.system_report`). Forbidden for other roles."""
    found: dict[str, Any] = await connection.fetchval("select public.system_report()")
    return found

"""Connections and transactions of a viewer, database errors in words, migrations, backups and the sweeper.

Others use the names below, and the modules migrations, backups, sweeper and lengths.
"""

from server.kernel.db.connections import (
    Caller,
    Connection,
    Database,
    KeptConnection,
    Record,
    as_owner,
    check,
    connect,
    is_direct,
    translated_errors,
    visit,
    where,
)
from server.kernel.db.postgres_programs import Programs, secretly

__all__ = [
    "Caller",
    "Connection",
    "Database",
    "KeptConnection",
    "Programs",
    "Record",
    "as_owner",
    "check",
    "connect",
    "is_direct",
    "secretly",
    "translated_errors",
    "visit",
    "where",
]

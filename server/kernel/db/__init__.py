"""Connections and transactions of a viewer, database errors in words, migrations, backups and the sweeper.

Others use the names below, and the modules migrations, backups, sweeper, lengths and lists.
"""

from server.kernel.db.connections import (
    Caller,
    Connection,
    Database,
    KeptConnection,
    Record,
    Sentences,
    as_owner,
    check,
    connect,
    is_direct,
    read_sentences,
    translated_errors,
    visit,
    where,
)
from server.kernel.db.postgres_programs import Programs, secretly
from server.kernel.db.savepoints import savepoint

__all__ = [
    "Caller",
    "Connection",
    "Database",
    "KeptConnection",
    "Programs",
    "Record",
    "Sentences",
    "as_owner",
    "check",
    "connect",
    "is_direct",
    "read_sentences",
    "savepoint",
    "secretly",
    "translated_errors",
    "visit",
    "where",
]

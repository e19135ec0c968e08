"""A part of a transaction that can be undone by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.kernel.db.connections import Connection, Sentences, translated_errors


@asynccontextmanager
async def savepoint(connection: Connection, sentences: Sentences) -> AsyncIterator[None]:
    """Undo this block alone when it raises, so that the transaction can continue. Errors are translated."""
    with translated_errors(sentences):
        async with connection.transaction():
            yield

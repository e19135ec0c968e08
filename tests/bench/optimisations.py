"""What each optimisation gains over the plain way: each has a comment with its number where it is written."""

import asyncio
import sys

from tests.bench import optimisations_db, optimisations_gc, optimisations_http, optimisations_live
from tests.bench.table import Row, table

MODULES = (optimisations_db, optimisations_http, optimisations_live, optimisations_gc)


async def run(short: bool) -> list[Row]:
    """All rows; `short`: once each, and only whether both ways give the same matters."""
    return [row for module in MODULES for row in await module.measure(short)]


if __name__ == "__main__":
    print(table(asyncio.run(run("short" in sys.argv))))

"""All benchmarks, or those that are named; ends in a table of targets, what was measured, and what was recorded before.

    python -m tests.bench [--keep FILE] [NAME …]

FILE gets a JSON line a row; recorded.jsonl beside this module is one that was kept.
"""

import argparse
import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.bench.table import Row, keep, table

TARGETS = (
    "fanout",
    "people",
    "queue",
    "ingest",
    "rings",
    "stored",
    "sign_in",
    "history",
    "finding",
    "leaderboard",
    "transcript",
    "floor",
    "optimisations",
)
OTHERS = ("latency", "numbers", "retention", "growth")  # benchmarks that print their own results
RECORDED = Path(__file__).parent / "recorded.jsonl"


def main() -> None:
    # A stopped benchmark stops its servers, also in the background, where a shell disables SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*TARGETS, *OTHERS)))
    parser.add_argument("--keep", type=Path, help="append the rows to this file")
    chosen = parser.parse_args()
    names = chosen.names or (*OTHERS, *TARGETS)
    uvloop.install()
    rows: list[Row] = []
    for name in names:
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"-- {name}", flush=True)
        if name in TARGETS:
            found = asyncio.run(module.run(short=False))
            print(table(found), flush=True)
            rows += found
            if chosen.keep:
                keep(found, chosen.keep)
        else:
            asyncio.run(module.main())
    print(f"\n{table(beside(rows))}")


def beside(rows: Iterable[Row]) -> list[Row]:
    """The rows, with the ratio that was recorded last in their spread."""
    lines = RECORDED.read_text().splitlines() if RECORDED.exists() else []
    before = {row["name"]: row["numbers"] for row in map(json.loads, lines)}
    return [
        replace(row, spread=f"{row.spread}; recorded {before[row.name]['ratio']:.2f}")
        if "ratio" in before.get(row.name, {})
        else row
        for row in rows
    ]


if __name__ == "__main__":
    main()

"""What a benchmark found: rows, a table to read, and JSON Lines to keep."""

import datetime as dt
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One target and what was measured; `short` is None where there is nothing to fall short of."""

    name: str
    target: str
    measured: str
    spread: str
    short: bool | None
    numbers: dict[str, float] = field(default_factory=dict)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The median of the ratios of each round, their least and their most."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def table(rows: Iterable[Row]) -> str:
    """The rows, aligned."""
    lines = [("", "target", "measured", "spread", "")]
    lines += [(r.name, r.target, r.measured, r.spread, "SHORT" if r.short else "") for r in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def keep(rows: Iterable[Row], file: Path) -> None:
    """Append the rows to a file, one line each, with the time."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    with file.open("a") as out:
        out.writelines(json.dumps({"at": now, **asdict(row)}) + "\n" for row in rows)

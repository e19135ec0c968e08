"""The trend beside the leaderboard: a measure of a few supervisors by hour, day or week."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from server.kernel.db import Connection, Record
from server.kernel.http import clock_time, duration
from server.leaderboard.leaderboard import Days

MEASURES = {"csat": "CSAT", "interactions": "Interactions", "aht": "Handle time", "fcr": "First contact"}
LINES = 6
_DAILY = 62  # days; over more of them a point is a week
_WIDE, _HIGH = 1000, 200  # of the picture without JavaScript


@dataclass(frozen=True, slots=True)
class Line:
    """A supervisor's values, one per point and None where there is none, and the value of all days; `kind` is chosen, first, second or other."""

    name: str
    kind: str
    values: tuple[float | None, ...]
    whole: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """`points` are local times (YYYY-MM-DD HH:MM) at which an hour, a day or a week (`step`) begins."""

    measure: str
    step: str
    points: tuple[str, ...]
    lines: tuple[Line, ...]
    low: float
    high: float

    @property
    def as_json(self) -> str:
        lines = [{"name": one.name, "kind": one.kind, "values": one.values} for one in self.lines]
        return json.dumps(
            {
                "measure": self.measure,
                "step": self.step,
                "points": self.points,
                "lines": lines,
                "low": self.low,
                "high": self.high,
            }
        )

    def text(self, value: float | None) -> str:
        """A value of this measure in words."""
        if value is None:
            return "\u2013"
        if self.measure == "interactions":
            return f"{value:.0f}"
        return duration(value) if self.measure == "aht" else f"{value:.1f}%"

    def named(self, point: str, clock: str) -> str:
        """A point as the table names it: its day, and of an hour the time by this clock."""
        if self.step != "hour":
            return point[:10]
        return f"{point[:10]} {clock_time(dt.time.fromisoformat(point[11:]), clock, seconds=False)}"

    def table(self, clock: str) -> list[tuple[str, list[tuple[str, str]]]]:
        """Per point its name and (supervisor, value) of each line."""
        return [
            (self.named(point, clock), [(line.name, self.text(line.values[place])) for line in self.lines])
            for place, point in enumerate(self.points)
        ]

    def path(self, line: Line) -> str:
        """The line as an SVG path; a value between two gaps is a dot."""
        width = _WIDE / max(len(self.points) - 1, 1)
        parts, drawn = [], False
        for place, value in enumerate(line.values):
            if value is not None:
                y = _HIGH * (self.high - value) / (self.high - self.low)
                x = place * width if len(self.points) > 1 else _WIDE / 2
                parts.append(f"{'L' if drawn else 'M'}{x:.0f} {y:.0f}{'' if drawn else 'h0'}")
            drawn = value is not None
        return "".join(parts)


def chosen(rows: Sequence[Record], first: UUID | None) -> list[Record]:
    """The supervisors whose lines are drawn: the first of the board, and this one among them."""
    ranked = [row for row in rows if row["rank"] is not None]
    best = ranked[:LINES]
    if first is not None and first not in [row["supervisor_id"] for row in best]:
        best = [*best[: LINES - 1], *[row for row in ranked if row["supervisor_id"] == first]]
    return best


async def read(
    connection: Connection, over: Days, rows: Sequence[Record], first: UUID | None, measure: str
) -> Trend | None:
    """The trend of a measure over these days of the rows that `chosen` gives; None without a row."""
    if not rows:
        return None
    step = "hour" if over.count == 1 else "day" if over.count <= _DAILY else "week"
    found = await connection.fetch(
        """
        with points as (
          select array_agg(p order by p) as starts from (
            select generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', interval '1 hour') as p where $5 = 'hour'
            union all
            select d::timestamp at time zone $6 from generate_series($3::date, $4::date, case $5 when 'day' then interval '1 day' else interval '7 days' end) d
            where $5 <> 'hour') s
        )
        select n as place, to_char(starts[n] at time zone $6, 'YYYY-MM-DD HH24:MI') as point, t.supervisor_id, t.interactions::float,
          t.csat::float, t.aht::float, t.fcr::float
        from points cross join generate_series(1, cardinality(starts)) n
        left join public.leaderboard_trend((select starts || $2::timestamptz from points), $7) t on t.place = n
        where starts[n] <= now() order by n
        """,
        over.since,
        over.until,
        over.first,
        over.last,
        step,
        over.zone,
        [row["supervisor_id"] for row in rows],
    )
    points = {row["place"]: row["point"] for row in found}
    values = {(row["supervisor_id"], row["place"]): row[measure] for row in found}
    empty = 0.0 if measure == "interactions" else None
    others = iter(("first", "second"))
    lines = []
    for row in rows:
        kind = "chosen" if row["supervisor_id"] == first else next(others, "other")
        series = tuple(values.get((row["supervisor_id"], place), empty) for place in points)
        whole = float(row[measure]) if row[measure] is not None else None
        lines.append(Line(row["username"], kind, series, whole))
    low, high = _bounds([value for line in lines for value in line.values if value is not None], measure)
    return Trend(measure, step, tuple(points.values()), tuple(lines), low, high)


def _bounds(values: Sequence[float], measure: str) -> tuple[float, float]:
    """Round numbers that the values lie between; a count begins at 0, a percentage stays within 0 and 100."""
    if not values:
        return 0.0, 100.0
    least = 0.0 if measure == "interactions" else min(values)
    span = max(max(values) - least, 1.0)
    unit = next(u for u in (1, 5, 10, 20, 30, 60, 120, 300, 600, 10**7) if span <= 6 * u)
    if unit == 10**7:
        unit = int(span / 4) + 1
    low, high = least // unit * unit, (max(values) // unit + 1) * unit
    if measure in ("csat", "fcr") and high > 100:
        high = 100.0
        low = min(low, high - unit)  # values of 100 alone need a distance too
    return max(low, 0.0), high

"""The numbers of the specification, computed in Python with fractions from raw rows, to compare the database with."""

import datetime as dt
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
FOLLOW_UP = dt.timedelta(days=3)


def period_start(period: str, zone: str, now: dt.datetime) -> dt.datetime:
    """Midnight of today, or of the first of this month, as clocks show it there."""
    day = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == "today" else day.replace(day=1)


def day_start(day: dt.date, zone: str) -> dt.datetime:
    """The moment at which a day begins there: midnight, or the end of the hour that clocks skip."""
    moment = dt.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    return moment if moment.astimezone(ZoneInfo(zone)).date() == day else moment + dt.timedelta(hours=1)


def first_contact(interactions: Sequence[Row], archives: Mapping[UUID, Row]) -> dict[UUID, bool | None]:
    """FCR of each archive, by its interaction: false when the same number came back within three days with the
    same issue tag, otherwise whether every issue is resolved, null without a number or an issue.
    """  # fmt: skip
    found = {}
    for one in (i for i in interactions if i["id"] in archives):
        archive = archives[one["id"]]
        came_back = any(
            later["phone_number"] == one["phone_number"]
            and dt.timedelta() < later["started_at"] - one["started_at"] <= FOLLOW_UP
            and _tags(archives[later["id"]]) & _tags(archive)
            for later in interactions
            if later["id"] in archives
        )
        issues = [*(archive["issues"] or []), *(archive["tags"] or {}).get("issues", [])]
        resolved = all(issue["status"] == "resolved" for issue in issues) if issues else None
        found[one["id"]] = None if one["phone_number"] is None else False if came_back else resolved
    return found


def _tags(archive: Row) -> set[str]:
    return {issue["tag"] for issue in (archive["tags"] or {}).get("issues", [])}


def performance(
    interactions: Sequence[Row], archives: Mapping[UUID, Row], key: str
) -> dict[UUID, dict[str, Any]]:
    """Over the completed interactions of each supervisor_id or agent_id: how many, averages, and FCR in percent."""
    found = {}
    done = sorted((i for i in interactions if i["status"] == "completed"), key=lambda i: i[key])
    for one, group in groupby(done, key=lambda i: i[key]):
        mine = list(group)
        closed = [archives[i["id"]] for i in mine if i["id"] in archives]
        known = [a["fcr_status"] for a in closed if a["fcr_status"] is not None]
        found[one] = {
            "interactions": len(mine),
            "csat": _average([a["csat_score"] for a in closed]),
            "handle": _average([round((i["ended_at"] - i["started_at"]).total_seconds()) for i in mine]),
            "resolution": _average([a["resolution_time_seconds"] for a in closed]),
            "fcr": Fraction(100 * sum(known), len(known)) if known else None,
        }
    return found


def _average(values: Sequence[Any]) -> Fraction | None:
    known = [Fraction(value) for value in values if value is not None]
    return sum(known, Fraction()) / len(known) if known else None


def scores(totals: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Fraction]:
    """0.5 CSAT + 0.3 interactions + 0.2 AHT, the latter two scaled to 0..100 between the least and the most (AHT the
    other way round), and 0 where those are equal.
    """  # fmt: skip
    counts = [Fraction(t["interactions"]) for t in totals.values()]
    times = [t["handle"] for t in totals.values()]
    return {
        key: Fraction(1, 2) * (t["csat"] or 0)
        + Fraction(3, 10) * _scaled(Fraction(t["interactions"]), counts)
        + Fraction(2, 10) * _scaled(-t["handle"], [-one for one in times])
        for key, t in totals.items()
    }


def _scaled(value: Fraction, among: Sequence[Fraction]) -> Fraction:
    least, most = min(among), max(among)
    return 100 * (value - least) / (most - least) if most > least else Fraction()

"""Moments of a sender's clock, in the forms that telephone systems and models use."""

import datetime as dt
from contextlib import suppress
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, JsonValue, WithJsonSchema

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNITS = (1, 10**3, 10**6, 10**9)  # of a second
_SECONDS_2000 = 946_684_800  # since 1970; no moment is earlier
_SECONDS_END = 10**11  # a larger number has a smaller unit


def _read_moment(value: object) -> object:
    """A moment from ISO 8601, or from seconds, milliseconds, microseconds or nanoseconds since 1970, distinguished by size."""
    if isinstance(value, str):
        with suppress(ValueError):
            return dt.datetime.fromisoformat(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for unit in _UNITS:
            if 0 <= value < _SECONDS_END * unit:
                return _EPOCH + dt.timedelta(microseconds=value * 10**6 // unit)
    return value


def _since_2000(moment: dt.datetime) -> dt.datetime:
    if not 2000 <= moment.year < 9999:
        raise ValueError("is before the year 2000" if moment.year < 2000 else "is later than the year 9998")
    return moment


_MOMENT: dict[str, JsonValue] = {
    "description": "Text with its offset from UTC, or seconds, milliseconds, microseconds or nanoseconds since 1970, "
    "distinguished by their size; in the years 2000 to 9998.",
    "anyOf": [
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^(?!9999)[2-9][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        },
        {
            "type": "number",
            "minimum": _SECONDS_2000,
            "exclusiveMaximum": _SECONDS_END * _UNITS[-1],
            "not": {
                "anyOf": [
                    {"minimum": _SECONDS_END * smaller, "exclusiveMaximum": _SECONDS_2000 * unit}
                    for smaller, unit in pairwise(_UNITS)
                ]
            },
        },
    ],
}
CapturedAt = Annotated[
    AwareDatetime, BeforeValidator(_read_moment), AfterValidator(_since_2000), WithJsonSchema(_MOMENT)
]

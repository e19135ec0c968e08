"""The filters of a list, as its address has them."""

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from server.errors import Invalid
from server.kernel.http.form_fields import is_id

_LONGEST, _LONGEST_NAME = 100, 255  # characters
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ListFilters:
    """What most lists filter by; empty means everything. A list adds its own fields, to CHOICES what each of them may be, and to NAMES those that are long."""

    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {}
    # Fields that are names given by programs, as long as the agent API takes them.
    NAMES: ClassVar[Collection[str]] = ()

    q: str = ""
    days: str = "7"
    since: str = ""  # a date in the zone of the viewer; instead of days
    until: str = ""
    agent: str = ""  # an id
    supervisor: str = ""  # a username

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """From a query string. Invalid for an unknown value."""
        given = {one.name: query[one.name].strip() for one in fields(cls) if one.name in query}
        found = cls(**given)
        plain = cls()
        known = (
            all(
                len(value) <= (_LONGEST_NAME if name in cls.NAMES else _LONGEST) and "\x00" not in value
                for name, value in given.items()
            )
            and all(date == "" or _is_date(date) for date in (found.since, found.until))
            and (found.agent == "" or is_id(found.agent))
            and all(
                getattr(found, name) in (getattr(plain, name), *choices)
                for name, choices in cls.CHOICES.items()
            )
        )
        if not known:
            raise Invalid("There is no such filter.")
        return found

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that differ from those of the plain address."""
        plain = type(self)()
        names = [one.name for one in fields(self)]
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(plain, name)}


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and dt.date.fromisoformat(text).year >= 2000
    except ValueError:
        return False

"""How a person wants to see every page: zone, clock, theme, density."""

from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from server.kernel.db import Connection
from server.kernel.http import Look


@dataclass(frozen=True, slots=True)
class Choice:
    """A preference with few values, as the form offers it."""

    name: str
    title: str
    values: dict[str, str]


CHOICES = (
    Choice("clock", "Clock", {"24": "24 hours, 14:05", "12": "12 hours, 2:05 PM"}),
    Choice("theme", "Theme", {"system": "as the system", "light": "light", "dark": "dark"}),
    Choice("density", "Density", {"comfortable": "comfortable", "compact": "compact: more on a screen"}),
)


async def read(connection: Connection) -> Look:
    """The viewer's preferences; those of a new person when nothing was chosen."""
    row = await connection.fetchrow(
        "select zone, clock, theme, density from public.preferences where user_id = (select private.viewer_id())"
    )
    return Look(row["zone"] or "", row["clock"], row["theme"], row["density"]) if row else Look()


@cache
def zones() -> list[str]:
    """The time zones that are offered, by name; the database knows more, and takes them."""
    areas = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific", "UTC"}  # fmt: skip
    return sorted(name for name in available_timezones() if name.partition("/")[0] in areas)


async def write(connection: Connection, look: Look) -> None:
    """Store them. Invalid for an unknown zone or value."""
    await connection.execute(
        "select public.set_preferences($1, $2, $3, $4)",
        look.zone or None,
        look.clock,
        look.theme,
        look.density,
    )


async def write_theme(connection: Connection, theme: str) -> None:
    """Store the theme alone. Invalid for an unknown one."""
    await connection.execute("select public.set_theme($1)", theme)

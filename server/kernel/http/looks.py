"""How the viewer's browser shows pages: zone, clock, theme and density, noted in cookies so that no page asks the database."""

import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from server.kernel.http.middleware import loopback
from server.settings import Settings

_SECONDS = 365 * 24 * 3600
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-/]{0,63}", re.ASCII)
_VALUES = {"clock": ("24", "12"), "theme": ("system", "light", "dark"), "density": ("comfortable", "compact")}


@dataclass(frozen=True, slots=True)
class Look:
    """What a person chose; the zone is empty for that of the browser."""

    zone: str = ""
    clock: str = "24"
    theme: str = "system"
    density: str = "comfortable"


def look_of(connection: HTTPConnection) -> Look | None:
    """What the cookies of a request say; None where nothing was chosen. Anybody may send them, so anything unknown is left out."""
    zone = connection.cookies.get("own-zone", "")
    said = {name: connection.cookies.get(name, "") for name in _VALUES}
    if not zone and not any(said.values()):
        return None
    known = {name: value for name, value in said.items() if value in _VALUES[name]}
    return Look(zone if _ZONE.fullmatch(zone) else "", **known)


def set_look(response: Response, settings: Settings, look: Look) -> None:
    """Note what the person of this browser chose. Scripts read and write these cookies as well."""
    secure = not loopback(settings)
    chosen = {"own-zone": look.zone, "clock": look.clock, "theme": look.theme, "density": look.density}
    if look.zone:
        chosen["zone"] = look.zone
    for name, value in chosen.items():
        response.set_cookie(
            name, value, max_age=_SECONDS if value else 0, path="/", secure=secure, samesite="lax"
        )

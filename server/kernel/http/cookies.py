"""The session cookie and the device cookie, and the time zone that a page has noted in one."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from server.kernel.http.middleware import host_name, loopback
from server.settings import LOOPBACK, Settings

_DEVICE_SECONDS = 365 * 24 * 3600
LONGEST_PATH = 2000
_DEEPEST = 8  # parts of a path at which a second cookie is looked for; no page has a deeper address


def insecure(request: Request) -> bool:
    """Whether this browser would not keep a session cookie: it is accepted over https only, and this request came over plain http.

    A proxy may have ended https without saying so. A browser sends Sec-Fetch-Site over https only, and to its own
    machine.
    """
    host = request.headers.get("host", "").encode("latin-1")
    return (
        request.url.scheme == "http"
        and not loopback(request.state.settings)
        and host_name(host) not in LOOPBACK
        and "sec-fetch-site" not in request.headers
    )


def cookie_name(settings: Settings) -> str:
    """The name of the session cookie. `__Host-` binds it to this host and https.

    Browsers refuse that prefix on plain loopback. There the name has the port in it, because browsers send a cookie to
    every port of a host, and a second Floorwalker may run on the same machine.
    """
    return f"floorwalker-{settings.port}" if loopback(settings) else "__Host-floorwalker"


def set_cookie(response: Response, settings: Settings, cookie: str) -> None:
    """Set the session cookie, until the browser closes."""
    response.set_cookie(
        cookie_name(settings), cookie, path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def set_device(response: Response, settings: Settings, device: str) -> None:
    """Set the device cookie, with which this browser is recognised."""
    response.set_cookie(
        device_cookie_name(settings),
        device,
        max_age=_DEVICE_SECONDS,
        path="/",
        secure=not loopback(settings),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, settings: Settings) -> None:
    """Delete the session cookie."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def device_cookie_name(settings: Settings) -> str:
    return f"{cookie_name(settings)}-device"


def drop_doubtful(response: Response, request: Request) -> None:
    """Delete the session cookies where the browser sent two, because neither can be trusted; the person signs in again.

    Another server on this machine can set a cookie for some of our paths only. Pages there would then redirect to the
    sign-in page and that one, which receives the other cookie alone, back. So they are deleted at every path from which this
    request can have received one. Elsewhere browsers accept no second cookie of our name.
    """
    settings = request.state.settings
    if len(_cookies(request, cookie_name(settings))) < 2:
        return
    drop_cookie(response, settings)
    path = ""
    for part in quote(request.scope["path"]).strip("/").split("/")[:_DEEPEST]:
        path += f"/{part}"
        for place in (path, f"{path}/"):
            response.delete_cookie(cookie_name(settings), path=place, httponly=True, samesite="lax")


def _cookies(request: Request, name: str) -> list[str]:
    pairs = [
        pair.partition("=") for header in request.headers.getlist("cookie") for pair in header.split(";")
    ]
    return [value.strip() for key, sign, value in pairs if sign and key.strip() == name]


def cookie_of(request: Request, name: str) -> str | None:
    """The cookie of this name, or None. Of two, another server of this host may have set one, so neither is used."""
    found = _cookies(request, name)
    return found[0] if len(found) == 1 else None


def session_cookie(request: Request) -> str | None:
    """The session's id in this request."""
    return cookie_of(request, cookie_name(request.state.settings))


def zone_cookie(request: Request) -> str:
    """The time zone of the browser, as its page has noted it; anything, since anybody may send it."""
    return request.cookies.get("zone", "")[:64]

"""The cookies of the site: who is signed in, and which browser it is."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from server.kernel.http.middleware import host_name, loopback
from server.settings import LOOPBACK, Settings

_DEVICE_SECONDS = 365 * 24 * 3600
LONGEST_PATH = 2000
_DEEPEST = 8  # parts of an address at whose paths a second cookie is looked for; no page of ours has more


def insecure(request: Request) -> bool:
    """Whether a browser keeps no session here: it takes our cookie over https alone, and this came over plain http.

    A proxy may have taken https off, and not said so. A browser tells where a request is from (Sec-Fetch-Site) over https
    only, and to its own machine.
    """
    host = request.headers.get("host", "").encode("latin-1")
    return (
        request.url.scheme == "http"
        and not loopback(request.state.settings)
        and host_name(host) not in LOOPBACK
        and "sec-fetch-site" not in request.headers
    )


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and https; on plain loopback browsers refuse that.

    There the port is in the name: cookies know no ports, and another Floorwalker may run beside this one.
    """
    return f"floorwalker-{settings.port}" if loopback(settings) else "__Host-floorwalker"


def set_cookie(response: Response, settings: Settings, cookie: str) -> None:
    """Hand the session's id to the browser, until it closes."""
    response.set_cookie(
        cookie_name(settings), cookie, path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def set_device(response: Response, settings: Settings, device: str) -> None:
    """Set the device cookie: with it, this browser is known."""
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
    """Take the session's id away from the browser."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def device_cookie_name(settings: Settings) -> str:
    return f"{cookie_name(settings)}-device"


def drop_doubtful(response: Response, request: Request) -> None:
    """Take the session's id away where the browser has two, of which neither is believed: it signs in anew.

    Another server on this machine can set one for a part of our addresses only. Then the pages there would send to the
    sign-in page, and that one, which gets the other alone, back. So they go at every path that this request can have one
    of. Beyond plain loopback browsers keep no second one with our name.
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
    """The cookie of this name, if there is one. Of two, one is somebody else's doing, and none is believed."""
    found = _cookies(request, name)
    return found[0] if len(found) == 1 else None


def session_cookie(request: Request) -> str | None:
    """The session's id that this request brings."""
    return cookie_of(request, cookie_name(request.state.settings))

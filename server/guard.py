"""The walls around every request: host, origin, headers, and who may come in.

A wall hands on what the next one returns instead of awaiting it: a stream stays for hours, and every frame with it.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial, wraps
from typing import TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.auth import Role, Viewer, Visitor
from server.errors import Forbidden, RequestError
from server.settings import LOOPBACK, Settings

_DEVICE_SECONDS = 365 * 24 * 3600
_LONGEST_PATH = 2000
_DEEPEST = 8  # parts of an address at whose paths a second cookie is looked for; no page of ours has more
_HOST = re.compile(r"(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?", re.ASCII)
_HOSTS = 100  # names (with their ports) that are remembered
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNCACHED = "private, no-store"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
Origin: TypeAlias = tuple[str, str, int]  # scheme, host, port
Refuse = Callable[[HTTPConnection, RequestError], ASGIApp]
Handler = Callable[[Request], Awaitable[Response]]


def security_headers(settings: Settings) -> dict[str, str]:
    """What every answer says; over https also that there is nothing here without it."""
    return HEADERS if loopback(settings) else HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


class SecurityHeaders:
    """Adds the headers to every answer; what is not static is never kept by a cache."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self.app = app
        self._pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)

        return self.app(scope, receive, partial(self._with_headers, scope, send))

    def _with_headers(self, scope: Scope, send: Send, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            names = {name for name, _ in given}
            pairs = message["headers"] = [*given, *(pair for pair in self._pairs if pair[0] not in names)]
            if not scope["path"].startswith("/static/"):
                if b"cache-control" in names:
                    pairs[:] = [pair for pair in pairs if pair[0] != b"cache-control"]
                pairs.append((b"cache-control", UNCACHED.encode()))
        return send(message)


class TrustedHosts:
    """Refuses the names of others. What it let in before passes at once: each name is taken apart only once."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed_hosts)
        self._known: set[bytes] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        host = _host(scope)
        if host in self._known:
            return self._app(scope, receive, send)
        if "*" not in self._allowed and (host is None or _name(host) not in self._allowed):
            return PlainTextResponse("Invalid host header", 400)(scope, receive, send)
        if host is not None and len(self._known) < _HOSTS:
            self._known.add(host)
        return self._app(scope, receive, send)


def _name(host: bytes) -> str | None:
    """localhost:8000 → localhost, [::1]:8000 → ::1; None for what is no host and port."""
    found = _HOST.fullmatch(host.decode("latin-1").lower())
    return found[1] or found[2] if found else None


def _host(scope: Scope) -> bytes | None:
    found = [value for name, value in scope.get("headers", ()) if name == b"host"]
    return found[0] if len(found) == 1 else None


class SameOrigin:
    """Refuses unsafe methods from another origin; a program sends neither header and passes.

    What a browser says of itself (Sec-Fetch-Site) counts first. Older ones, and all of them over plain http beyond this
    machine, only say where the page was from: that must be our own address, which is PUBLIC_URL if there is one, for a
    proxy in front may call us by another name.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse
        self._own = _origin(public_url) if public_url else None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS and self._foreign(scope):
            answer = self.refuse(HTTPConnection(scope), Forbidden("This request came from another site."))
            return answer(scope, receive, send)
        return self.app(scope, receive, send)

    def _foreign(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if sites := headers.getlist("sec-fetch-site"):
            return any(site not in ("same-origin", "none") for site in sites)
        origins = headers.getlist("origin")
        if not origins:
            return False
        own = self._own or _origin(f"{scope['scheme']}://{headers.get('host')}")
        return own is None or any(_origin(origin) != own for origin in origins)


def _origin(address: str) -> Origin | None:
    """Scheme, host and port of what is an address and nothing more."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


def loopback(settings: Settings) -> bool:
    """Whether people reach us only from this machine and over http."""
    return settings.host in LOOPBACK and not (settings.public_url or "").startswith("https:")


def trusted_hosts(settings: Settings) -> list[str]:
    """Names we answer to; anything when we listen to the world and nobody told us our address."""
    if settings.public_url:
        return [urlsplit(settings.public_url).hostname or "*", settings.host, *LOOPBACK]
    return ["*"] if settings.host not in LOOPBACK else sorted(LOOPBACK)


def insecure(request: Request) -> bool:
    """Whether a browser keeps no session here: it takes our cookie over https alone, and this came over plain http.

    A proxy may have taken https off, and not said so. A browser tells where a request is from (Sec-Fetch-Site) over https
    only, and to its own machine.
    """
    host = request.headers.get("host", "").encode("latin-1")
    return (
        request.url.scheme == "http"
        and not loopback(request.state.settings)
        and _name(host) not in LOOPBACK
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


def set_device(response: Response, settings: Settings, mark: str) -> None:
    """Leave the mark of a sign-in with the browser: there, this person is known."""
    response.set_cookie(
        _device_name(settings),
        mark,
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


def _device_name(settings: Settings) -> str:
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


def _cookie(request: Request, name: str) -> str | None:
    """The cookie of this name, if there is one. Of two, one is somebody else's doing, and none is believed."""
    found = _cookies(request, name)
    return found[0] if len(found) == 1 else None


def session_cookie(request: Request) -> str | None:
    """The session's id that this request brings."""
    return _cookie(request, cookie_name(request.state.settings))


def visitor_of(request: Request) -> Visitor:
    """Where this request is from, whoever makes it."""
    return Visitor(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        _cookie(request, _device_name(request.state.settings)),
    )


async def viewer_of(request: Request) -> Viewer | None:
    """Who is signed in with this request's cookie."""
    viewer: Viewer | None = await request.state.auth.viewer(session_cookie(request))
    return viewer


def own_path(wanted: str) -> str:
    """Where somebody wanted to go, if that is a page of ours; else home. Browsers take a backslash for a slash."""
    own = wanted.startswith("/") and not wanted.startswith(("//", "/login", "/logout"))
    plain = not any(character <= " " or character in "\\\x7f" for character in wanted)
    return wanted if own and plain and len(wanted) <= _LONGEST_PATH else "/"


def _sign_in_page(request: Request) -> str:
    """The address of the sign-in page, from which one comes back to where one was: of a form, to the page it is on."""
    wanted = "/"
    if request.method in _SAFE_METHODS and "hx-request" not in request.headers:
        query = request.scope["query_string"].decode("latin-1")
        wanted = quote(request.scope["path"]) + (f"?{query}" if query else "")
    elif current := request.headers.get("hx-current-url") or request.headers.get("referer"):
        with suppress(ValueError):
            wanted = urlsplit(current)._replace(scheme="", netloc="", fragment="").geturl()
    wanted = own_path(wanted)
    return "/login" if wanted == "/" else "/login?" + urlencode({"next": wanted})


def signed_in(handler: Handler, *roles: Role) -> Handler:
    """Let signed-in people through (of these roles), with `request.state.viewer`; others go to the sign-in page."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        viewer = await viewer_of(request)
        if viewer is None:
            if request.headers.get("hx-request"):
                answer = Response(status_code=204, headers={"HX-Redirect": _sign_in_page(request)})
            else:
                answer = RedirectResponse(_sign_in_page(request), 303)
            drop_doubtful(answer, request)
            return answer
        if roles and viewer.role not in roles:
            raise Forbidden("This page is not for your role.")
        request.state.viewer = viewer
        return await handler(request)

    return guarded
